"""GitHub's OpenAPI description as a judge of requests and answers: what Prism would say of them, without a server."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any
from urllib.parse import parse_qsl

import jsonschema_rs
import orjson

from hub.testing.octokit import openapi

EMPTY = {"description"}
"""Texts that GitHub is known to leave out where nobody wrote them, though its description doesn't always say so."""
METHODS = {"get", "put", "post", "patch", "delete"}


class Description:
    """Which requests GitHub describes, and what it answers to them."""

    def __init__(self) -> None:
        self.document = openapi()
        self._operations = [
            (method.upper(), _path(path), path, operation)
            for path, operations in self.document["paths"].items()
            for method, operation in operations.items()
            if method in METHODS
        ]
        self._found: dict[tuple[str, str], tuple[str, dict[str, Any]]] = {}
        self._examples: dict[tuple[str, str, int, str | None], bytes] = {}

    def operation(self, method: str, path: str) -> tuple[str, dict[str, Any]]:
        """The path as it is described, and the operation; of several the one with the fewest parameters."""
        key = method, path
        if key not in self._found:
            self._found[key] = self._find(method, path)
        return self._found[key]

    def _find(self, method: str, path: str) -> tuple[str, dict[str, Any]]:
        fitting = [
            (described.count("{"), described, operation)
            for each, pattern, described, operation in self._operations
            if each == method and pattern.match(path)
        ]
        assert fitting, f"GitHub describes no {method} {path}"
        _, described, operation = min(fitting, key=lambda each: each[0])
        return described, operation

    def wrong_request(self, method: str, path: str, query: str, body: bytes) -> Iterator[str]:
        """What is wrong with a request."""
        described, operation = self.operation(method, path)
        known = {each["name"]: each for each in self._parameters(operation, "query")}
        given = dict(parse_qsl(query, keep_blank_values=True))
        for name, value in given.items():
            if name not in known:
                yield f"{method} {described}: a parameter `{name}`"
                continue
            schema = self._resolved(known[name]["schema"])
            if schema.get("enum") and value not in [str(each) for each in schema["enum"]]:
                yield f"{method} {described}: `{name}` is {value}, not one of {schema['enum']}"
            if schema.get("type") == "integer" and not value.isdecimal():
                yield f"{method} {described}: `{name}` is {value}, not a whole number"
            if schema.get("type") == "boolean" and value not in ("true", "false"):
                yield f"{method} {described}: `{name}` is {value}, not a truth value"
        for name, each in known.items():
            if each.get("required") and name not in given:
                yield f"{method} {described}: no `{name}`"
        yield from self._wrong_body(f"{method} {described}", operation, body)

    def _wrong_body(self, shown: str, operation: Mapping[str, Any], body: bytes) -> Iterator[str]:
        wanted = operation.get("requestBody")
        if wanted is None:
            if body:
                yield f"{shown}: a body"
            return
        if not body:
            if wanted.get("required"):
                yield f"{shown}: no body"
            return
        schema = wanted["content"]["application/json"]["schema"]
        document = orjson.loads(body)
        yield from (f"{shown}: {each}" for each in self.broken(schema, document))
        # Objects are open by default, so that a misspelt field would break nothing; GitHub would drop it unseen.
        unknown = document.keys() - schema.get("properties", {}).keys() if isinstance(document, dict) else ()
        yield from (f"{shown}: a field `{each}`" for each in unknown)

    def wrong_answer(self, method: str, path: str, status: int, body: bytes) -> Iterator[str]:
        """What is wrong with an answer."""
        described, operation = self.operation(method, path)
        answer = operation["responses"].get(str(status))
        shown = f"{status} to {method} {described}"
        if answer is None:
            if status < 500 and status not in (
                301,
                304,
                307,
                401,
                403,
                404,
                409,
                422,
                429,
            ):  # of any, though few say so
                yield f"{shown}: not described"
            return
        if "$ref" in answer:
            answer = self.document["components"]["responses"][answer["$ref"].rpartition("/")[2]]
        content = answer.get("content", {}).get("application/json")
        if content is None:
            if body:
                yield f"{shown}: a body"
            return
        yield from (f"{shown}: {each}" for each in self.broken(content["schema"], orjson.loads(body)))

    def example(self, method: str, path: str, status: int = 200, name: str | None = None) -> Any:
        """What GitHub gives as an example of an answer."""
        key = method, path, status, name
        if key not in self._examples:
            answer = self.document["paths"][path][method]["responses"][str(status)]
            examples = answer["content"]["application/json"]["examples"]
            each = examples[name or next(iter(examples))]
            if "$ref" in each:
                each = self.document["components"]["examples"][each["$ref"].rpartition("/")[2]]
            self._examples[key] = orjson.dumps(each["value"])
        return orjson.loads(self._examples[key])

    def broken(self, schema: Mapping[str, Any], value: Any) -> list[str]:
        """Where a value breaks a schema."""
        return [
            f"{_shown(each.instance_path)}: {each.message[:200]}" for each in self._validator(schema).iter_errors(value)
        ]

    def _validator(self, schema: Mapping[str, Any]) -> Any:
        key = id(schema)
        if key not in self._validators:
            self._validators[key] = jsonschema_rs.Draft202012Validator(self._closed(schema))
        return self._validators[key]

    _validators: dict[int, Any] = {}

    def _closed(self, schema: Mapping[str, Any]) -> dict[str, Any]:
        """A schema of its own, with all that it refers to."""
        definitions: dict[str, Any] = {}
        waiting = [_json_schema(schema)]
        document = waiting[0]
        while waiting:
            for name in _references(waiting.pop()):
                if name not in definitions:
                    definitions[name] = _json_schema(self.document["components"]["schemas"][name])
                    waiting.append(definitions[name])
        return {**document, "$defs": definitions}

    def _parameters(self, operation: Mapping[str, Any], place: str) -> Iterator[dict[str, Any]]:
        for each in operation.get("parameters", ()):
            found = (
                self.document["components"]["parameters"][each["$ref"].rpartition("/")[2]] if "$ref" in each else each
            )
            if found["in"] == place:
                yield found

    def _resolved(self, schema: dict[str, Any]) -> dict[str, Any]:
        return self.document["components"]["schemas"][schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema


@cache
def description() -> Description:
    """GitHub's description, read once."""
    return Description()


def _path(path: str) -> re.Pattern[str]:
    # The part after the repository's name never holds a slash, but for branches, which none of ours do.
    return re.compile(
        "".join("[^/]+" if each.startswith("{") else re.escape(each) for each in re.split(r"(\{[^}]*\})", path)) + r"\Z"
    )


def _shown(path: list[Any]) -> str:
    return ".".join("*" if isinstance(each, int) else str(each) for each in path) or "the whole"


def _references(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        for name, each in schema.items():
            if name == "$ref" and isinstance(each, str):
                yield each.rpartition("/")[2]
            else:
                yield from _references(each)
    elif isinstance(schema, list):
        for each in schema:
            yield from _references(each)


def _json_schema(schema: Any) -> Any:
    """OpenAPI 3.0's dialect as JSON Schema 2020-12, as far as GitHub uses it."""
    if isinstance(schema, list):
        return [_json_schema(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return {"$ref": f"#/$defs/{schema['$ref'].rpartition('/')[2]}"}
    kept = {
        name: _json_schema(each)
        for name, each in schema.items()
        if name in {"type", "enum", "required", "items", "allOf", "anyOf", "oneOf", "not", "additionalProperties"}
        or name in {"maxLength", "minLength", "maxProperties", "maxItems", "minItems", "minimum", "maximum"}
    }
    if "properties" in schema:
        kept["properties"] = {name: _json_schema(each) for name, each in schema["properties"].items()}
        for name in kept["properties"].keys() & EMPTY:
            kept["properties"][name] = {"anyOf": [kept["properties"][name], {"type": "null"}]}
    if "oneOf" in kept:
        kept["anyOf"] = [*kept.pop("oneOf"), *kept.pop("anyOf", [])]  # GitHub's choices overlap
    return {"anyOf": [kept, {"type": "null"}]} if schema.get("nullable") else kept
