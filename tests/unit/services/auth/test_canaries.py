"""No secret is shown: canaries are planted wherever secrets live, with far sides that echo all they get."""

import asyncio
import base64
import contextlib
import io
import logging
import traceback

import orjson
import pytest
from aiohttp import web
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from pydantic import SecretStr

from hub.sdk import Auth, HubError, ServiceConfig
from hub.services import HttpService
from hub.services.auth.logins import Logins

from .calls import served

CANARY = "canary7f3a"
KEY = (
    rsa.generate_private_key(public_exponent=65537, key_size=2048)
    .private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    .decode()
)


async def echo(request: web.Request) -> web.Response:
    """What a careless API and a careless provider do: they tell all that they got, and refuse it."""
    body = (await request.read()).decode(errors="replace")
    said = f"{request.headers.get('authorization')} {request.headers.get('x-key')} {request.path_qs} {body}"
    decoded = ""
    if (basic := request.headers.get("authorization", "")).startswith("Basic "):
        decoded = base64.b64decode(basic[6:]).decode()
    status = int(request.query.get("status", 401))
    return web.json_response(
        {"error": "invalid_client", "error_description": f"{said} {decoded}", "message": f"{said} {decoded}"},
        status=status,
    )


def ways(url):
    oauth2 = {"client_id": "me", "client_secret": f"{CANARY}-client", "token_url": f"{url}/token"}
    return {
        "token": {"token": f"{CANARY}-token"},
        "header": {"api_key": {"header": "X-Key", "value": f"{CANARY}-key/+ü".replace("ü", "u")}},
        "query": {"api_key": {"query": "key", "value": f"{CANARY} key/+&="}},
        "basic": {"basic": {"username": "me", "password": f"{CANARY}-password"}},
        "basic key": {"basic": {"username": f"{CANARY}-user", "password": ""}},
        "hmac": {"hmac": {"secret": f"{CANARY}-hmac"}},
        "client": {"oauth2": oauth2},
        "client in the form": {"oauth2": {**oauth2, "client_auth": "post"}},
        "refresh": {"oauth2": {**oauth2, "grant": "refresh_token", "refresh_token": f"{CANARY}-refresh"}},
        "device": {"oauth2": {**oauth2, "grant": "device_code", "device_authorization_url": f"{url}/device"}},
        "app": {"github_app": {"app_id": 1, "private_key": KEY, "installation_id": 2}},
        "stored": {"bearer": {}},
    }


def forms(secret):
    """A secret and what gives it away."""
    return [secret, base64.b64encode(secret.encode()).decode()[:16]]


async def everything_said(url, auth, settings, caplog):
    """All that a service with a failing far side gives to logs, errors, traces and reprs."""
    config = ServiceConfig.model_validate({"base_url": url, "auth": auth})
    said = [repr(config), str(config), repr(config.auth), str(vars(config.auth))]
    service = HttpService("api", config, deployment="shop")
    said += [repr(service), repr(service._auth), str(vars(service))]
    for path in ("/x?status=401", "/x?status=400", "/x?status=503", "/x?status=301"):
        try:
            await service.request("POST", path, body=b"hello")
        except HubError as error:
            said += [str(error), repr(error), "".join(traceback.format_exception(error))]
            said.append("".join(traceback.TracebackException.from_exception(error, capture_locals=False).format()))
    said.append(repr(await Logins(settings).standing("api", config.auth, "shop/api")))
    for action in (
        Logins(settings).forget("api", config.auth, "shop/api"),
        Logins(settings).by_code("api", config.auth, "shop/api", said.append),
    ):
        try:
            said.append(repr(await action))
        except HubError as error:
            said += [str(error), "".join(traceback.format_exception(error))]
    await service.close()
    return "\n".join([*map(str, said), caplog.text, orjson.dumps([str(each) for each in said]).decode()])


@pytest.mark.parametrize("name", list(ways("")))
async def test_no_secret_is_shown_at_any_level(name, settings, caplog, monkeypatch):
    """In logs at DEBUG of us and of all libraries, errors, traces, reprs; nor in the store's files, unencrypted."""
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("HUB_CREDENTIALS__STORE", "file")
    monkeypatch.setenv("HUB_CREDENTIALS__DIRECTORY", str(settings.home))
    monkeypatch.setenv("HUB_CREDENTIALS__KEY", settings.key.get_secret_value())
    asyncio.get_running_loop().set_debug(True)
    output = io.StringIO()
    async with served(echo) as url:
        auth = ways(url)[name]
        if name == "stored":
            await Logins(settings).keep("api", Auth.model_validate(auth), "shop/api", SecretStr(f"{CANARY}-stored"))
        with contextlib.redirect_stdout(output), contextlib.redirect_stderr(output):
            said = await everything_said(url, auth, settings, caplog)
    said += output.getvalue()
    assert "answered" in said
    # Of a private key each line, of others the word that all have.
    for secret in (CANARY, *KEY.splitlines()[1:-1], settings.key.get_secret_value(), "eyJ"):
        for form in forms(secret):
            assert form not in said, form
    for path in settings.home.glob("*") if settings.home.exists() else ():
        assert CANARY.encode() not in path.read_bytes()
