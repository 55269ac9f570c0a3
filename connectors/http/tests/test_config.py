"""What a schema file may say, what it gets told, and what answers mean."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest
from pydantic import ValidationError

from connectors.http import connector
from connectors.http.answer import retry_after
from connectors.http.config import HttpConfig
from connectors.http.sink import HttpSink
from connectors.http.source import HttpSource
from connectors.http.streams import HttpSourceConfig
from hub.testing.readme import check_settings


def config(**fields: object) -> HttpConfig:
    return HttpConfig.model_validate({"url": "https://api.example/", **fields})


def test_manifest_offers_a_source_and_a_sink() -> None:
    """`use: http` is either, and the configuration is known from the class."""
    assert (connector.name, dict(connector.sinks)) == ("http", {"": HttpSink})
    assert dict(connector.sources) == {"": HttpSource}
    assert HttpSink.config_type() is HttpConfig


def test_readme_has_the_settings() -> None:
    """The tables in the README are the models'."""
    for model in (HttpConfig, HttpSourceConfig):
        check_settings(Path(__file__).parents[1] / "README.md", model)


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"url": "api.example"}, "expected an absolute URL"),
        ({"url": "file:///etc/passwd"}, "expected an absolute URL"),
        ({"url": "https:///path"}, "expected an absolute URL"),
        ({"url": "https://user:canary@api.example/"}, "they go to `auth.basic`"),
        ({"url": "https://h:canary/"}, "expected an absolute URL"),
        ({"json": {}, "body": ""}, "expected `json` or `body`, not both"),
        ({"method": "PO ST"}, "expected an HTTP method"),
        ({"method": "connect"}, "expected an HTTP method"),
        ({"headers": {"a b": "x"}}, "expected the name of a header"),
        ({"headers": {"Content-Length": "1"}}, "doesn't frame the message"),
        ({"headers": {"X": "a\ncanary"}}, "without control characters"),
        ({"headers": {"authorization": "x"}, "auth": {"bearer": "canary"}}, "got authorization twice"),
        ({"headers": {"idempotency-key": "x"}}, "got idempotency-key twice"),
        ({"auth": {"bearer": "canary", "headers": {"X-Key": "canary"}}}, "expected only one of"),
        ({"auth": {"bearer": "canary\n"}}, "without control characters"),
        ({"auth": {"basic": {"username": "a:b", "password": "canary"}}}, "should match pattern"),
        ({"statuses": {"4x": "wait"}}, "should match pattern"),
        ({"statuses": {404: "ignore"}}, "'success', 'transient', 'wait' or 'permanent'"),
        ({"timeout": "0s"}, "greater than 0"),
        ({"proxy": "socks5://u:canary@p"}, "expected http://user:password@host:port"),
        ({"tls": {"key_file": "k.pem"}}, "expected `cert_file` beside `key_file`"),
        ({"uri": "x"}, "Extra inputs are not permitted"),
    ],
)
def test_bad_input_is_explained_without_secrets(fields: dict[str, object], says: str) -> None:
    """Each mistake says what was expected, and no secret is in it."""
    with pytest.raises(ValidationError) as raised:
        config(**fields)
    assert says in str(raised.value)
    assert "canary" not in str(raised.value)


def test_empty_credentials_are_none() -> None:
    """What an environment variable leaves empty isn't sent."""
    made = config(auth={"bearer": "", "headers": {}}, proxy="")
    assert made.auth.bearer is None
    assert made.proxy is None


def test_nothing_shows_credentials() -> None:
    """Neither the configuration's text nor its dump holds them."""
    made = config(auth={"headers": {"X-Key": "canary"}}, proxy="http://u:canary@p:1")
    assert "canary" not in repr(made) + str(made.model_dump()) + made.model_dump_json()


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"Retry-After": ""}, None),
        ({"Retry-After": "120"}, 120),
        ({"Retry-After": " 0 "}, 0),
        ({"Retry-After": "1.5"}, 1.5),
        ({"Retry-After": "-5"}, None),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "9" * 400}, None),
        ({"Retry-After": "1e3"}, 1000),
        ({"Retry-After": "99999999"}, 86_400),
        ({"Retry-After": "Sun, 06 Nov 1994 08:49:37 GMT"}, 0),
        ({"Retry-After": "Sun, 06 Nov 1994 08:49:37 GMT", "Date": "Sun, 06 Nov 1994 08:49:07 GMT"}, 30),
        ({"Retry-After": "Sunday, 06-Nov-94 08:49:37 GMT", "Date": "Sun Nov  6 08:49:07 1994"}, 30),
        ({"Retry-After": "Sun, 06 Nov 1994 08:49:37 GMT", "Date": "nonsense"}, 0),
        ({"Retry-After": "Sun, 99 Nov 1994 08:49:37 GMT"}, None),
    ],
)
def test_retry_after_in_all_its_forms(headers: dict[str, str], seconds: float | None) -> None:
    """Seconds, or one of the three forms of a date; nonsense is as if there were nothing."""
    assert retry_after(headers) == seconds


def test_retry_after_without_a_date_counts_from_now() -> None:
    """Our own clock serves where the server doesn't tell its time."""
    then = format_datetime(datetime.now(UTC) + timedelta(seconds=100), usegmt=True)
    assert 95 <= (retry_after({"Retry-After": then}) or 0) <= 101
