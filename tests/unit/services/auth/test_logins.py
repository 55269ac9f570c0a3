"""Logins of people, at a certified provider: through the browser with PKCE, by a device's code; what follows."""

import asyncio

import aiohttp
import pytest
from yarl import URL

from hub.sdk import Auth, ConfigError
from hub.services.auth import LoginFailed, NotSignedIn
from hub.services.auth.logins import Logins
from hub.services.auth.oauth.browser import challenge

from .calls import Caller, counted
from .conftest import Person

NAMES = ("api", "shop/api")


def terminal(issuer, **more):
    return {
        "oauth2": {
            "grant": "authorization_code",
            "issuer": issuer,
            "client_id": "terminal",
            "scopes": ["openid", "offline_access", "email", "read"],
            # Without a consent that is asked for, this provider gives no refresh token.
            "authorization_params": {"prompt": "consent"},
            **more,
        }
    }


async def sign_in(auth, settings, person=None):
    """A login in which a person does as they are asked."""
    person = person or Person()
    tasks = []
    token, kept = await Logins(settings).through_browser(
        NAMES[0],
        Auth.model_validate(auth),
        NAMES[1],
        lambda url: tasks.append(asyncio.create_task(person.sign_in(url))),
        limit=30,
    )
    page = await tasks[0]
    return token, kept, page, person


def test_the_challenge_is_that_of_the_rfc():
    """RFC 7636, appendix B."""
    assert challenge("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk") == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


async def test_a_login_through_the_browser_lets_the_service_call_its_api(provider, settings):
    """The ID token says who it was; another process finds the login in the store."""
    token, kept, page, _ = await sign_in(terminal(provider.issuer), settings)
    assert token.account == "ada@example.com"
    assert token.refresh is not None
    assert kept.startswith("file (")
    assert "Go back to the terminal" in page
    answer = await Caller(provider.issuer, terminal(provider.issuer), settings).call()
    assert answer.json() == {"client": "terminal", "account": "ada", "scope": "openid offline_access email read"}
    standing = await Logins(settings).standing(NAMES[0], Auth.model_validate(terminal(provider.issuer)), NAMES[1])
    assert (standing.state, standing.store, standing.account) == ("signed in", "file", "ada@example.com")


async def test_a_login_is_renewed_with_a_refresh_token_that_works_once(hasty, settings):
    """The provider ends the whole login if one is used twice: three processes' worth of callers never do that."""
    await sign_in(terminal(hasty.issuer), settings)
    callers = [Caller(hasty.issuer, terminal(hasty.issuer), settings) for _ in range(3)]
    seen = set()
    loop = asyncio.get_running_loop()
    start = loop.time()
    while loop.time() < start + 4.5:
        for answer in await asyncio.gather(*(caller.call() for caller in callers)):
            assert answer.status == 200
        seen.add((await callers[0].auth._signer.keeper.token()).refresh.get_secret_value())
        await asyncio.sleep(0.05)
    assert len(seen) >= 3
    # Expired in the meantime, whoever starts again goes on from the last one.
    await asyncio.sleep(2.1)
    assert (await Caller(hasty.issuer, terminal(hasty.issuer), settings).call()).status == 200
    assert "grant.error refresh_token" not in await counted(hasty.issuer)


async def test_without_a_login_the_command_is_told(provider, settings):
    """Units wait for it."""
    caller = Caller(provider.issuer, terminal(provider.issuer), settings)
    with pytest.raises(NotSignedIn, match="hub auth login api"):
        await caller.call()


async def test_a_login_with_other_settings_doesnt_count(provider, settings):
    """A token for other scopes would fail later, and worse."""
    await sign_in(terminal(provider.issuer), settings)
    caller = Caller(provider.issuer, terminal(provider.issuer, scopes=["openid"]), settings)
    with pytest.raises(NotSignedIn, match="hub auth login api"):
        await caller.call()


async def test_signing_out_ends_it_at_the_provider_too(provider, settings):
    """Neither the tokens nor the store are good for anything after that."""
    token, *_ = await sign_in(terminal(provider.issuer), settings)
    auth = Auth.model_validate(terminal(provider.issuer))
    assert await Logins(settings).forget(*NAMES[:1], auth, NAMES[1]) == (True, None)
    assert await Logins(settings).forget(*NAMES[:1], auth, NAMES[1]) == (False, None)
    assert not list(settings.home.glob("*.credential"))
    headers = {"authorization": f"Bearer {token.access.get_secret_value()}"}
    async with aiohttp.ClientSession() as session, session.get(f"{provider.issuer}/api", headers=headers) as answer:
        assert answer.status == 401


async def test_an_answer_with_another_state_is_turned_away_and_the_login_goes_on(provider, settings):
    """As one that a page in the same browser could forge."""
    forged = []

    class Careful(Person):
        async def sign_in(self, url, values=None):
            back = URL(url).query["redirect_uri"]
            async with aiohttp.ClientSession() as session:
                for query in ({}, {"code": "x", "state": "y"}, {"error": "access_denied", "state": ""}):
                    async with session.get(URL(back).with_query(query)) as answer:
                        forged.append(answer.status)
                async with session.get(URL(back).with_host("localhost").with_query({"state": "y"})) as answer:
                    forged.append(answer.status)
            return await super().sign_in(url, values)

    token, *_ = await sign_in(terminal(provider.issuer), settings, Careful())
    assert forged == [400, 400, 400, 421]
    assert token.account == "ada@example.com"


@pytest.mark.parametrize(
    ("query", "message"),
    [
        (
            {"iss": "ISSUER", "error": "access_denied", "error_description": "no\x1b[31m way"},
            "refused: access_denied: no",
        ),
        ({"iss": "https://other.example", "code": "x"}, "another provider"),
        ({"code": "x"}, "another provider"),  # this one always names itself
        ({"iss": ""}, "another provider"),
    ],
)
async def test_a_browser_that_brings_no_code_of_ours_ends_the_login(provider, settings, query, message):
    """With what the provider said, and nothing that a terminal would obey."""

    class Unlucky(Person):
        async def sign_in(self, url, values=None):
            sent = URL(url).query
            said = {name: value.replace("ISSUER", provider.issuer) for name, value in query.items()}
            back = URL(sent["redirect_uri"]).with_query({"state": sent["state"], **said})
            async with aiohttp.ClientSession() as session, session.get(back) as answer:
                assert answer.status == 400
                return await answer.text()

    with pytest.raises(LoginFailed, match=message) as failed:
        await sign_in(terminal(provider.issuer), settings, Unlucky())
    assert "\x1b" not in str(failed.value)


async def test_another_nonce_is_another_login(provider, settings):
    """An ID token that was got elsewhere can't be slipped in."""

    class Swapped(Person):
        async def sign_in(self, url, values=None):
            return await super().sign_in(str(URL(url).update_query(nonce="somebody-elses")), values)

    with pytest.raises(LoginFailed, match="nonce"):
        await sign_in(terminal(provider.issuer), settings, Swapped())


async def test_nobody_who_comes_back_ends_it_in_time(provider, settings):
    """And the port is free again."""
    shown = []
    with pytest.raises(LoginFailed, match=r"within 0 s|within 1 s"):
        await Logins(settings).through_browser(
            NAMES[0], Auth.model_validate(terminal(provider.issuer)), NAMES[1], shown.append, limit=0.2
        )
    back = URL(shown[0]).query["redirect_uri"]
    async with aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.ClientConnectorError):
            await session.get(back)


async def test_a_code_is_typed_in_elsewhere(provider, settings):
    """As where there is no browser; polled for no more often than the provider wants."""
    person, tasks = Person("grace"), []

    def show(prompt):
        tasks.append(asyncio.create_task(person.sign_in(prompt.url, {"user_code": prompt.code})))

    auth = terminal(provider.issuer, grant="device_code")
    token, _ = await Logins(settings).by_code(NAMES[0], Auth.model_validate(auth), NAMES[1], show)
    await tasks[0]
    assert token.account == "grace@example.com"
    assert (await Caller(provider.issuer, auth, settings).call()).json()["account"] == "grace"


async def test_an_issuer_that_is_another_one_is_refused(provider, settings):
    """To the letter; a slash counts."""
    caller = Caller(provider.issuer, terminal(provider.issuer + "/"), settings)
    with pytest.raises((NotSignedIn, ConfigError)):
        await Logins(settings).through_browser(
            NAMES[0], Auth.model_validate(terminal(provider.issuer + "/")), NAMES[1], lambda _: None, limit=1
        )
    with pytest.raises(NotSignedIn):
        await caller.call()


async def test_a_refresh_token_that_is_given_is_the_beginning(hasty, settings, tmp_path):
    """Later ones are kept; the first one is dead by then, and is not used again."""
    token, *_ = await sign_in(terminal(hasty.issuer), settings)
    other = settings.model_copy(update={"directory": tmp_path / "other"})
    auth = terminal(hasty.issuer, grant="refresh_token", refresh_token=token.refresh.get_secret_value())
    assert (await Caller(hasty.issuer, auth, other).call()).status == 200
    await asyncio.sleep(2.1)
    assert (await Caller(hasty.issuer, auth, other).call()).status == 200
