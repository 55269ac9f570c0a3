"""Tokens of a GitHub App's installation: what GitHub is asked, signed so that it can check it."""

import time
from datetime import UTC, datetime, timedelta

import jwt
import pytest
from aiohttp import web
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from hub.sdk import ConfigError
from hub.sdk.auth import GitHubApp
from hub.services.auth import NotSignedIn
from hub.services.auth.errors import Refusal
from hub.services.auth.exchange import Exchange
from hub.services.auth.githubapp import Installation

from .calls import Caller, served


@pytest.fixture(scope="module")
def key():
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def pem(key):
    """In the form in which GitHub gives it."""
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL
    return key.private_bytes(encoding, form, serialization.NoEncryption()).decode()


class GitHub:
    """Checks the JWT as GitHub does, and gives tokens of an hour."""

    def __init__(self, key, installations=1):
        self.public = key.public_key()
        self.installations = installations
        self.id = 99
        self.asked = []
        self.revoked = set()

    async def __call__(self, request: web.Request) -> web.Response:
        bearer = request.headers.get("authorization", "").removeprefix("Bearer ")
        if request.path.startswith("/repos"):
            good = bearer.startswith("ghs_") and bearer not in self.revoked
            return web.json_response({"message": f"Bad credentials {bearer}"}, status=200 if good else 401)
        try:
            claims = jwt.decode(bearer, self.public, algorithms=["RS256"], options={"require": ["iss", "exp", "iat"]})
        except jwt.PyJWTError:
            return web.json_response({"message": f"A JSON web token could not be decoded {bearer}"}, status=401)
        assert claims["iss"] == "4711"
        assert claims["exp"] - time.time() <= 600
        assert claims["iat"] <= time.time() - 55
        if request.path == "/app":
            return web.json_response({"installations_count": self.installations})
        if request.path == "/app/installations":
            return web.json_response([{"id": self.id}])
        if request.path != f"/app/installations/{self.id}/access_tokens":
            return web.json_response({"message": "Not Found"}, status=404)
        self.asked.append(await request.json())
        end = (datetime.now(UTC) + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
        return web.json_response({"token": f"ghs_{len(self.asked)}", "expires_at": end}, status=201)


def app(key, **more):
    return {"github_app": {"app_id": 4711, "private_key": pem(key), **more}}


async def test_a_token_is_got_for_the_installation_and_used(key, settings):
    """Once; for what is asked for; and anew where GitHub has taken it back."""
    github = GitHub(key)
    async with served(github) as url:
        auth = app(key, installation_id=99, repositories=["hub"], permissions={"issues": "write"})
        caller = Caller(url, auth, settings)
        assert [(await caller.call("/repos/x")).status for _ in range(3)] == [200, 200, 200]
        assert github.asked == [{"repositories": ["hub"], "permissions": {"issues": "write"}}]
        github.revoked.add("ghs_1")
        assert (await caller.call("/repos/x")).status == 200
        assert len(github.asked) == 2
        # Another process finds it.
        assert (await Caller(url, auth, settings).call("/repos/x")).status == 200
        assert len(github.asked) == 2


async def test_the_only_installation_is_found_by_itself(key, settings):
    """And no choice is made between several."""
    async with served(GitHub(key)) as url:
        assert (await Caller(url, app(key), settings).call("/repos/x")).status == 200
    async with served(GitHub(key, installations=2)) as url:
        with pytest.raises(NotSignedIn, match="2 installations; name one"):
            await Caller(url, app(key), settings).call("/repos/x")


async def test_an_app_that_was_installed_anew_is_found_again(key):
    """Its installation has another number then; who asks again after the refusal gets a token of that one."""
    github = GitHub(key)
    async with served(github) as url:
        installation = Installation(Exchange("api"), GitHubApp(**app(key)["github_app"]), url)
        await installation.obtain(None)
        github.id = 100
        with pytest.raises(Refusal, match="404 for installation 99"):
            await installation.obtain(None)
        assert (await installation.obtain(None)).access.get_secret_value() == "ghs_2"


async def test_another_apps_key_is_refused_and_told(key, settings):
    """With GitHub's words, without the JWT that it echoes."""
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    async with served(GitHub(key)) as url:
        with pytest.raises(NotSignedIn, match="could not be decoded") as failed:
            await Caller(url, app(other, installation_id=99), settings).call("/repos/x")
    assert "private_key" in str(failed.value)
    assert "eyJ" not in str(failed.value)


@pytest.mark.parametrize(
    "key_text", ["canary", "-----BEGIN RSA PRIVATE KEY-----\ncanary\n-----END RSA PRIVATE KEY-----"]
)
async def test_a_key_that_is_none_is_told_unseen(key_text, settings):
    """Before GitHub is asked."""
    auth = {"github_app": {"app_id": "4711", "private_key": key_text, "installation_id": 99}}
    with pytest.raises((NotSignedIn, ConfigError), match="private_key") as failed:
        await Caller("http://127.0.0.1:9", auth, settings).call("/repos/x")
    assert "canary" not in str(failed.value)
