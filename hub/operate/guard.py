"""Nobody is asked for a password, so requests that a web page sent through the operator's browser are refused."""

from __future__ import annotations

from urllib.parse import urlsplit

from hub.ingress import Answer, problem
from hub.sdk import WebhookRequest

_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


class Guard:
    """Looks at requests before they are handled.

    Args:
        host: address that the server is bound to.
    """

    def __init__(self, host: str) -> None:
        self._loopback = host in _LOOPBACK

    def refusal(self, request: WebhookRequest) -> Answer | None:
        """What to answer a request of a foreign origin, or under a name that leads to us; None for all others."""
        host = urlsplit(f"//{request.headers.get('host', '')}")
        origin = request.headers.get("origin")
        if self._loopback and host.hostname not in _LOOPBACK:
            return problem(403, "foreign_host", f"expected a request to 127.0.0.1 or localhost; got {host.hostname!r}")
        if origin is not None and urlsplit(origin).netloc != host.netloc:
            return problem(
                403, "foreign_origin", f"expected a request of no web page, or of {host.netloc}; got {origin}"
            )
        return None
