"""How an event becomes a request."""

from __future__ import annotations

import base64
from typing import Any, NamedTuple
from urllib.parse import quote

import orjson
import yarl
from multidict import CIMultiDict

from connectors.http.config import HttpConfig, absolute_url, header_value, method
from hub.sdk import Delivery, Event, InvalidEvent, Mapped, Permanent
from hub.sdk.event import JSON, SPECVERSION

_TRACE = ("traceparent", "tracestate")
# CloudEvents HTTP protocol binding 1.0.2 § 3.1.3.2: space, '"', '%' and all beyond printable ASCII are percent-encoded.
_UNENCODED = "".join(chr(code) for code in range(0x21, 0x7F) if chr(code) not in '"%')


class Request(NamedTuple):
    """A request, ready to be sent."""

    method: str
    url: yarl.URL
    headers: CIMultiDict[str]
    body: bytes | None

    @property
    def shown(self) -> str:
        """The request in few words; paths and queries of webhooks are often secrets."""
        return f"{self.method} {self.url.origin()}"


def request(delivery: Delivery, config: HttpConfig) -> Request:
    """The request for a delivery.

    Raises:
        Permanent: a mapped field has no usable value for this event.
    """
    event = delivery.event
    body, headers = _content(event, config)
    for name in _TRACE:
        value = event.header(name)
        if value is not None and value.isascii() and value.isprintable():
            headers[name] = value
    headers["Accept-Encoding"] = "identity"
    if config.idempotency_header is not None:
        headers[config.idempotency_header] = _encoded(delivery.idempotency_key)
    for name, mapped in config.headers.items():
        given = _value(f"headers.{name}", mapped, event)
        if given is not None:
            headers[name] = _checked(f"headers.{name}", header_value, given)
    headers.update(credentials(config))
    return Request(
        _checked("method", method, _text("method", config.method, event)),
        _checked("url", absolute_url, _text("url", config.url, event)),
        headers,
        body,
    )


def credentials(config: HttpConfig) -> dict[str, str]:
    """The headers that hold secrets."""
    auth = config.auth
    if auth.bearer is not None:
        return {"Authorization": f"Bearer {auth.bearer.get_secret_value()}"}
    if auth.basic is not None:
        pair = f"{auth.basic.username}:{auth.basic.password.get_secret_value()}"
        return {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}
    return {name: value.get_secret_value() for name, value in auth.headers.items() if value is not None}


def _content(event: Event, config: HttpConfig) -> tuple[bytes | None, CIMultiDict[str]]:
    if config.json_ is not None:
        return _json(_value("json", config.json_, event)), CIMultiDict({"Content-Type": JSON})
    if config.body is not None:
        text = _text("body", config.body, event)
        return _checked("body", str.encode, text), CIMultiDict({"Content-Type": "text/plain; charset=utf-8"})
    headers = CIMultiDict({"ce-specversion": SPECVERSION})
    for name, value in event.attributes.items():
        if name != "datacontenttype":
            headers[f"ce-{name}"] = _encoded(value)
    if event.raw is not None:
        headers["Content-Type"] = event.datacontenttype
    return event.raw, headers


def _json(value: Any) -> bytes:
    try:
        return orjson.dumps(value)
    except TypeError as error:
        raise Permanent(f"json: expected a value that JSON can hold: {error}") from error


def _encoded(value: str) -> str:
    return quote(value, safe=_UNENCODED)


def _value(field: str, mapped: Mapped[Any], event: Event) -> Any:
    try:
        return mapped(event)
    except InvalidEvent as error:
        raise Permanent(f"{field}: {error}") from error


def _text(field: str, mapped: Mapped[str], event: Event) -> str:
    value = _value(field, mapped, event)
    if not isinstance(value, str):
        raise Permanent(f"{field}: expected text; got {type(value).__name__}")
    return value


def _checked(field: str, check: Any, value: Any) -> Any:
    try:
        return check(value)
    except ValueError as error:
        raise Permanent(f"{field}: {error}") from error
