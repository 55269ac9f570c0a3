"""What an OAuth 2 server may answer, and where secrets may go."""

import pytest
from aiohttp import web

from hub.sdk import Auth, ServiceConfig
from hub.services import HttpService
from hub.services.auth import NotSignedIn
from hub.services.auth.errors import ProviderAway, Refusal
from hub.services.auth.exchange import Exchange
from hub.services.auth.logins import Logins
from hub.services.auth.oauth.client import Client
from hub.services.auth.oauth.metadata import PROVIDERS, metadata

from .calls import Caller, served


def oauth2(**more):
    return {"client_id": "me", "client_secret": "canary", **more}


def answering(**options):
    """A server that always answers the same, and remembers what it was asked."""
    asked = []

    async def answer(request: web.Request) -> web.Response:
        asked.append((request.path, dict(await request.post()), dict(request.headers)))
        made = web.json_response if "data" in options else web.Response
        return made(**options)

    return answer, asked


async def token(url, **more):
    client = Client("api", Auth.model_validate({"oauth2": oauth2(token_url=f"{url}/token", **more)}).oauth2)
    return await client.token("client_credentials", {})


@pytest.mark.parametrize(
    ("options", "kind", "said"),
    [
        (
            {"status": 400, "data": {"error": "invalid_scope", "error_description": "no  such\nscope"}},
            Refusal,
            "no such scope",
        ),
        # GitHub's way: a refusal with status 200.
        ({"status": 200, "data": {"error": "bad_refresh_token"}}, Refusal, "bad_refresh_token"),
        (
            {"status": 401, "data": {"error": "invalid_client", "error_description": "bad canary"}},
            Refusal,
            r"bad \*\*\*",
        ),
        ({"status": 403, "text": "<html>"}, Refusal, "403 unknown"),
        ({"status": 400, "data": {"error": ["odd"]}}, Refusal, "400 unknown"),
        ({"status": 500, "data": {"error": "server_error"}}, ProviderAway, "answered 500"),
        ({"status": 429, "data": {}, "headers": {"Retry-After": "17"}}, ProviderAway, "answered 429"),
        ({"status": 302, "headers": {"Location": "https://elsewhere.example"}}, ProviderAway, "answered 302"),
        ({"status": 200, "text": "<html>welcome"}, NotSignedIn, "no token that we can use"),
        ({"status": 200, "data": []}, NotSignedIn, "no token that we can use"),
    ],
)
async def test_an_answer_that_gives_no_token_means_something(options, kind, said):
    """A refusal is final until something is changed; an outage isn't; neither shows a secret."""
    handler, asked = answering(**options)
    async with served(handler) as url:
        with pytest.raises(kind, match=said) as failed:
            await token(url)
    assert len(asked) == 1
    assert "canary" not in str(failed.value)
    if options["status"] == 429:
        assert failed.value.retry_after == 17


async def test_a_server_that_isnt_there_is_an_outage():
    """And says where it was looked for."""
    with pytest.raises(ProviderAway, match=r"127\.0\.0\.1:9"):
        await token("http://127.0.0.1:9")


@pytest.mark.parametrize(
    ("more", "form", "header"),
    [
        ({}, {}, "Basic bWU6Y2FuYXJ5"),
        ({"client_auth": "post"}, {"client_id": "me", "client_secret": "canary"}, None),
        ({"client_auth": "basic", "client_secret": "a b:c"}, {}, "Basic bWU6YStiJTNBYw=="),
        (
            {"client_secret": None, "grant": "authorization_code", "authorization_url": "https://x"},
            {"client_id": "me"},
            None,
        ),
    ],
)
async def test_a_client_shows_who_it_is(more, form, header):
    """RFC 6749 § 2.3.1: in a header, form-encoded first, or in the form; a public one by its id alone."""
    handler, asked = answering(data={"access_token": "t", "token_type": "bearer"})
    async with served(handler) as url:
        await token(url, **more)
    (_, sent, headers) = asked[0]
    assert sent == {"grant_type": "client_credentials", **form}
    assert headers.get("Authorization") == header


@pytest.mark.parametrize(
    "url", ["http://login.example.com/token", "ftp://127.0.0.1/x", "http://127.0.0.1.example.com/", "http://[::2]/"]
)
async def test_secrets_dont_go_where_they_can_be_listened_to(url):
    """But where the network is trusted."""
    with pytest.raises(Exception, match="without TLS"):
        Exchange("api").checked(url)
    if url.startswith("http:"):
        Exchange("api", allow_http=True).checked(url)


async def test_an_issuer_describes_itself_in_either_place():
    """OpenID Connect Discovery, or RFC 8414 with the path behind; what is configured counts before it."""

    async def answer(request: web.Request) -> web.Response:
        if request.path != "/.well-known/oauth-authorization-server/tenant":
            return web.Response(status=404)
        issuer = f"http://{request.host}/tenant"
        return web.json_response(
            {
                "issuer": issuer,
                "token_endpoint": f"{issuer}/token",
                "revocation_endpoint": "javascript:alert(1)",
                "token_endpoint_auth_methods_supported": ["client_secret_post"],
            }
        )

    async with served(answer) as url:
        config = Auth.model_validate({"oauth2": oauth2(issuer=f"{url}/tenant", revocation_url="https://x/r")}).oauth2
        found = await metadata(config, Exchange("api"))
        assert found.token == f"{url}/tenant/token"
        assert found.revocation == "https://x/r"
        assert found.methods == ("client_secret_post",)
        config = Auth.model_validate({"oauth2": oauth2(issuer=f"{url}/other")}).oauth2
        with pytest.raises(NotSignedIn, match="doesn't describe itself"):
            await metadata(config, Exchange("api"))


async def test_githubs_are_known_without_asking():
    """It describes itself nowhere; Google does."""
    config = Auth.model_validate({"oauth2": oauth2(provider="github")}).oauth2
    found = await metadata(config, Exchange("api"))
    assert found == PROVIDERS["github"]
    assert found.token.startswith("https://github.com/")
    assert PROVIDERS["google"].issuer == "https://accounts.google.com"


async def test_a_login_without_a_page_for_it_says_what_to_give():
    """By the setting's name."""
    auth = Auth.model_validate(
        {"oauth2": oauth2(grant="device_code", provider="google", device_authorization_url="https://x")}
    )
    config = auth.oauth2.model_copy(
        update={"provider": None, "token_url": "https://x", "device_authorization_url": None}
    )
    with pytest.raises(Exception, match="device_authorization_url"):
        await Logins(None).by_code("api", auth.model_copy(update={"oauth2": config}), "shop/api", print)


async def test_a_streamed_answer_is_repeated_too(settings, monkeypatch):
    """The connection of the one that was refused is given back."""
    monkeypatch.setenv("HUB_CREDENTIALS__STORE", "file")
    monkeypatch.setenv("HUB_CREDENTIALS__DIRECTORY", str(settings.home))
    given = []

    async def answer(request: web.Request) -> web.Response:
        if request.path == "/token":
            given.append(f"t{len(given)}")
            return web.json_response({"access_token": given[-1]})
        good = request.headers["authorization"] == "Bearer t1"
        return web.Response(status=200 if good else 401, body=b"x" * 100_000)

    async with served(answer) as url:
        config = {"base_url": url, "auth": {"oauth2": oauth2(token_url=f"{url}/token")}, "pool": {"connections": 1}}
        async with (
            HttpService("api", ServiceConfig.model_validate(config), deployment="shop") as service,
            service.stream("GET", "/big") as response,
        ):
            assert response.status == 200
            assert sum([len(chunk) async for chunk in response.chunks()]) == 100_000
    assert given == ["t0", "t1"]


async def test_a_provider_that_answers_nonsense_costs_no_request_of_the_api(settings):
    """It isn't called without a token."""
    handler, asked = answering(data={"token": "x"})
    async with served(handler) as url:
        caller = Caller(url, {"oauth2": oauth2(token_url=f"{url}/token")}, settings)
        with pytest.raises(NotSignedIn):
            await caller.call("/api")
    assert [path for path, *_ in asked] == ["/token"]
