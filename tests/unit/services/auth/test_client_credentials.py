"""Tokens by client credentials, from a certified provider."""

import asyncio
import logging
import sys

import pytest
from aiohttp import web

from hub.sdk import ServiceConfig
from hub.services import HttpService
from hub.services.auth import NotSignedIn
from hub.testing.oidc import SECRET, PrivateProvider

from .calls import Caller, counted, revoke, served

GIVEN = "grant.success client_credentials"


def robot(provider: PrivateProvider, **more):
    return {"oauth2": {"issuer": provider.issuer, "client_id": "robot", "client_secret": SECRET, **more}}


async def test_a_token_is_got_once_and_used_by_all(provider, settings):
    """Thirty requests at once ask for one token, which a second process finds in the store."""
    before = (await counted(provider.issuer)).get(GIVEN, 0)
    caller = Caller(provider.issuer, robot(provider, scopes=["read"]), settings)
    answers = await asyncio.gather(*(caller.call() for _ in range(30)))
    assert {answer.status for answer in answers} == {200}
    assert answers[0].json() == {"client": "robot", "account": None, "scope": "read"}
    assert (await Caller(provider.issuer, robot(provider, scopes=["read"]), settings).call()).status == 200
    assert (await counted(provider.issuer))[GIVEN] == before + 1


async def test_other_settings_get_another_token(provider, settings):
    """What was kept for other scopes isn't used."""
    for scope in ("read", "write"):
        answer = await Caller(provider.issuer, robot(provider, scopes=[scope]), settings).call()
        assert answer.json()["scope"] == scope


async def test_the_secret_may_go_into_the_form(provider, settings):
    """For clients that the provider wants it from that way."""
    config = robot(provider, client_id="robot-post", client_auth="post")
    assert (await Caller(provider.issuer, config, settings).call()).status == 200


async def test_a_401_is_answered_by_one_renewal_and_one_repeat(provider, settings):
    """A token that the provider has taken back is replaced, for all requests under way, by one new one."""
    caller = Caller(provider.issuer, robot(provider), settings)
    await caller.call()
    token = await caller.auth._signer.keeper.token()
    await revoke(provider.issuer, token.access.get_secret_value(), "robot", SECRET)
    before = (await counted(provider.issuer))[GIVEN]
    answers = await asyncio.gather(*(caller.call(method="POST", body=b"{}") for _ in range(5)))
    assert {answer.status for answer in answers} == {200}
    assert (await counted(provider.issuer))[GIVEN] == before + 1


async def test_an_api_that_refuses_every_token_gets_no_loop(provider, settings):
    """Two requests each to it at most, one renewal, and none for a while after that; the 401 is what is answered."""
    seen = []

    async def refuse(request: web.Request) -> web.Response:
        seen.append(request.headers["authorization"])
        return web.Response(status=401)

    async with served(refuse) as url:
        caller = Caller(url, robot(provider), settings)
        before = (await counted(provider.issuer)).get(GIVEN, 0)
        assert [(await caller.call()).status for _ in range(3)] == [401, 401, 401]
    assert len(seen) == 4
    assert len(set(seen)) == 2
    assert (await counted(provider.issuer))[GIVEN] == before + 2


async def test_a_wrong_secret_is_told_and_isnt_shown(provider, settings, caplog):
    """Units wait; what to check is said; neither error nor log holds the secret."""
    caplog.set_level(logging.DEBUG)
    config = robot(provider, client_secret="canary-wrong-secret")
    caller = Caller(provider.issuer, config, settings)
    with pytest.raises(NotSignedIn) as failed:
        await caller.call()
    assert "invalid_client" in str(failed.value)
    assert "client_secret" in str(failed.value)
    # Asked again at once, it says the same without asking the provider, and when it will ask.
    errors = (await counted(provider.issuer)).get("grant.error client_credentials", 0)
    with pytest.raises(NotSignedIn) as again:
        await caller.call()
    assert again.value.retry_after > 0
    assert (await counted(provider.issuer)).get("grant.error client_credentials", 0) == errors
    assert "canary" not in caplog.text + str(failed.value) + repr(failed.value) + repr(caller.auth)


async def test_a_token_is_renewed_before_it_ends(hasty, settings):
    """Tokens of two seconds are renewed after one, and no request ever sees a 401 or fails."""
    caller = Caller(hasty.issuer, robot(hasty), settings)
    loop = asyncio.get_running_loop()
    start, seen = loop.time(), set()
    while loop.time() < start + 4.5:
        assert (await caller.call()).status == 200
        seen.add((await caller.auth._signer.keeper.token()).access.get_secret_value())
        await asyncio.sleep(0.05)
    assert 3 <= len(seen) <= 6


async def test_several_processes_get_one_token(provider, settings, tmp_path):
    """They share the encrypted files, and wait for whoever came first."""
    code = (
        "import asyncio, sys\n"
        "from hub.sdk import Auth\n"
        "from hub.services.auth import authenticator\n"
        "from hub.services.request import Request\n"
        "from hub.sdk import Response\n"
        "from yarl import URL\n"
        "async def send(request): return Response(200, {}, request.headers['authorization'][-8:].encode(), '')\n"
        "async def main(issuer, secret):\n"
        "    robot = {'issuer': issuer, 'client_id': 'robot', 'client_secret': secret, 'scopes': ['write']}\n"
        "    auth = Auth(oauth2=robot)\n"
        "    made = authenticator('api', auth, base_url=issuer, credential='many/api')\n"
        "    print((await made(Request('GET', URL(issuer)), send)).body.decode())\n"
        "asyncio.run(main(*sys.argv[1:]))\n"
    )
    before = (await counted(provider.issuer)).get(GIVEN, 0)
    environ = {
        "PATH": "/usr/bin:/bin",
        "PYTHONPATH": ":".join(sys.path),
        "HUB_CREDENTIALS__STORE": "file",
        "HUB_CREDENTIALS__DIRECTORY": str(tmp_path / "shared"),
    }
    processes = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-c", code, provider.issuer, SECRET, env=environ, stdout=asyncio.subprocess.PIPE
        )
        for _ in range(4)
    ]
    said = [(await each.communicate())[0] for each in processes]
    assert [each.returncode for each in processes] == [0, 0, 0, 0]
    assert len(set(said)) == 1
    assert (await counted(provider.issuer))[GIVEN] == before + 1
    assert (tmp_path / "shared" / "key").stat().st_mode & 0o777 == 0o600


async def test_behind_all_policies_a_refused_token_is_no_failure(provider, settings, monkeypatch):
    """Neither the retry nor the circuit breaker sees the 401 that a renewal mends."""
    monkeypatch.setenv("HUB_CREDENTIALS__STORE", "file")
    monkeypatch.setenv("HUB_CREDENTIALS__DIRECTORY", str(settings.home))
    config = ServiceConfig.model_validate(
        {
            "base_url": provider.issuer,
            "auth": robot(provider),
            "retry": {},
            "circuit_breaker": {"failure_threshold": 1},
            "rate_limit": {"count": 100, "interval": "1s"},
        }
    )
    async with HttpService("api", config, deployment="shop") as service:
        await service.request("POST", "/api", json={})
        token = await service._auth._signer.keeper.token()
        await revoke(provider.issuer, token.access.get_secret_value(), "robot", SECRET)
        answer = await service.request("POST", "/api", json={})
    assert answer.json()["client"] == "robot"
