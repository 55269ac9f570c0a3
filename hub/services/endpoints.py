"""Several servers of one API: which of them a request goes to."""

from __future__ import annotations

import asyncio
import itertools
import random
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import NamedTuple

from yarl import URL

from hub.sdk.errors import NotConnected, Signal
from hub.sdk.policies import Endpoints
from hub.sdk.service import Response
from hub.services.pipeline import Proceed
from hub.services.refusals import Refused
from hub.services.request import Request

_CHANCE = random.Random()  # noqa: S311  spreads load, guards nothing


class Record(NamedTuple):
    """A server as DNS names it (RFC 2782)."""

    host: str
    port: int
    priority: int
    weight: int


Lookup = Callable[[str], Awaitable[list[Record]]]


class Server:
    """One server, and how it does.

    Attributes:
        base: its base URL.
        failures: in a row.
        down: whether it counts as down.
        pending: requests that it has not answered yet.
        due: when a server that is down is to be checked.
    """

    __slots__ = ("base", "down", "due", "failures", "pending", "priority", "weight")

    def __init__(self, base: URL, priority: int = 0, weight: int = 1) -> None:
        self.base = base
        self.priority = priority
        self.weight = weight
        self.failures = 0
        self.down = False
        self.pending = 0
        self.due = 0.0


class Balancer:
    """Sends each attempt to a server that is up, and to the next one if it can't be connected to.

    A server counts as down after some failures in a row: no answer, or a status of 500 and above. It is checked from
    time to time, while there are requests, and is up again once it answers as it should. Where all are down, all are
    tried.

    Args:
        base: base URL of the service.
        config: the servers.
        check: asks a server's health.
        interval: seconds between two checks of a server that is down.
        lookup: asks DNS for SRV records; needed if the servers come from there.
        clock: gives the time in seconds.
    """

    def __init__(
        self,
        base: URL,
        config: Endpoints,
        check: Callable[[URL], Awaitable[bool]],
        interval: float,
        lookup: Lookup | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._base = base
        self._config = config
        self._check = check
        self._interval = interval
        self._lookup = lookup
        self._clock = clock
        own = [] if config.srv else [base]
        self._fixed = [Server(each) for each in dict.fromkeys([*own, *map(URL, config.urls)])]
        self.servers: list[Server] = list(self._fixed)
        self._turn = itertools.count()
        self._checks: set[asyncio.Task[None]] = set()
        self._asked = -float("inf")
        self._asking = asyncio.Lock()

    async def close(self) -> None:
        """Ends checks that are under way."""
        checks, self._checks = self._checks, set()
        for each in checks:
            each.cancel()
        if checks:
            await asyncio.wait(checks)

    def home(self, url: URL) -> URL:
        """A URL at one of the servers, as it would be at the service's base URL; other URLs as they are."""
        for server in self.servers:
            if url.origin() == server.base.origin():
                return _moved(url, server.base, self._base)
        return url

    async def __call__(self, request: Request, proceed: Proceed) -> Response:
        """Sends a request to one server after the other, until one of them can be connected to."""
        if self._config.srv and self._clock() - self._asked >= self._config.refresh.total_seconds():
            await self._resolve(self._config.srv)
        url = request.url
        failure: Signal | None = None
        for server in self._order():
            request.url = _moved(url, self._base, server.base)
            server.pending += 1
            try:
                response = await proceed(request)
            except Refused:
                raise
            except NotConnected as signal:
                self._failed(server)
                failure = signal
                continue
            except Signal:
                self._failed(server)
                raise
            finally:
                server.pending -= 1
                request.url = url
            if response.status >= 500:  # noqa: PLR2004  a status
                self._failed(server)
            else:
                server.failures, server.down = 0, False
            return response
        raise failure or NotConnected(f"there is no server for {self._base.origin()}: DNS names none")

    def _order(self) -> list[Server]:
        """All servers, those first that are to be tried first."""
        up = [each for each in self.servers if not each.down]
        if len(up) < len(self.servers):
            self._check_those_due()
        candidates = up or self.servers
        choose = self._config.choose
        if choose == "first" or len(candidates) < 2:  # noqa: PLR2004
            ordered = sorted(candidates, key=lambda each: each.priority)
        elif choose == "least_pending":
            turn = next(self._turn) % len(candidates)
            ordered = sorted(
                candidates[turn:] + candidates[:turn], key=lambda each: (each.priority, each.pending / each.weight)
            )
        else:
            ordered = _round(candidates, next(self._turn))
        return ordered

    def _failed(self, server: Server) -> None:
        server.failures += 1
        if server.failures >= self._config.failures and not server.down:
            server.down = True
            server.due = self._clock() + self._interval

    def _check_those_due(self) -> None:
        now = self._clock()
        for server in self.servers:
            if server.down and now >= server.due:
                server.due = now + self._interval
                task = asyncio.get_running_loop().create_task(self._look_after(server), name=f"check {server.base}")
                self._checks.add(task)
                task.add_done_callback(self._checks.discard)

    async def _look_after(self, server: Server) -> None:
        if await self._check(server.base):
            server.failures, server.down = 0, False

    async def _resolve(self, name: str) -> None:
        assert self._lookup is not None
        async with self._asking:
            if self._clock() - self._asked < self._config.refresh.total_seconds():
                return
            try:
                records = await self._lookup(name)
            except Signal:
                if not self.servers:
                    raise
                records = []  # those that we know may still be there
            self._asked = self._clock()
        if records:
            known, named = {each.base: each for each in self.servers}, []
            for each in records:
                base = self._base.with_host(each.host).with_port(each.port)
                server = known.get(base) or Server(base)
                server.priority, server.weight = each.priority, max(each.weight, 1)
                named.append(server)
            self.servers = [*named, *self._fixed]


def _round(servers: Iterable[Server], turn: int) -> list[Server]:
    """By turns, in proportion to their weights, within each priority."""
    ordered: list[Server] = []
    for _, group in itertools.groupby(sorted(servers, key=lambda each: each.priority), key=lambda each: each.priority):
        equal = list(group)
        if len({each.weight for each in equal}) == 1:
            start = turn % len(equal)
            ordered += equal[start:] + equal[:start]
        else:
            # Efraimidis and Spirakis, "Weighted random sampling with a reservoir" (2006).
            ordered += sorted(equal, key=lambda each: -(_CHANCE.random() ** (1 / each.weight)))
    return ordered


def _moved(url: URL, here: URL, there: URL) -> URL:
    """A URL below one base URL as it is below another one."""
    if here == there:
        return url
    root = here.raw_path.rstrip("/")
    below = url.raw_path.removeprefix(root)
    query = f"?{url.raw_query_string}" if url.raw_query_string else ""
    return URL(f"{str(there).rstrip('/')}{below}{query}", encoded=True)


async def srv_records(name: str) -> list[Record]:
    """The servers that DNS names.

    Raises:
        NotConnected: DNS doesn't answer, or names none.
        Permanent: the library for DNS isn't installed.
    """
    try:
        import dns.asyncresolver  # noqa: PLC0415  an extra
        import dns.exception  # noqa: PLC0415  an extra
    except ImportError:
        from hub.sdk.errors import Permanent  # noqa: PLC0415  rare

        raise Permanent("SRV records need the Python package dnspython: pip install 'integration-hub[dns]'") from None
    try:
        answer = await dns.asyncresolver.resolve(name, "SRV", lifetime=5.0)
    except dns.exception.DNSException as error:
        raise NotConnected(f"DNS names no server for {name}: {type(error).__name__}") from None
    found = [Record(str(each.target).rstrip("."), each.port, each.priority, each.weight) for each in answer]
    return sorted(found, key=lambda each: (each.priority, -each.weight, each.host, each.port))
