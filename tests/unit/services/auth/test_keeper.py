"""When tokens are renewed, by whom, and what follows where that fails."""

import asyncio
import gc
import logging

import pytest
from pydantic import SecretStr

from hub.sdk import EnvironmentProblem
from hub.services.auth import NotSignedIn
from hub.services.auth.errors import Refusal
from hub.services.auth.keeper import FORCED_PAUSE, Keeper
from hub.services.auth.stores import Memory
from hub.services.auth.tokens import MARGIN, Token


class Clock:
    """Seconds since 1970, as told."""

    def __init__(self):
        self.now = 1_000_000.0

    def __call__(self):
        return self.now


class Provider:
    """Gives numbered tokens, when it is let."""

    def __init__(self, clock, life=3600.0):
        self.clock, self.life = clock, life
        self.asked = []
        self.begun = asyncio.Event()
        self.gate = asyncio.Event()
        self.gate.set()
        self.error = None

    async def __call__(self, earlier):
        self.asked.append(earlier)
        self.begun.set()
        number = len(self.asked)
        await self.gate.wait()
        if self.error is not None:
            raise self.error
        return Token(
            SecretStr(f"access-{number}"),
            refresh=SecretStr(f"refresh-{number}"),
            obtained_at=self.clock.now,
            expires_at=self.clock.now + self.life,
        )


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def provider(clock):
    return Provider(clock)


def keeper(provider, store=None, **more):
    store = store or Memory()
    options = {"needed": True, "advice": "sign in", "now": provider.clock} | more
    return Keeper("api", provider, lambda: store, "shop/api", "settings", **options)


def text(token):
    return token.access.get_secret_value()


async def settled(kept):
    if kept._task is not None:
        await asyncio.wait([kept._task])


async def test_a_token_is_renewed_a_minute_before_it_ends_while_requests_go_on(clock, provider):
    """Nobody waits for the new one as long as the old one is good; all that come meanwhile ask for one only."""
    kept = keeper(provider)
    assert text(await kept.token()) == "access-1"
    clock.now += 3600 - MARGIN - 1
    assert text(await kept.token()) == "access-1"
    assert len(provider.asked) == 1
    clock.now += 1
    provider.gate.clear()
    assert [text(await kept.token()) for _ in range(3)] == ["access-1"] * 3
    await asyncio.sleep(0)
    provider.gate.set()
    await settled(kept)
    assert len(provider.asked) == 2
    assert text(await kept.token()) == "access-2"


async def test_a_short_life_is_renewed_at_its_half(clock):
    """A minute would be more than all of it."""
    provider = Provider(clock, life=60)
    kept = keeper(provider)
    await kept.token()
    clock.now += 29
    await kept.token()
    assert len(provider.asked) == 1
    clock.now += 2
    await kept.token()
    await settled(kept)
    assert len(provider.asked) == 2


async def test_who_gives_up_waiting_doesnt_end_a_renewal(clock, provider):
    """Its answer holds a refresh token that exists once; it is in the store afterwards."""
    store = Memory()
    provider.gate.clear()
    kept = keeper(provider, store)
    waiting = asyncio.create_task(kept.token())
    await provider.begun.wait()
    waiting.cancel()
    provider.gate.set()
    await kept.close()
    assert Token.load(store.read("shop/api")).refresh.get_secret_value() == "refresh-1"


async def test_a_renewal_that_fails_leaves_the_old_token_in_use_until_it_ends(clock, provider, caplog):
    """The provider isn't asked at every request; the log says it once; then units wait, and it comes back."""
    kept = keeper(provider)
    await kept.token()
    provider.error = NotSignedIn("the provider is away", retry_after=10)
    clock.now += 3600 - MARGIN
    with caplog.at_level(logging.WARNING):
        for _ in range(5):
            assert text(await kept.token()) == "access-1"
            await settled(kept)
    assert len(provider.asked) == 2
    clock.now += 9
    await kept.token()
    assert len(provider.asked) == 2
    clock.now += 2
    await kept.token()
    await settled(kept)
    assert len(provider.asked) == 3
    assert caplog.text.count("the provider is away") == 1
    clock.now += 3600
    provider.error = None
    assert text(await kept.token()) == "access-4"


async def test_waits_between_failures_grow_to_a_minute(clock, provider):
    """And each says when it is asked again."""
    provider.error = NotSignedIn("away")
    kept = keeper(provider)
    waits = []
    for _ in range(9):
        with pytest.raises(NotSignedIn):
            await kept.token()
        with pytest.raises(NotSignedIn) as failed:
            await kept.token()
        waits.append(failed.value.retry_after)
        clock.now += failed.value.retry_after
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert len(provider.asked) == 9


async def test_a_refusal_says_what_to_do(clock, provider):
    """With the provider's words."""
    provider.error = Refusal("invalid_grant", "/token answered 400 invalid_grant", status=400)
    with pytest.raises(NotSignedIn, match="invalid_grant; sign in") as failed:
        await keeper(provider).token()
    assert failed.value.status == 400


async def test_a_refused_token_is_renewed_once_for_all_who_had_it(clock, provider):
    """And not again for a while, however often the far side refuses."""
    kept = keeper(provider)
    first = await kept.token()
    assert await asyncio.gather(*(kept.renew(first) for _ in range(5))) == [True] * 5
    second = await kept.token()
    assert text(second) == "access-2"
    assert await kept.renew(first)
    assert not await kept.renew(second)
    assert len(provider.asked) == 2
    clock.now += FORCED_PAUSE
    assert await kept.renew(second)


async def test_what_another_process_has_renewed_is_taken(clock, provider):
    """Whether ours is about to end, or is refused."""
    store = Memory()
    one, other = keeper(provider, store), keeper(provider, store)
    first = await one.token()
    assert (await other.token()).same(first)
    assert await one.renew(first)
    assert await other.renew(first)
    assert text(await other.token()) == "access-2"
    assert len(provider.asked) == 2
    assert provider.asked[1].refresh.get_secret_value() == "refresh-1"


async def test_who_has_signed_out_isnt_signed_in_again(clock, provider):
    """The refresh token that is still in memory is not used."""
    store = Memory()
    kept = keeper(provider, store)
    await kept.token()
    store.delete("shop/api")
    clock.now += 4000
    await kept.token()
    assert provider.asked == [None, None]


class Broken(Memory):
    """A store that fails when it is told to."""

    broken = True

    def write(self, name, content):
        if self.broken:
            raise EnvironmentProblem("the disk is full")
        super().write(name, content)


async def test_a_store_that_fails_costs_no_token(clock, provider, caplog):
    """It is told, and the refresh token in memory goes on."""
    kept = keeper(provider, Broken())
    assert text(await kept.token()) == "access-1"
    assert "the disk is full" in caplog.text
    clock.now += 4000
    assert text(await kept.token()) == "access-2"
    assert provider.asked[1].refresh.get_secret_value() == "refresh-1"


async def test_the_refresh_token_that_works_is_used_where_the_store_holds_an_older_one(clock, provider):
    """The disk filled up between two renewals: a refresh token that was used before would end the login."""
    store = Broken()
    store.broken = False
    kept = keeper(provider, store)
    await kept.token()
    store.broken = True
    for number in (2, 3):
        clock.now += 4000
        assert text(await kept.token()) == f"access-{number}"
        assert provider.asked[-1].refresh.get_secret_value() == f"refresh-{number - 1}"
    clock.now += FORCED_PAUSE
    assert await kept.renew(await kept.token())
    assert text(await kept.token()) == "access-4"
    clock.now += 10
    store.broken = False
    store.write("shop/api", Token(SecretStr("new login"), obtained_at=clock.now, settings="settings").dump())
    clock.now += 4000
    assert text(await kept.token()) == "new login"


async def test_what_cant_be_read_is_an_error_only_where_it_cant_be_had_again(clock, provider):
    """Tokens of the client's own are got anew."""
    store = Memory()
    store.write("shop/api", b"nonsense")
    with pytest.raises(NotSignedIn, match="another version"):
        await keeper(provider, store).token()
    assert text(await keeper(provider, store, needed=False).token()) == "access-1"


async def test_a_bug_reaches_whoever_waits_and_the_log(clock, provider, caplog):
    """And the next one tries again."""
    provider.error = ZeroDivisionError("bug")
    kept = keeper(provider)
    with pytest.raises(ZeroDivisionError):
        await kept.token()
    assert "ZeroDivisionError" in caplog.text
    provider.error = None
    assert text(await kept.token()) == "access-2"
    gc.collect()


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"access_token": ""},
        {"access_token": "canary\r\nx: y"},
        {"access_token": 5},
        {"access_token": "canary", "token_type": "mac"},
        {"access_token": "canary", "expires_in": "soon"},
        {"access_token": "canary", "expires_in": -5},
        {"access_token": "canary", "expires_in": float("inf")},
        {"access_token": "canary", "refresh_token": {"a": 1}},
    ],
)
def test_an_answer_that_is_no_token_is_refused_unseen(answer):
    """The text names the member."""
    with pytest.raises(ValueError, match="expected") as error:
        Token.answered(answer)
    assert "canary" not in str(error.value)


def test_what_a_renewal_leaves_out_stays():
    """RFC 6749 § 6."""
    before = Token(SecretStr("a"), refresh=SecretStr("r"), scope="read", account="ada")
    after = Token.answered({"access_token": "b", "expires_in": "3600"}, now=10.0).following(before)
    assert (after.refresh, after.scope, after.account) == (SecretStr("r"), "read", "ada")
    assert after.expires_at == 3610
    assert Token.load(after.dump()) == after
    assert "'a'" not in repr(before)
