"""A client of schema registries that speak the API of Confluent's: Confluent's own, Apicurio, Karapace, Redpanda.

async with SchemaRegistry(RegistrySettings()) as registry:
    stored = await registry.register("review.wanted", schema)
    assert await registry.fetch("review.wanted") == stored

The API: https://docs.confluent.io/platform/current/schema-registry/develop/api.html; schemas are of the type JSON.
"""

from __future__ import annotations

import base64
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import aiohttp
import orjson
from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from hub import secrecy
from hub.contracts.bundle import MAX_FILE, SchemaFiles
from hub.contracts.lock import Version
from hub.sdk.errors import ConfigError, HubError, NotConnected

TIMEOUT = 15.0
"""Seconds that a request may take."""
PREFIX = "HUB_REGISTRY__"

_JSON = "application/vnd.schemaregistry.v1+json"
_MOST_REFERENCES = 200  # schemas that one schema may refer to, in all
_AWAY = (
    HTTPStatus.TOO_MANY_REQUESTS,
    HTTPStatus.BAD_GATEWAY,
    HTTPStatus.SERVICE_UNAVAILABLE,
    HTTPStatus.GATEWAY_TIMEOUT,
)
_REFUSED = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)


class RegistrySettings(BaseSettings):
    """How to reach the schema registry. Each field is read from ``HUB_REGISTRY__`` + its name in capitals.

    Raises:
        ConfigError: a value is missing or wrong. No message holds a secret.
    """

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        frozen=True,
        extra="forbid",
        env_ignore_empty=True,
        hide_input_in_errors=True,
        use_attribute_docstrings=True,
    )

    url: str = Field(pattern=r"^https?://\S+$")
    """Base URL of the API, e.g. ``https://registry.example`` or ``http://127.0.0.1:8080/apis/ccompat/v7``."""
    username: str | None = None
    password: SecretStr | None = None
    token: SecretStr | None = None
    """Sent as ``Authorization: Bearer``; instead of a user name and a password."""
    ssl_cafile: Path | None = None
    """PEM file of the authorities that signed the registry's certificate; none means the system's."""

    def __init__(self, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ValidationError as error:
            found = "; ".join(
                f"{PREFIX}{str(each['loc'][0]).upper() if each['loc'] else ''}: {_reason(each)}"
                for each in error.errors(include_input=False, include_url=False, include_context=False)
            )
            raise ConfigError(f"the schema registry's settings are wrong: {found}") from None
        secrecy.note(self)

    @field_validator("url")
    @classmethod
    def _no_password_in_it(cls, url: str) -> str:
        if "@" in url.partition("://")[2].partition("/")[0]:
            raise ValueError(f"expected a URL without user and password: those go to {PREFIX}USERNAME and _PASSWORD")
        return url.rstrip("/")

    @model_validator(mode="after")
    def _one_way_to_sign_in(self) -> Self:
        if (self.username is None) != (self.password is None):
            raise ValueError(f"{PREFIX}USERNAME and {PREFIX}PASSWORD belong together")
        if self.token is not None and self.username is not None:
            raise ValueError(f"expected {PREFIX}TOKEN, or a user name and a password; got both")
        return self


def _reason(error: Mapping[str, Any]) -> str:
    if error["type"] == "missing":
        return "not set; it names the registry, e.g. http://127.0.0.1:8081"
    return str(error["msg"]).removeprefix("Value error, ")


class RegistryRefusal(HubError):
    """What the registry answered instead of doing what it was asked to."""


class UnknownSubject(RegistryRefusal):
    """There is no such subject, version or schema."""


class IncompatibleSchema(RegistryRefusal):
    """The registry's rules don't take a schema as the next version of its subject."""


@dataclass(frozen=True)
class StoredSchema:
    """A schema as the registry has it.

    Attributes:
        subject: what it is stored under.
        version: of the subject, counted from 1.
        id: of the schema, in the whole registry.
        schema: JSON Schema, all its references local.
    """

    subject: str
    version: int
    id: int
    schema: Mapping[str, Any]


class SchemaRegistry:
    """A connection to a registry; use it as an asynchronous context manager.

    Every method raises `NotConnected` where the registry can't be reached, takes longer than 15 s or is overloaded,
    `ConfigError` where it refuses our credentials, and `RegistryRefusal` for any other refusal.

    Args:
        settings: where it is.
    """

    def __init__(self, settings: RegistrySettings) -> None:
        self._settings = settings
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        settings = self._settings
        headers = {"Accept": f"{_JSON}, application/json", "Content-Type": _JSON}
        if settings.token is not None:
            headers["Authorization"] = f"Bearer {settings.token.get_secret_value()}"
        if settings.username is not None and settings.password is not None:
            pair = f"{settings.username}:{settings.password.get_secret_value()}"
            secrecy.note(SecretStr(pair))
            headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        try:
            context = ssl.create_default_context(cafile=settings.ssl_cafile)
        except (OSError, ssl.SSLError) as error:
            raise ConfigError(f"{PREFIX}SSL_CAFILE={settings.ssl_cafile} can't be used: {error}") from error
        self._session = aiohttp.ClientSession(
            headers=headers,
            timeout=aiohttp.ClientTimeout(total=TIMEOUT),
            connector=aiohttp.TCPConnector(ssl=context),
            trust_env=True,
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()

    async def subjects(self) -> list[str]:
        """All subjects, by name."""
        found = await self._call("GET", "/subjects")
        return sorted(str(each) for each in found)

    async def versions(self, subject: str) -> list[int]:
        """The versions of a subject, the oldest first.

        Raises:
            UnknownSubject: there is none.
        """
        found = await self._call("GET", f"/subjects/{_quoted(subject)}/versions")
        return sorted(int(each) for each in found)

    async def fetch(self, subject: str, version: Version = "latest") -> StoredSchema:
        """A version of a subject.

        Raises:
            UnknownSubject: there is none.
            RegistryRefusal: it is no JSON Schema.
            InvalidSchema: it is none that can be used.
        """
        answer = await self._call("GET", f"/subjects/{_quoted(subject)}/versions/{version}")
        return StoredSchema(subject, int(answer["version"]), int(answer["id"]), await self._schema(answer, subject))

    async def fetch_by_id(self, schema_id: int) -> Mapping[str, Any]:
        """A schema by its id; otherwise as `fetch`."""
        return await self._schema(await self._call("GET", f"/schemas/ids/{schema_id}"), f"the schema {schema_id}")

    async def register(self, subject: str, schema: Mapping[str, Any]) -> StoredSchema:
        """Stores a schema as the newest version of a subject; one that is there already stays as it is.

        Raises:
            IncompatibleSchema: the registry's rule for the subject doesn't take it.
        """
        answer = await self._call("POST", f"/subjects/{_quoted(subject)}/versions", _sent(schema))
        found = await self._call("POST", f"/subjects/{_quoted(subject)}", _sent(schema))
        return StoredSchema(subject, int(found["version"]), int(answer["id"]), schema)

    async def find(self, subject: str, schema: Mapping[str, Any]) -> int | None:
        """The version of a subject that is this schema; None where there is none."""
        try:
            answer = await self._call("POST", f"/subjects/{_quoted(subject)}", _sent(schema))
        except UnknownSubject:
            return None
        return int(answer["version"])

    async def objections(self, subject: str, schema: Mapping[str, Any]) -> list[str]:
        """Why the registry would not take a schema as the next version of a subject; empty if it would."""
        path = f"/compatibility/subjects/{_quoted(subject)}/versions/latest?verbose=true"
        try:
            answer = await self._call("POST", path, _sent(schema))
        except UnknownSubject:
            return []  # its first version
        if answer.get("is_compatible", True):
            return []
        reasons = answer.get("messages") or [answer.get("reason") or "the registry gives no reason"]
        return [str(each) for each in reasons]

    async def _schema(self, answer: Mapping[str, Any], subject: str) -> Mapping[str, Any]:
        """The schema in an answer, with what it refers to."""
        kind = answer.get("schemaType", "AVRO")
        if kind != "JSON":
            raise RegistryRefusal(f"expected a JSON Schema in {subject}; the registry has one of the type {kind}")
        # Other schemas stand beside it under the names by which it refers to them.
        base = Path("/registry")
        files: dict[Path, Any] = {}
        waiting = list(answer.get("references") or ())
        while waiting:
            reference = waiting.pop()
            place = (base / str(reference["name"])).resolve()
            if place in files:
                continue
            if len(files) >= _MOST_REFERENCES:
                raise RegistryRefusal(f"{subject} refers to more than {_MOST_REFERENCES} schemas")
            other = await self._call(
                "GET", f"/subjects/{_quoted(str(reference['subject']))}/versions/{reference['version']}"
            )
            files[place] = _parsed(other["schema"], str(reference["subject"]))
            waiting += other.get("references") or ()
        bundler = SchemaFiles([base], files)
        return bundler.bundle(_parsed(answer["schema"], subject), base / "the-schema-itself")

    async def _call(self, method: str, path: str, body: Any = None) -> Any:
        assert self._session is not None, "the registry is used as a context manager"
        url = self._settings.url + path
        data = None if body is None else orjson.dumps(body)
        try:
            # A redirect would take our credentials elsewhere.
            async with self._session.request(method, url, data=data, allow_redirects=False) as response:
                content = bytearray()
                async for chunk in response.content.iter_any():
                    content += chunk
                    if len(content) > MAX_FILE:
                        raise RegistryRefusal(f"{self._settings.url} answers more than {MAX_FILE >> 20} MiB")
                return self._answer(response.status, bytes(content))
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            reason = str(error) or f"no answer within {TIMEOUT:g} s"
            raise NotConnected(f"the schema registry {self._settings.url} can't be reached: {reason}") from error

    def _answer(self, status: int, content: bytes) -> Any:
        url = self._settings.url
        try:
            answer = orjson.loads(content)
        except orjson.JSONDecodeError:
            answer = None
        if status in _AWAY:
            raise NotConnected(f"the schema registry {url} answers {status}", status=status)
        if status in _REFUSED:
            raise ConfigError(
                f"the schema registry {url} refuses us with {status}: see {PREFIX}USERNAME and {PREFIX}PASSWORD, "
                f"or {PREFIX}TOKEN"
            )
        if status == HTTPStatus.OK and answer is not None:
            return answer
        said = secrecy.hidden(str(answer.get("message") or "")) if isinstance(answer, dict) else None
        code = answer.get("error_code") if isinstance(answer, dict) else None
        if status == HTTPStatus.NOT_FOUND and code is not None:
            raise UnknownSubject(str(said))
        if status == HTTPStatus.CONFLICT:
            raise IncompatibleSchema(str(said or "the registry gives no reason"))
        raise RegistryRefusal(
            f"expected the API of a schema registry at {url}; it answered {status}" + (f": {said}" if said else "")
        )


def _quoted(subject: str) -> str:
    return quote(subject, safe="")


def _sent(schema: Mapping[str, Any]) -> dict[str, str]:
    return {"schemaType": "JSON", "schema": orjson.dumps(schema).decode()}


def _parsed(text: Any, subject: str) -> Any:
    try:
        return orjson.loads(text)
    except (orjson.JSONDecodeError, TypeError) as error:
        raise RegistryRefusal(f"the registry's schema of {subject} is no JSON: {error}") from error
