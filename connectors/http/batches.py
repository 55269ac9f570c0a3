"""Many events in one request: how its body is made, and what the answer says of each event."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import orjson
from multidict import CIMultiDict

from connectors.http.answer import verdict
from connectors.http.config import BatchConfig, HttpConfig, Results, Verdict
from connectors.http.paths import MISSING, JsonPath, put
from connectors.http.request import Request, Target, complete, json_of, target, written
from hub.sdk import Delivery, NotConnected, Permanent, Signal, Transient
from hub.sdk.event import JSON

_NDJSON = "application/x-ndjson"
# CloudEvents 1.0.2, JSON format § 4: what an array of events in structured mode is called.
_EVENTS = "application/cloudevents-batch+json"
_SIGNALS = {"transient": Transient, "wait": NotConnected, "permanent": Permanent}

Place = tuple[Target, tuple[tuple[str, str], ...]]
"""Where a request goes and its headers: what is the same for all events in one."""


class Item(NamedTuple):
    """An event's part of a request.

    Attributes:
        number: of the event within the call.
        delivery: itself.
        place: what a request must have to hold it.
        body: its part of the body, without what stands between the parts.
    """

    number: int
    delivery: Delivery
    place: Place
    body: bytes


def item(number: int, delivery: Delivery, config: HttpConfig) -> Item:
    """An event's part.

    Raises:
        Permanent: a mapped field has no usable value for this event.
    """
    headers: CIMultiDict[str] = CIMultiDict()
    # The key belongs to the whole request, see `batched`.
    complete(headers, config.model_copy(update={"idempotency_header": None}), delivery.event, "")
    return Item(number, delivery, (target(delivery.event, config), tuple(headers.items())), _part(delivery, config))


def groups(items: Sequence[Item], batch: BatchConfig) -> Iterator[list[Item]]:
    """The items of each request: of one place, and no more than it may hold."""
    by_place: dict[Place, list[Item]] = {}
    for each in items:
        by_place.setdefault(each.place, []).append(each)
    for alike in by_place.values():
        group: list[Item] = []
        size = 0
        for each in alike:
            if group and (len(group) >= batch.count or size + len(each.body) > batch.size):
                yield group
                group, size = [], 0
            group.append(each)
            size += len(each.body) + 1
        yield group


def batched(items: Sequence[Item], config: HttpConfig) -> Request:
    """The request that holds these items."""
    batch = config.batch
    assert batch is not None
    place, headers = items[0].place
    parts = [each.body for each in items]
    body = b"\n".join([*parts, b""]) if batch.format == "ndjson" else b"[" + b",".join(parts) + b"]"
    if batch.within is not None:
        document: dict[str, Any] = dict(batch.envelope)
        put(document, JsonPath(batch.within), orjson.Fragment(body))
        body = written(document)
    content = {"Content-Type": _content_type(config)}
    if config.idempotency_header is not None:
        # The same events in the same request have the same key.
        keys = "\n".join(each.delivery.idempotency_key for each in items)
        content[config.idempotency_header] = hashlib.sha256(keys.encode()).hexdigest()[:40]
    return Request(place, CIMultiDict({**content, **CIMultiDict(headers)}), body)


class Outcome(NamedTuple):
    """What a result says of an event.

    Attributes:
        signal: why it failed; ``None`` for success.
        status: of the result, or of the answer.
        result: itself; ``None`` where there is none.
    """

    signal: Signal | None
    status: int
    result: Any


class Reader:
    """Reads the results in the answers to batches.

    Args:
        config: of the sink.
        clean: takes secrets out of a text of the far side.
    """

    def __init__(self, config: HttpConfig, clean: Any) -> None:
        assert config.batch is not None
        self._config = config
        self._results: Results | None = config.batch.results
        self._clean = clean

    def outcomes(self, body: bytes, status: int, count: int, shown: str) -> list[Outcome]:
        """What became of each of so many events.

        Raises:
            Transient: the answer doesn't say it; what has been taken is sent again.
        """
        results = self._results
        assert results is not None
        try:
            document = orjson.loads(body) if body else None
        except orjson.JSONDecodeError:
            raise Transient(f"{shown}: expected JSON with results; got something else", status=status) from None
        found = JsonPath(results.path).one(document)
        if results.index is not None:
            return self._listed(found, results.index, status, count, shown)
        if not isinstance(found, list) or len(found) != count:
            came = f"{len(found)}" if isinstance(found, list) else "no list"
            raise Transient(f"{shown}: expected {count} results at `{results.path}`; got {came}", status=status)
        return [self._outcome(each, status, shown, failed=False) for each in found]

    def _listed(self, found: Any, place: str, status: int, count: int, shown: str) -> list[Outcome]:
        """Results that say which event they are about."""
        outcomes = [Outcome(None, status, None) for _ in range(count)]
        for each in found if isinstance(found, list) else []:
            index = JsonPath(place).one(each)
            if isinstance(index, str) and index.isdecimal():
                index = int(index)
            if isinstance(index, bool) or not isinstance(index, int) or not 0 <= index < count:
                raise Transient(f"{shown}: expected the number of an event at `{place}` of each result", status=status)
            outcomes[index] = self._outcome(each, status, shown, failed=True)
        return outcomes

    def _outcome(self, result: Any, status: int, shown: str, *, failed: bool) -> Outcome:
        """What one result says.

        Args:
            result: as it came.
            status: of the answer.
            shown: the request.
            failed: whether there is a result only where something failed.
        """
        results = self._results
        assert results is not None
        error = MISSING if results.error is None else JsonPath(results.error).one(result)
        wrong = error is not MISSING and error is not None and error is not False and error != ""
        given = MISSING if results.status is None else JsonPath(results.status).one(result)
        own = int(given) if isinstance(given, (int, str)) and str(given).isdecimal() else None
        if own is not None:
            meaning: Verdict = verdict(own, self._config.statuses)
        elif results.status is not None and not failed:
            meaning = "transient"  # nothing says that it was taken
        else:
            meaning = "permanent" if failed or wrong else "success"
        if meaning == "success":
            return Outcome(None, own or status, result)
        said = self._clean(error if isinstance(error, str) else written(error).decode()) if wrong else ""
        shown_status = f" {own}" if own is not None else ""
        message = f"{shown}: a result says{shown_status or ' that it failed'}" + (f": {said}" if said else "")
        return Outcome(_SIGNALS[meaning](message, status=own or status), own or status, result)


def _part(delivery: Delivery, config: HttpConfig) -> bytes:
    assert config.batch is not None
    lines = config.batch.format == "ndjson"
    if config.json_ is None:
        event = delivery.event.to_structured().value or b""
        # A payload may hold line breaks of its own.
        return orjson.dumps(orjson.loads(event)) if lines else event
    value = json_of(config, delivery.event)
    if lines and isinstance(value, list):
        return b"\n".join(written(each) for each in value)
    return written(value)


def _content_type(config: HttpConfig) -> str:
    assert config.batch is not None
    if config.batch.format == "ndjson":
        return _NDJSON
    return JSON if config.json_ is not None or config.batch.within is not None else _EVENTS
