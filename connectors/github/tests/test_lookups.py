"""Look-ups: what is there, what isn't, and what stands in."""

from typing import Any

import pytest
from aiohttp import web
from pydantic import ValidationError

from connectors.github import connector
from connectors.github.config import ApiConfig
from connectors.github.tests.reading import World
from connectors.github.tests.test_schemas import SCHEMAS
from demo.githubapi import REPOSITORY
from hub.contracts import Contract
from hub.contracts.bundle import SchemaFiles
from hub.sdk import Found, Lookup, NotConnected, Permanent, Service, Transient, UnitContext
from hub.sdk.lookup import NOTHING
from hub.services import HttpService

KEYS: dict[str, bytes] = {
    "issue": b'{"repository": "octo-org/octo-repo", "number": 1}',
    "pull": b'{"repository": "octo-org/octo-repo", "number": 2}',
    "repository": b'"octo-org/octo-repo"',
    "user": b'"octocat"',
}
MISSING = {
    "issue": b'{"repository": "octo-org/octo-repo", "number": 99}',
    "pull": b'{"repository": "octo-org/octo-repo", "number": 99}',
    "repository": b'"octo-org/nothing"',
    "user": b'"nobody"',
}


def lookup(kind: str, service: Service) -> Lookup[Any, Any]:
    cls = connector.lookups[kind]
    return cls(cls.config_type().model_validate({}), UnitContext("looking", services={"github": service}))


async def found(kind: str, service: Service, key: bytes) -> Any:
    look = lookup(kind, service)
    (answer,) = await look.look_up([look.read_key(key)])
    return answer


@pytest.fixture(autouse=True)
def _things(world: World) -> None:
    world.repository.open_issue("issue")
    world.repository.open_pull("pull")


@pytest.mark.parametrize("kind", KEYS)
async def test_what_is_there_is_found_as_its_schema_says(world: World, kind: str) -> None:
    """Whole, as GitHub answers it."""
    answer = await found(kind, world.service, KEYS[kind])
    assert isinstance(answer, Found)
    assert answer.marks == {}
    schema = SCHEMAS / str(connector.lookups[kind].schema)
    assert Contract(kind, SchemaFiles([SCHEMAS]).load(schema)).check(answer.data) == []


@pytest.mark.parametrize("kind", MISSING)
async def test_what_isnt_there_is_nothing(world: World, kind: str) -> None:
    """And no failure: a route decides what to make of it."""
    assert await found(kind, world.service, MISSING[kind]) is NOTHING


async def test_failures_are_signals(world: World) -> None:
    """A refusal says what to do; an outage is one."""
    world.api.interceptor = lambda _: web.json_response({"message": "no"}, status=403)
    with pytest.raises(Permanent, match="permission"):
        await found("user", world.service, KEYS["user"])
    world.api.interceptor = lambda _: web.Response(status=503)
    with pytest.raises(NotConnected):
        await found("user", world.service, KEYS["user"])
    world.api.interceptor = lambda _: web.json_response([])
    with pytest.raises(Transient, match="object"):
        await found("user", world.service, KEYS["user"])


async def test_an_old_answer_stands_in_and_is_marked(world: World) -> None:
    """Where the service says that it may."""
    policies = {"rate_limit": None, "circuit_breaker": None, "retry": None}
    cache = {"ttl": "0s", "stale_if_error": "1h"}
    config = ApiConfig.model_validate({"base_url": world.api.url, "cache": cache, **policies})
    async with HttpService("github", config) as service:
        fresh = await found("user", service, KEYS["user"])
        world.api.interceptor = lambda _: web.Response(status=503)
        old = await found("user", service, KEYS["user"])
    assert old.data == fresh.data
    assert (fresh.marks, old.marks) == ({}, {"hubdegraded": "stale"})


@pytest.mark.parametrize(
    ("kind", "key"),
    [
        ("issue", b'{"repository": "a/..", "number": 1}'),
        ("issue", f'{{"repository": "{REPOSITORY}", "number": 0}}'.encode()),
        ("issue", f'{{"repository": "{REPOSITORY}", "number": "1"}}'.encode()),
        ("repository", b'"a/b/c"'),
        ("user", b'"../repos"'),
        ("user", b'"a/b"'),
        ("user", b'""'),
    ],
)
def test_nothing_but_a_key_gets_into_a_path(kind: str, key: bytes) -> None:
    """They come out of events."""
    with pytest.raises(ValidationError):
        connector.lookups[kind].read_key(key)


def test_logins_of_bots_and_managed_users_are_keys() -> None:
    """With brackets, and with an underscore."""
    for key in (b'"dependabot[bot]"', b'"octocat_corp"', b'"a"', b'"a-b"'):
        assert connector.lookups["user"].read_key(key)
