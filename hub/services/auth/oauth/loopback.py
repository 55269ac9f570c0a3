"""Where a browser comes back to after a login: a listener on this machine, for one answer (RFC 8252 § 7.3)."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Mapping
from types import TracebackType
from typing import Self

from aiohttp import web

from hub.sdk.errors import EnvironmentProblem
from hub.services.auth.errors import LoginFailed

HOST, PATH = "127.0.0.1", "/callback"
_HEADERS = {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'",
    "referrer-policy": "no-referrer",  # the address holds the code
    "x-content-type-options": "nosniff",
}
_PAGE = (
    "<!doctype html><html lang=en><meta charset=utf-8><title>{title}</title>"
    "<body style='font-family:system-ui;margin:15vh auto;max-width:30em'><h1>{title}</h1><p>{text}</p></body></html>"
)


class Loopback:
    """Listens for a browser that comes back, as long as the context lasts.

    Args:
        port: to listen on; any free one if 0.
        state: what the answer to our request holds; all others are turned away, and the wait goes on.
        issuer: what the answer must say of who gave it, if it says anything; ``None`` if that isn't known.
        named: whether it must say so.
    """

    def __init__(self, port: int, state: str, issuer: str | None, *, named: bool) -> None:
        self._wanted_port = port
        self._state = state
        self._issuer = issuer
        self._named = named
        self._runner: web.AppRunner | None = None
        self._answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.uri = ""

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_get(PATH, self._come)
        # No access log: it would show the code.
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, HOST, self._wanted_port).start()
        except OSError as error:
            await self._runner.cleanup()
            raise EnvironmentProblem(
                f"the port {self._wanted_port} on {HOST}, where the browser shall come back to, can't be listened on: "
                f"{error.strerror}"
            ) from None
        self.uri = f"http://{HOST}:{self._runner.addresses[0][1]}{PATH}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._answer.cancel()
        if self._runner is not None:
            await self._runner.cleanup()

    async def code(self, limit: float) -> str:
        """The code that the browser brings.

        Args:
            limit: seconds to wait for it.

        Raises:
            LoginFailed: it brings a refusal, or doesn't come in time.
        """
        try:
            async with asyncio.timeout(limit):
                return await self._answer
        except TimeoutError:
            raise LoginFailed(f"nobody came back from the browser within {limit:.0f} s; try again") from None

    async def _come(self, request: web.Request) -> web.Response:
        query = request.query
        if request.host != self.uri.removeprefix("http://").removesuffix(PATH):
            return _page(421, "Not here", "This address answers to its own name only.")
        if not hmac.compare_digest(query.get("state", "").encode(), self._state.encode()):
            return _page(400, "Not ours", "This answer belongs to no login that was begun here. Begin again there.")
        if self._answer.done():
            return _page(409, "Already done", "This login has come to its end. You can close this page.")
        if (problem := self._problem(query)) is not None:
            self._answer.set_exception(LoginFailed(problem))
            return _page(400, "Not signed in", "The terminal says why. You can close this page.")
        self._answer.set_result(query["code"])
        return _page(200, "Thank you", "Go back to the terminal. You can close this page.")

    def _problem(self, query: Mapping[str, str]) -> str | None:
        issuer = query.get("iss")
        if (issuer is None and self._named) or (issuer is not None and self._issuer and issuer != self._issuer):
            # RFC 9207: another server's answer, mixed into our login.
            return "the browser came back with the answer of another provider; nothing was sent to it"
        if (error := query.get("error")) is not None:
            said = query.get("error_description", "")
            return f"the provider refused: {_plain(error)}" + (f": {_plain(said)}" if said else "")
        return None if query.get("code") else "the browser came back without a code"


def _plain(text: str) -> str:
    return " ".join("".join(each if each.isprintable() else " " for each in text).split())[:200]


def _page(status: int, title: str, text: str) -> web.Response:
    return web.Response(
        status=status, text=_PAGE.format(title=title, text=text), content_type="text/html", headers=_HEADERS
    )
