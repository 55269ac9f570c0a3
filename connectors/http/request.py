"""How an event becomes a request."""

from __future__ import annotations

import base64
import gzip
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

import orjson
import yarl
from multidict import CIMultiDict

from connectors.http.config import HttpConfig, absolute_url, below, header_value, method
from hub.sdk import Delivery, Event, InvalidEvent, Mapped, Permanent
from hub.sdk.event import JSON, SPECVERSION

_TRACE = ("traceparent", "tracestate")
# CloudEvents HTTP protocol binding 1.0.2 § 3.1.3.2: space, '"', '%' and all beyond printable ASCII are percent-encoded.
_UNENCODED = "".join(chr(code) for code in range(0x21, 0x7F) if chr(code) not in '"%')


Params = tuple[tuple[str, str], ...]


class Target(NamedTuple):
    """Where a request goes.

    Attributes:
        method: HTTP method.
        url: absolute; or ``None``, with a service.
        path: with a service: below its base URL, with the query.
        service: its name.
    """

    method: str
    url: yarl.URL | None
    path: str = ""
    service: str = ""

    @property
    def shown(self) -> str:
        """The target in few words; paths and queries of webhooks are often secrets."""
        return f"{self.method} {self.url.origin() if self.url is not None else 'service ' + self.service}"


class Request(NamedTuple):
    """A request, ready to be sent."""

    target: Target
    headers: CIMultiDict[str]
    body: bytes | None

    @property
    def shown(self) -> str:
        """The request in few words."""
        return self.target.shown


def request(delivery: Delivery, config: HttpConfig) -> Request:
    """The request for one delivery.

    Raises:
        Permanent: a mapped field has no usable value for this event.
    """
    event = delivery.event
    body, headers = _content(event, config)
    for name in _TRACE:
        value = event.header(name)
        if value is not None and value.isascii() and value.isprintable():
            headers[name] = value
    complete(headers, config, event, delivery.idempotency_key)
    return Request(target(event, config), headers, body)


def complete(headers: CIMultiDict[str], config: HttpConfig, event: Event, key: str) -> None:
    """Adds to the headers of the content what else a request needs.

    Args:
        headers: to add to.
        config: of the sink.
        event: for which headers are computed.
        key: of idempotency.

    Raises:
        Permanent: a header has no usable value for this event.
    """
    headers["Accept-Encoding"] = "identity"
    if config.idempotency_header is not None:
        headers[config.idempotency_header] = _encoded(key)
    for name, mapped in config.headers.items():
        given = _value(f"headers.{name}", mapped, event)
        if given is not None:
            headers[name] = _checked(f"headers.{name}", header_value, given)
    headers.update(credentials(config))


def target(event: Event, config: HttpConfig) -> Target:
    """Where an event goes.

    Raises:
        Permanent: a mapped field has no usable value for this event.
    """
    asked = _checked("method", method, _text("method", config.method, event))
    values = ((name, _value(f"params.{name}", mapped, event)) for name, mapped in config.params.items())
    params = [
        (name, str(each).lower() if isinstance(each, bool) else str(each)) for name, each in values if each is not None
    ]
    if config.url is not None:
        url: yarl.URL = _checked("url", absolute_url, _text("url", config.url, event))
        return Target(asked, url.extend_query(params) if params else url)
    path: str = _checked("path", below, _text("path", config.path, event)) if config.path is not None else "/"
    query = urlencode(params, quote_via=quote)
    joint = "&" if "?" in path else "?"
    return Target(asked, None, f"{path}{joint}{query}" if query else path, config.service or "")


def packed(body: bytes) -> bytes:
    """A body, packed by gzip; the same bytes for the same body."""
    return gzip.compress(body, 5, mtime=0)


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
        return written(json_of(config, event)), CIMultiDict({"Content-Type": JSON})
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


def json_of(config: HttpConfig, event: Event) -> Any:
    """The JSON body for an event.

    Raises:
        Permanent: it has no value for this event.
    """
    assert config.json_ is not None
    return _value("json", config.json_, event)


def written(value: Any) -> bytes:
    """A value as JSON.

    Raises:
        Permanent: JSON can't hold it.
    """
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
