"""Failures that say more of the far side, or of our credentials, than of the request: outages to the engine."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from hub.sdk.auth import Auth
from hub.sdk.errors import NotConnected, Signal, Transient
from hub.sdk.service import Health
from hub.services.auth.errors import NotSignedIn
from hub.services.breaker import Breaker

LOOK_AGAIN = 60.0
"""Seconds after which an API that takes none of our credentials is asked again."""
UNAUTHORIZED = 401
_SERVER_ERROR = 500


def refused_credentials(service: str, auth: Auth, refusal: Signal) -> NotSignedIn:
    """What a final 401 is: one credential that was revoked must not cost every event that comes.

    Args:
        service: its name.
        auth: how it signs in.
        refusal: what the far side said.
    """
    if auth.way is None:
        advice = f"give service {service} its credentials under auth"
    elif auth.oauth2 is not None and auth.oauth2.grant in ("authorization_code", "device_code"):
        advice = f"type `hub auth login {service}`"
    else:
        advice = f"the API takes the credentials of service {service} no more: give others, and see `hub auth test`"
    return NotSignedIn(f"{refusal}; {advice}", status=refusal.status, retry_after=refusal.retry_after or LOOK_AGAIN)


async def weighed(signal: Signal, breaker: Breaker, health: Callable[[], Awaitable[Health]]) -> Signal:
    """A failure in the light of an open circuit: it says when the next probe may go.

    A timeout, or a status such as 500, may be the request's fault. If the health check fails, too, it is an outage,
    which uses up no retry. If not, it stays what it is: a request that always fails would hold up all others for good.

    Args:
        signal: of a request that failed.
        breaker: of the service.
        health: asks whether the far side works.
    """
    if breaker.state != "open":
        return signal
    wait = max(signal.retry_after or 0.0, breaker.next_probe)
    failed = isinstance(signal, Transient) and (signal.status is None or signal.status >= _SERVER_ERROR)
    if failed and _away(await health()):
        return NotConnected(str(signal), status=signal.status, retry_after=max(wait, breaker.next_probe))
    signal.retry_after = wait
    return signal


def _away(health: Health) -> bool:
    return health.status is None or health.status >= _SERVER_ERROR
