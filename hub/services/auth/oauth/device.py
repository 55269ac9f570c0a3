"""Login by a code that is typed in on another device (RFC 8628)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace

from hub.services.auth.errors import LoginFailed, NotSignedIn, Refusal
from hub.services.auth.oauth.client import Client
from hub.services.auth.oauth.grants import wanted
from hub.services.auth.oauth.identity import account
from hub.services.auth.tokens import Token

_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
_INTERVAL = 5.0  # seconds, and what "slow_down" adds (RFC 8628 § 3.2, § 3.5)
_LONGEST = 1800.0


@dataclass(frozen=True)
class Prompt:
    """What a person is told.

    Attributes:
        code: to be typed in.
        url: where.
        complete: the URL that holds the code already, where the provider gives one.
        expires_in: seconds that they have.
    """

    code: str
    url: str
    complete: str | None
    expires_in: float


async def device_login(client: Client, show: Callable[[Prompt], None]) -> Token:
    """Lets a person sign in on whatever device has a browser.

    Args:
        client: of the provider.
        show: is given what the person is to do.

    Raises:
        LoginFailed, Refusal, NotSignedIn: it didn't work.
        ConfigError: the provider offers no such login.
    """
    server = await client.server()
    # The client id is a parameter of the form even where it stands in a header (RFC 8628 § 3.1).
    answer = await client.ask(
        server.device, "device_authorization_url", {"client_id": client.config.client_id, **wanted(client)}
    )
    try:
        device = str(answer["device_code"])
        prompt = Prompt(
            str(answer["user_code"]),
            str(answer["verification_uri"]),
            answer.get("verification_uri_complete"),
            min(float(answer["expires_in"]), _LONGEST),
        )
        interval = float(answer.get("interval") or _INTERVAL)
    except (KeyError, TypeError, ValueError):
        raise LoginFailed(f"service {client.service}: the provider gave no code that can be typed in") from None
    show(prompt)
    try:
        async with asyncio.timeout(prompt.expires_in):
            return await _granted(client, device, interval)
    except TimeoutError:
        raise LoginFailed("the code wasn't typed in in time; try again") from None


async def _granted(client: Client, device: str, interval: float) -> Token:
    while True:
        await asyncio.sleep(interval)
        try:
            token, answer = await client.token(_GRANT, {"device_code": device, **client.config.endpoint_params})
        except Refusal as refusal:
            if refusal.code == "slow_down":
                interval += _INTERVAL
            elif refusal.code == "access_denied":
                raise LoginFailed("the provider refused: whoever was asked said no") from None
            elif refusal.code == "expired_token":
                raise LoginFailed("the code wasn't typed in in time; try again") from None
            elif refusal.code != "authorization_pending":
                raise
        except NotSignedIn:
            interval = min(2 * interval, 60.0)  # out of reach for a moment (RFC 8628 § 3.5)
        else:
            return replace(token, account=await account(client, answer, None), settings=client.fingerprint)
