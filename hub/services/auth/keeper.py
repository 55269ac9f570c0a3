"""Keeps one service's token: in memory, in a store, renewed in time and by one at a time."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable
from contextlib import AsyncExitStack, suppress
from dataclasses import replace

from hub import secrecy
from hub.sdk.errors import ConfigError, EnvironmentProblem, HubError
from hub.services.auth.errors import NotSignedIn, ProviderAway, Refusal
from hub.services.auth.stores import Store
from hub.services.auth.tokens import Token

_log = logging.getLogger(__name__)

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0
"""Seconds between two attempts to get a token that fail; doubled from one to the next."""
FORCED_PAUSE = 30.0
"""Seconds between two renewals of a token that should have been valid."""
CLOSE_LIMIT = 10.0
"""Seconds that closing waits for a renewal."""

_DEAD = frozenset({"invalid_grant", "bad_refresh_token", "invalid_client", "unauthorized_client", "invalid_app"})

Obtain = Callable[[Token | None], Awaitable[Token]]
"""Gets a token from the far side, given the one that was kept, valid or not."""


class Keeper:
    """The token of one service, for all of its requests.

    A token is renewed `hub.services.auth.tokens.MARGIN` before it ends, while requests go on with it; only where there
    is none that is valid do they wait. One renewal is under way at a time: in this process, and over all that share the
    store, where the others take what the first one got. A renewal goes on when those who waited have gone, for the
    answer may hold a refresh token that exists once.

    Args:
        service: its name, for people.
        obtain: gets a token.
        store: keeps it over restarts; called when the first token is wanted, and in a thread.
        credential: its name in the store.
        settings: fingerprint of the settings; tokens that were got with others don't count.
        needed: whether the stored token is one that we can't get again by ourselves, so that a store that fails is an
            error.
        advice: what to do when the far side says that what we have is no good any more.
        now: seconds since 1970.
    """

    def __init__(
        self,
        service: str,
        obtain: Obtain,
        store: Callable[[], Store],
        credential: str,
        settings: str,
        *,
        needed: bool,
        advice: str = "",
        now: Callable[[], float] = time.time,
    ) -> None:
        self.service = service
        self._obtain = obtain
        self._open = store
        self._credential = credential
        self._settings = settings
        self._needed = needed
        self._advice = advice
        self._now = now
        self._store: Store | None = None
        self._token: Token | None = None
        self._renew_at = float("-inf")
        self._task: asyncio.Task[Token] | None = None
        self._failures = 0
        self._failure: HubError | None = None
        self._again_at = float("-inf")
        self._forced_at = float("-inf")
        self._kept = True
        self._past: list[str] = []

    async def token(self) -> Token:
        """A token that is valid now.

        Raises:
            NotSignedIn: there is none, and none can be had now.
        """
        token, now = self._token, self._now()
        if token is not None and now < self._renew_at:
            return token
        if token is not None and token.valid(now):
            if now >= self._again_at:
                self._begin(None)
            return token
        if self._failure is not None and now < self._again_at:
            raise self._later(now)
        return await self._wait(self._begin(None))

    async def renew(self, refused: Token) -> bool:
        """Gets another token, after the far side has refused one that should have been valid.

        Returns:
            whether there is another one. There isn't for a while after a renewal that such a refusal led to: where new
            tokens are refused, too, more of them won't help.

        Raises:
            NotSignedIn: another one can't be had now.
        """
        if self._token is not None and not self._token.same(refused):
            return True
        if self._task is not None and not self._task.done():
            return not (await self._wait(self._task)).same(refused)
        now = self._now()
        if now < self._forced_at + FORCED_PAUSE:
            return False
        if self._failure is not None and now < self._again_at:
            raise self._later(now)
        self._forced_at = now
        return not (await self._wait(self._begin(refused))).same(refused)

    def secrets(self) -> Iterable[str]:
        """What must appear nowhere: the tokens of now and the ones before."""
        return [*self._past, *(self._token.secrets() if self._token is not None else ())]

    async def close(self) -> None:
        """Waits for a renewal that is under way."""
        if self._task is not None and not self._task.done():
            with suppress(HubError, TimeoutError):
                await asyncio.wait_for(asyncio.shield(self._task), CLOSE_LIMIT)
            if not self._task.done():
                self._task.cancel()

    def _begin(self, refused: Token | None) -> asyncio.Task[Token]:
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._renewed(refused), name=f"token of {self.service}")
            self._task.add_done_callback(self._over)
        return self._task

    async def _wait(self, task: asyncio.Task[Token]) -> Token:
        return await asyncio.shield(task)

    def _over(self, task: asyncio.Task[Token]) -> None:
        if task.cancelled():
            return
        error = task.exception()
        if error is None:
            self._adopt(task.result())
            return
        if not isinstance(error, HubError):
            _log.error("service %s: getting a token failed", self.service, exc_info=error)  # a bug of ours
            return
        new = str(error) != str(self._failure)
        self._failures += 1
        pause = min(FIRST_PAUSE * 2 ** (self._failures - 1), LONGEST_PAUSE)
        pause = max(pause, getattr(error, "retry_after", None) or 0.0)
        self._failure, self._again_at = error, self._now() + pause
        if new:
            _log.warning("service %s: no new token, trying again in %.0f s: %s", self.service, pause, error)

    def _adopt(self, token: Token) -> None:
        if self._failures:
            _log.info("service %s: it has a token again", self.service)
        if self._token is not None and not self._token.same(token):
            # What answers to requests under way may still echo.
            self._past = self._token.secrets()
        secrecy.note((token.access, token.refresh), passing=True)
        self._token, self._renew_at = token, token.renew_at
        self._failures, self._failure, self._again_at = 0, None, float("-inf")

    def _later(self, now: float) -> NotSignedIn:
        wait = max(self._again_at - now, 0.1)
        kind = ProviderAway if isinstance(self._failure, ProviderAway) else NotSignedIn
        return kind(str(self._failure), status=getattr(self._failure, "status", None), retry_after=wait)

    async def _renewed(self, refused: Token | None) -> Token:
        """A token from the store that others have renewed, or one from the far side."""
        try:
            if self._store is None:
                self._store = await asyncio.to_thread(self._open)
            stored = await self._latest()
            if self._fresh(stored, refused):
                return stored  # type: ignore[return-value]  # a fresh one is one
            async with AsyncExitStack() as held:
                await held.enter_async_context(self._store.lock(self._credential))
                before = await self._latest()
                if self._fresh(before, refused):
                    return before  # type: ignore[return-value]  # as above
                token = replace((await self._obtain(before)).following(before), settings=self._settings)
                await self._write(token)
        except Refusal as refusal:
            said = f"{refusal}; {self._advice}" if self._advice and refusal.code in _DEAD else str(refusal)
            raise NotSignedIn(said, status=refusal.status, retry_after=refusal.retry_after) from None
        except (EnvironmentProblem, ConfigError) as problem:
            raise NotSignedIn(f"service {self.service}: {problem}", retry_after=LONGEST_PAUSE) from None
        except TimeoutError:
            raise NotSignedIn(f"service {self.service}: another process is renewing its token for too long") from None
        _log.debug("service %s: a new token, for %s", self.service, _life(token))
        return token

    def _fresh(self, stored: Token | None, refused: Token | None) -> bool:
        if stored is None or stored.same(refused):
            return False
        # Without a refusal, the one at hand is about to end, and so is the same one in the store.
        return self._now() < stored.renew_at

    async def _latest(self) -> Token | None:
        """The stored token; ours where that is later and couldn't be kept: the stored refresh token is used up then.

        What was kept and isn't there any more was signed out of.
        """
        stored, ours = await self._read(), self._token
        if self._kept or ours is None or (stored is not None and stored.obtained_at >= ours.obtained_at):
            return stored
        return ours

    async def _read(self) -> Token | None:
        assert self._store is not None
        try:
            content = await asyncio.to_thread(self._store.read, self._credential)
            token = None if content is None else Token.load(content)
        except (EnvironmentProblem, ValueError) as error:
            if self._needed:
                raise EnvironmentProblem(str(error)) from None
            _log.warning("service %s: the token in the store can't be used: %s", self.service, error)
            return None
        if token is not None and token.settings != self._settings:
            if self._needed:
                _log.warning("service %s: its stored login was made with other settings", self.service)
            return None
        return token

    async def _write(self, token: Token) -> None:
        assert self._store is not None
        try:
            await asyncio.to_thread(self._store.write, self._credential, token.dump())
            self._kept = True
        except EnvironmentProblem as problem:
            self._kept = False
            # We go on with it; what is lost is lost at a restart only.
            level = logging.ERROR if self._needed else logging.WARNING
            _log.log(level, "service %s: its new token can't be kept: %s", self.service, problem)


def _life(token: Token) -> str:
    return "good" if token.expires_at is None else f"{token.expires_at - token.obtained_at:.0f} s"
