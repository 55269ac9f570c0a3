"""The client of schema registries, on a real Apicurio."""

from __future__ import annotations

import aiohttp
import orjson
import pytest
from aiohttp import web

from hub.contracts import Contract
from hub.contracts.registry import (
    IncompatibleSchema,
    RegistryRefusal,
    RegistrySettings,
    SchemaRegistry,
    UnknownSubject,
)
from hub.sdk import ConfigError, NotConnected
from hub.testing.servers import registry_server

FIRST = {"type": "object", "properties": {"n": {"type": "integer"}}, "additionalProperties": False}
SECOND = {**FIRST, "properties": {"n": {"type": "integer"}, "m": {"type": "string"}}}
BROKEN = {**FIRST, "properties": {"n": {"type": "string"}}}


async def ruled(url: str, subject: str, level: str) -> None:
    """Sets the compatibility rule of a subject."""
    path = f"{url}/config/{subject}"
    async with aiohttp.ClientSession() as session, session.put(path, json={"compatibility": level}) as answer:
        assert answer.status == 200, await answer.text()


async def test_schemas_are_registered_and_fetched(schema_registry, unique):
    """By subject and version, by id, the newest; the same schema twice is one version."""
    async with SchemaRegistry(RegistrySettings(url=schema_registry)) as registry:
        first = await registry.register(unique, FIRST)
        assert (first.subject, first.version, first.schema) == (unique, 1, FIRST)
        assert await registry.register(unique, FIRST) == first
        second = await registry.register(unique, SECOND)
        assert second.version == 2
        assert await registry.versions(unique) == [1, 2]
        assert unique in await registry.subjects()
        assert await registry.fetch(unique) == second
        assert await registry.fetch(unique, 1) == first
        assert await registry.fetch_by_id(first.id) == FIRST
        assert (await registry.find(unique, FIRST), await registry.find(unique, BROKEN)) == (1, None)
    assert Contract(unique, second.schema).check({"n": "x"})[0].path == "/n"


async def test_what_is_not_there_is_unknown(schema_registry, unique):
    """In the registry's own words."""
    async with SchemaRegistry(RegistrySettings(url=schema_registry)) as registry:
        with pytest.raises(UnknownSubject, match=unique):
            await registry.fetch(unique)
        with pytest.raises(UnknownSubject):
            await registry.versions(unique)
        with pytest.raises(UnknownSubject):
            await registry.fetch_by_id(987654)
        await registry.register(unique, FIRST)
        with pytest.raises(UnknownSubject, match="99"):
            await registry.fetch(unique, 99)


async def test_the_registry_s_rules_have_the_last_word(schema_registry, unique):
    """An incompatible schema is refused with the reason, and can be asked about before."""
    async with SchemaRegistry(RegistrySettings(url=schema_registry)) as registry:
        assert await registry.objections(unique, FIRST) == []
        await registry.register(unique, FIRST)
        await ruled(schema_registry, unique, "BACKWARD")
        assert await registry.objections(unique, SECOND) == []
        (reason,) = await registry.objections(unique, BROKEN)
        assert "/properties/n" in reason
        with pytest.raises(IncompatibleSchema, match="/properties/n"):
            await registry.register(unique, BROKEN)
        assert await registry.versions(unique) == [1]


async def test_a_schema_that_refers_to_others_is_fetched_with_them(schema_registry, unique):
    """References of the registry become local ones."""
    user = {"type": "object", "properties": {"login": {"type": "string"}}}
    schema = {"type": "object", "properties": {"user": {"$ref": "user.json"}}}
    async with SchemaRegistry(RegistrySettings(url=schema_registry)) as registry:
        await registry.register(f"{unique}-user", user)
        body = {
            "schemaType": "JSON",
            "schema": orjson.dumps(schema).decode(),
            "references": [{"name": "user.json", "subject": f"{unique}-user", "version": 1}],
        }
        path = f"{schema_registry}/subjects/{unique}/versions"
        async with aiohttp.ClientSession() as session, session.post(path, json=body) as answer:
            assert answer.status == 200, await answer.text()
        stored = await registry.fetch(unique)
    assert stored.schema == {
        "type": "object",
        "properties": {"user": {"$ref": "#/$defs/user"}},
        "$defs": {"user": user},
    }


async def test_other_kinds_of_schemas_are_refused(schema_registry, unique):
    """An Avro schema is no contract of ours."""
    async with aiohttp.ClientSession() as session:
        await session.post(f"{schema_registry}/subjects/{unique}/versions", json={"schema": '{"type": "string"}'})
    async with SchemaRegistry(RegistrySettings(url=schema_registry)) as registry:
        with pytest.raises(RegistryRefusal, match="AVRO"):
            await registry.fetch(unique)


async def test_names_of_subjects_may_be_anything(schema_registry, unique):
    """Slashes and spaces, too."""
    subject = f"{unique}/ä b?c"
    async with SchemaRegistry(RegistrySettings(url=schema_registry)) as registry:
        await registry.register(subject, FIRST)
        assert (await registry.fetch(subject)).schema == FIRST
        assert subject in await registry.subjects()


async def test_a_registry_that_goes_and_comes_back():
    """Is told to be away, and works again; no restart of ours is needed."""
    async with (
        registry_server(private=True) as server,
        SchemaRegistry(RegistrySettings(url=server.url)) as registry,
    ):
        await registry.register("s", FIRST)
        server.kill()
        with pytest.raises(NotConnected, match="can't be reached"):
            await registry.subjects()
        await server.start()
        await registry.register("s", FIRST)
        assert (await registry.fetch("s")).version == 1


class Strange:
    """An HTTP server that answers as it is told, and remembers who signed in."""

    def __init__(self) -> None:
        self.answer = web.Response(text="[]")
        self.authorization: list[str | None] = []

    async def __aenter__(self) -> str:
        async def handle(request: web.Request) -> web.Response:
            self.authorization.append(request.headers.get("Authorization"))
            return self.answer

        application = web.Application()
        application.router.add_route("*", "/{path:.*}", handle)
        self._runner = web.AppRunner(application)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        return f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()


@pytest.mark.parametrize(
    ("status", "text", "error", "message"),
    [
        (401, "secret", ConfigError, "refuses us with 401"),
        (403, "{}", ConfigError, "refuses us with 403"),
        (503, "", NotConnected, "answers 503"),
        (429, "", NotConnected, "answers 429"),
        (500, '{"error_code": 50001, "message": "store"}', RegistryRefusal, "it answered 500: store"),
        (404, "<html>", RegistryRefusal, "expected the API of a schema registry"),
        (200, "<html>", RegistryRefusal, "expected the API of a schema registry"),
        (302, "", RegistryRefusal, "it answered 302"),
    ],
)
async def test_strange_answers_are_told(status, text, error, message):
    """What is no registry, refuses us, or is overloaded."""
    strange = Strange()
    async with strange as url:
        strange.answer = web.Response(status=status, text=text, headers={"Location": "http://127.0.0.1:1/"})
        async with SchemaRegistry(RegistrySettings(url=url)) as registry:
            with pytest.raises(error, match=message) as caught:
                await registry.subjects()
    assert "secret" not in str(caught.value)


async def test_credentials_are_sent():
    """A token, or a user name with a password."""
    strange = Strange()
    async with strange as url:
        async with SchemaRegistry(RegistrySettings(url=url, token="t")) as registry:
            await registry.subjects()
        strange.answer = web.Response(text="[]")
        async with SchemaRegistry(RegistrySettings(url=url, username="u", password="p")) as registry:
            await registry.subjects()
    assert strange.authorization == ["Bearer t", "Basic dTpw"]


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({}, "HUB_REGISTRY__URL: not set"),
        ({"URL": "registry:8081"}, "HUB_REGISTRY__URL"),
        ({"URL": "http://u:secret@registry"}, "expected a URL without user and password"),
        ({"URL": "http://r", "USERNAME": "u"}, "belong together"),
        ({"URL": "http://r", "USERNAME": "u", "PASSWORD": "secret", "TOKEN": "secret"}, "got both"),
    ],
)
def test_settings_that_can_t_work_are_told_without_secrets(monkeypatch, environment, message):
    """From the environment."""
    for name, value in environment.items():
        monkeypatch.setenv(f"HUB_REGISTRY__{name}", value)
    with pytest.raises(ConfigError, match=message) as caught:
        RegistrySettings()
    assert "secret" not in str(caught.value)
