"""The suite of webhook sources."""

from __future__ import annotations

import gc
import inspect
import tracemalloc
from abc import abstractmethod
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from hub.sdk import Event, UnitContext, WebhookRejected, WebhookRequest, WebhookSource
from hub.testing.conformance.events import check_events
from hub.testing.conformance.farside import FarSide
from hub.testing.conformance.secrets import Overheard
from hub.testing.conformance.unit import UnitSuite, not_applicable

_JUNK: tuple[str | None, ...] = (None, "", " ", "junk", "0", "é☃", "x" * 10_000, "a=b,c=d", "null", "\x7f", "-1", "=")
_COUNT = 300
_SPARE = 2**20


class Sender(FarSide):
    """The far side of a webhook source: it comes to us, and can't be made to fail."""

    @property
    def faults(self) -> frozenset[str]:
        """None: what the network does to requests, the hub's own server meets."""
        return frozenset()

    @asynccontextmanager
    async def fault(self, name: str, *, after: int = 0) -> AsyncIterator[None]:
        """There is none."""
        del after
        raise NotImplementedError(f"a sender has no fault {name}")
        yield


class WebhookSourceSuite(UnitSuite[Sender]):
    """What a webhook source must keep to. See `UnitSuite` for what a connector's tests give."""

    suite = "webhook source"

    @pytest.fixture
    async def far_side(self) -> Sender:
        """Whoever sends."""
        return Sender()

    @classmethod
    def unit_class(cls) -> type[WebhookSource[Any]]:
        """The source."""
        source = cls.connector.sources[cls.kind]
        assert issubclass(source, WebhookSource), f"{cls.use()} is no WebhookSource"
        return source

    @abstractmethod
    def bodies(self) -> Sequence[bytes]:
        """Two different payloads or more, as the system sends them."""

    @abstractmethod
    def request(self, body: bytes, delivery: str) -> WebhookRequest:
        """A genuine request, signed otherwise than the source looks at it; `delivery` tells it from others."""

    def source(self, far_side: Sender) -> WebhookSource[Any]:
        """The source."""
        made: WebhookSource[Any] = self.make(far_side, UnitContext(name="unit", deployment="conformance"))
        return made

    async def suffer(self, far_side: Sender, heard: Overheard) -> None:
        """Receives all that it refuses, and something that it takes."""
        source = self.source(far_side)
        heard.hear(source, source.far_side, source.context)
        await source.open()
        for request in (self.request(self.bodies()[0], "d0"), *self._forged(), *self._strange()):
            try:
                heard.hear(*source.receive(request))
            except Exception as error:  # noqa: BLE001  other tests say that it must not be
                heard.hear(error)
                if isinstance(error, WebhookRejected):
                    heard.hear(error.detail, error.code)
        await source.close()

    # Checks

    async def test_a_genuine_request_becomes_events(self, far_side: Sender) -> None:
        """Of declared types and with a key; another life of the source makes the same of it."""
        for number, body in enumerate(self.bodies()):
            request = self.request(body, f"d{number}")
            events = self.source(far_side).receive(request)
            check_events(events, self.source(far_side).declared, self.unit_class())
            again = self.source(far_side).receive(request)
            assert [each.id for each in events] == [each.id for each in again], (
                "the same delivery must give events of the same id: repeated ones are known by it"
            )

    async def test_two_deliveries_are_two_events(self, far_side: Sender) -> None:
        """Even with the same body: what happened twice is told twice."""
        first, second = (self.source(far_side).receive(self.request(self.bodies()[0], name)) for name in ("d1", "d2"))
        same = {each.id for each in first} & {each.id for each in second}
        assert not same, f"two deliveries gave events of the same id: {sorted(same)}; the second would be dropped"

    async def test_a_forged_request_is_refused(self, far_side: Sender) -> None:
        """With 401 where its signature is missing, of another body, or cut off."""
        for request in self._forged():
            rejected = self._refused(far_side, request)
            assert rejected.status == 401, f"expected 401 for a forged request; got {rejected.status}, {rejected.code}"  # noqa: PLR2004

    async def test_a_strange_request_is_refused_or_taken(self, far_side: Sender) -> None:
        """Whatever its headers hold; never with an error of our own, which would be answered 500 and sent again."""
        for request in self._strange():
            self._outcome(far_side, request)

    async def test_an_unreadable_payload_is_not_lost(self, far_side: Sender) -> None:
        """The sender can't mend it and won't send it again: its bytes become an event, for the dead letters."""
        for body in (b"", b"{", b'{"a": NaN}', b"\xff\xfe\x00", b"[" * 3000):
            request = self.request(body, "broken")
            try:
                events = self.source(far_side).receive(request)
            except Exception as error:
                name = type(error).__name__
                raise AssertionError(
                    f"a genuine request with the payload {body[:20]!r}: got {name}: {error}"
                ) from error
            assert events, f"a genuine request with the payload {body[:20]!r} became no event"
            assert any(isinstance(each, Event) and each.raw == body for each in events), (
                f"the bytes {body[:20]!r} of a genuine request aren't in its event"
            )

    async def test_every_vendor_exception_is_a_signal(self) -> None:
        """It is called, and has no client."""
        not_applicable("it is called, and calls nobody")

    async def test_it_doesn_t_wait(self, far_side: Sender) -> None:
        """`receive` is a plain function, so that no request holds up another."""
        assert not inspect.iscoroutinefunction(self.source(far_side).receive), "`receive` must not be async"

    async def test_memory_is_bounded(self, far_side: Sender) -> None:
        """It holds nothing of what it has received."""
        source = self.source(far_side)
        body = self.bodies()[0]
        source.receive(self.request(body, "first"))
        requests = [self._padded(number) for number in range(_COUNT)]
        gc.collect()
        tracemalloc.start()
        try:
            for each in requests:
                source.receive(each)
            gc.collect()
            kept = tracemalloc.get_traced_memory()[0]
        finally:
            tracemalloc.stop()
        assert kept <= _SPARE, f"after {_COUNT} requests the source holds {kept / 2**20:.1f} MiB of them"

    # What they share

    def _padded(self, number: int) -> WebhookRequest:
        # Well-formed whatever it is: JSON allows white space at the end.
        return self.request(self.bodies()[0] + b" " * 20_000, f"padded{number}")

    def _forged(self) -> Iterator[WebhookRequest]:
        """Requests that aren't genuine: signed for something else, in part, or not at all."""
        genuine, other = self.request(self.bodies()[0], "f1"), self.request(self.bodies()[1], "f1")
        proofs = [name for name, value in genuine.headers.items() if other.headers.get(name) != value]
        yield _with(genuine, body=genuine.body + b" ")
        yield _with(genuine, body=genuine.body[:-1])
        yield _with(genuine, body=b"")
        for name in proofs:
            value = genuine.headers[name]
            for wrong in (None, "", value[:-1], value + "0", value.swapcase(), other.headers[name], "é" * len(value)):
                if wrong != value:
                    yield _with(genuine, headers={name: wrong})

    def _strange(self) -> Iterator[WebhookRequest]:
        genuine = self.request(self.bodies()[0], "s1")
        for name in genuine.headers:
            for junk in _JUNK:
                yield _with(genuine, headers={name: junk})
        yield WebhookRequest("GET", genuine.path, {}, b"")
        yield WebhookRequest("POST", genuine.path, {}, b"\x00" * 1000, query="a=%ff&b")

    def _outcome(self, far_side: Sender, request: WebhookRequest) -> WebhookRejected | None:
        try:
            self.source(far_side).receive(request)
        except WebhookRejected as error:
            rejected = error
        except Exception as error:
            raise AssertionError(
                f"expected events or WebhookRejected for {_shown(request)}; got {type(error).__name__}: {error}"
            ) from error
        else:
            return None
        assert 400 <= rejected.status < 500, f"refused with {rejected.status}; expected 4xx"  # noqa: PLR2004
        assert rejected.code.replace("_", "").isalnum(), f"expected a code such as no_signature; got {rejected.code!r}"
        return rejected

    def _refused(self, far_side: Sender, request: WebhookRequest) -> WebhookRejected:
        rejected = self._outcome(far_side, request)
        assert rejected is not None, f"a forged request was taken: {_shown(request)}"
        return rejected


def _with(
    request: WebhookRequest, *, headers: Mapping[str, str | None] | None = None, body: bytes | None = None
) -> WebhookRequest:
    merged = {**request.headers, **(headers or {})}
    kept = {name: value for name, value in merged.items() if value is not None}
    return WebhookRequest(request.method, request.path, kept, request.body if body is None else body, request.query)


def _shown(request: WebhookRequest) -> str:
    return f"headers { ({name: value[:40] for name, value in request.headers.items()}) }, body {request.body[:40]!r}"
