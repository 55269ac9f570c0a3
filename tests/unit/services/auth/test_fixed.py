"""Credentials that stay: keys, passwords, signatures."""

import base64
import hashlib
import hmac as reference

import pytest
from aiohttp import web
from pydantic import SecretStr, ValidationError
from yarl import URL

from hub.sdk import Auth, ConfigError
from hub.sdk.auth import Hmac
from hub.services.auth import NotSignedIn, authenticator
from hub.services.auth.fixed import fixed
from hub.services.auth.logins import Logins
from hub.services.auth.signature import Signature
from hub.services.request import Request

from .calls import Caller, served


async def echo(request: web.Request) -> web.Response:
    headers = {name.lower(): value for name, value in request.headers.items()}
    body = (await request.read()).decode()
    return web.json_response({"headers": headers, "query": request.rel_url.raw_query_string, "body": body})


async def asked(auth, settings=None, **more):
    async with served(echo) as url:
        return (await Caller(url, auth, settings).call(**more)).json()


@pytest.mark.parametrize(
    ("auth", "header", "value"),
    [
        ({"token": "t0ken"}, "authorization", "Bearer t0ken"),
        ({"bearer": {"token": "t0ken"}}, "authorization", "Bearer t0ken"),
        ({"api_key": {"header": "X-Api-Key", "value": "k3y"}}, "x-api-key", "k3y"),
        ({"api_key": {"header": "Authorization", "prefix": "Token ", "value": "k3y"}}, "authorization", "Token k3y"),
        # RFC 7617 § 2 and § 2.1.
        (
            {"basic": {"username": "Aladdin", "password": "open sesame"}},
            "authorization",
            "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==",
        ),
        ({"basic": {"username": "test", "password": "123£"}}, "authorization", "Basic dGVzdDoxMjPCow=="),
        ({"basic": {"username": "sk_1", "password": ""}}, "authorization", "Basic c2tfMTo="),
    ],
)
async def test_a_credential_goes_into_its_header(auth, header, value):
    """As the standards and the APIs want it."""
    assert (await asked(auth))["headers"][header] == value


async def test_a_key_in_the_query_stays_out_of_the_answers_url():
    """Which connectors log."""
    async with served(echo) as url:
        answer = await Caller(url, {"api_key": {"query": "key", "value": "k&3=y"}}).call("/x?a=1")
    assert answer.json()["query"] == "a=1&key=k%263%3Dy"
    assert answer.url == f"{url}/x?a=1"


def test_without_a_credential_nothing_is_signed():
    """And nothing stands in the pipeline."""
    assert authenticator("api", Auth(), base_url="https://api") is None
    assert authenticator("api", Auth(token=SecretStr(" ")), base_url="https://api") is None


@pytest.mark.parametrize(
    "auth",
    [
        {"token": "canary\r\nx-evil: 1"},
        {"api_key": {"header": "X-Key", "value": "canary\x00"}},
        {"basic": {"username": "canary:colon", "password": "x"}},
        {"hmac": {"secret": "canary!", "secret_encoding": "base64"}},
        {"hmac": {"secret": "canary!", "secret_encoding": "hex"}},
        {"api_key": {"header": "X-Key", "value": ""}},
    ],
)
def test_a_secret_that_cant_be_sent_is_refused_unseen(auth):
    """When the service is made, with its name."""
    with pytest.raises(ConfigError, match="service api") as error:
        authenticator("api", Auth.model_validate(auth), base_url="https://api")
    assert "canary" not in str(error.value)


@pytest.mark.parametrize(
    ("auth", "expected"),
    [
        ({"token": "x", "basic": {"username": "x"}}, "one way to sign in"),
        ({"api_key": {"value": "x"}}, "either `header` or `query`"),
        ({"api_key": {"header": "X Key"}}, "name of an HTTP header"),
        ({"hmac": {"content": "{bdy}"}}, "stands for nothing"),
        ({"hmac": {"value": "sha256="}}, "expected {signature}"),
        ({"oauth2": {"client_id": "x", "client_secret": "y"}}, "`provider`, `issuer` or `token_url`"),
        ({"oauth2": {"client_id": "x", "provider": "google"}}, "needs `client_secret`"),
        ({"oauth2": {"client_id": "x", "grant": "device_code", "token_url": "https://x"}}, "device_authorization_url"),
        ({"oauth2": {"client_id": "x", "grant": "refresh_token", "provider": "google"}}, "belong together"),
        ({"oauth": {}}, "Extra inputs"),
    ],
)
def test_what_cant_work_is_told_when_the_files_are_checked(auth, expected):
    """Before anything runs."""
    with pytest.raises(ValidationError) as error:
        Auth.model_validate(auth)
    assert expected in str(error.value)


async def test_a_signature_of_standard_webhooks():
    """The specification's own example."""
    config = Hmac(
        secret_encoding="base64",
        content="{header.webhook-id}.{timestamp}.{body}",
        encoding="base64",
        header="webhook-signature",
        value="v1,{signature}",
        timestamp_header="webhook-timestamp",
    )
    signature = Signature("api", config, SecretStr("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), now=lambda: 1614265330)
    request = Request("POST", URL("https://x"), {"webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek"}, b'{"test": 2432232314}')
    await signature.sign(request)
    assert request.headers["webhook-timestamp"] == "1614265330"
    assert request.headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


async def test_a_signature_as_githubs():
    """The example of GitHub's documentation."""
    config = Hmac(header="X-Hub-Signature-256", value="sha256={signature}")
    request = Request("POST", URL("https://x"), {}, b"Hello, World!")
    await Signature("api", config, SecretStr("It's a Secret to Everybody")).sign(request)
    expected = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    assert request.headers["x-hub-signature-256"] == f"sha256={expected}"


async def test_a_signature_covers_what_is_sent(settings):
    """Method, path and query as they go over the wire, and a hash of the body; another nonce for each attempt."""
    auth = {
        "hmac": {
            "secret": "s3cret",
            "algorithm": "sha512",
            "content": "{method}\n{host}\n{path}?{query}\n{timestamp}\n{nonce}\n{body_sha256}",
            "value": "{key_id}:{signature}",
            "key_id": "k1",
            "timestamp": "rfc3339",
            "timestamp_header": "X-Time",
            "nonce_header": "X-Nonce",
        }
    }
    nonces = set()
    async with served(echo) as url:
        caller = Caller(url, auth)
        for _ in range(2):
            seen = (await caller.call("/a%20b?q=%C3%BC", method="POST", body=b"xbody")).json()
            headers = seen["headers"]
            nonces.add(headers["x-nonce"])
            digest = hashlib.sha256(b"xbody").hexdigest()
            signed = (
                f"POST\n{headers['host']}\n/a%20b?{seen['query']}\n{headers['x-time']}\n{headers['x-nonce']}\n{digest}"
            )
            expected = reference.new(b"s3cret", signed.encode(), "sha512").hexdigest()
            assert headers["x-signature"] == f"k1:{expected}"
    assert len(nonces) == 2


@pytest.mark.parametrize(
    "auth",
    [
        {"bearer": {}},
        {"api_key": {"header": "X-Key"}},
        {"basic": {"username": "me"}},
        {"hmac": {}},
    ],
)
async def test_a_secret_that_isnt_in_the_files_comes_from_the_store(auth, settings):
    """Once somebody has signed in; a changed one is found when the old one is refused, without a restart."""
    parsed = Auth.model_validate(auth)
    good = "first"

    async def far(request: web.Request) -> web.Response:
        said = request.headers.get("authorization", "") + request.headers.get("x-key", "")
        if "hmac" in auth:
            expected = reference.new(good.encode(), b"", "sha256").hexdigest()
            return web.Response(status=200 if request.headers["x-signature"] == expected else 401)
        pair = base64.b64encode(f"me:{good}".encode()).decode()
        return web.Response(status=200 if good in said or pair in said else 401)

    async with served(far) as url:
        caller = Caller(url, auth, settings)
        with pytest.raises(NotSignedIn, match="hub auth login api"):
            await caller.call()
        await Logins(settings).keep("api", parsed, "shop/api", SecretStr("first"))
        assert (await caller.call()).status == 200
        good = "second"
        assert (await caller.call()).status == 401
        await Logins(settings).keep("api", parsed, "shop/api", SecretStr("second"))
        assert (await caller.call()).status == 200


def test_secrets_of_every_form_are_cleaned_out():
    """As they are, in URLs, and in base64."""
    made = authenticator(
        "api", Auth.model_validate({"api_key": {"query": "k", "value": "se/cr et+"}}), base_url="https://x"
    )
    encoded = base64.b64encode(b"se/cr et+").decode()
    for text in ("se/cr et+", "k=se%2Fcr%20et%2B", "k=se%2Fcr+et%2B", encoded):
        assert made.clean(f"x {text} y").endswith("*** y")


def test_repr_shows_nothing():
    """Of configuration and signers."""
    auth = Auth.model_validate({"basic": {"username": "canary-u", "password": "canary-p"}})
    made = authenticator("api", auth, base_url="https://x")
    shown = repr(auth) + str(auth) + repr(made) + str(vars(auth)) + repr(fixed("api", auth, SecretStr("canary-p")))
    assert "canary" not in shown


@pytest.mark.parametrize("cut", [6, 12, 17])
def test_a_secret_that_was_cut_off_is_cleaned_out(cut):
    """As where an error shows the beginning of an answer."""
    made = authenticator("api", Auth(token=SecretStr("canary-9f86d081884")), base_url="https://x")
    assert made.clean("bad: canary-9f86d081884"[: 5 + cut]) == "bad: ***"
