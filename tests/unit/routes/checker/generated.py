"""Random schemas, data that conform to them, and expressions on these: mostly of the right types, now and then not.

Everything is drawn from one generator of random numbers, so that a failing case is its seed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from typing import Any

Schema = dict[str, Any]
NAMES = ("a", "b", "kind", "size", "user")
LITERALS = {
    "string": ('"a"', '"b"', '""', '"x7"'),
    "int": ("0", "1", "7", "-2"),
    "double": ("0.5", "2.0", "-1.5"),
    "bool": ("true", "false"),
    "list": ("[]", "[1, 2]", '["a", "b"]', "[null]"),
    "map": ("{}", '{"a": 1}'),
    "null": ("null",),
}
KINDS = ("string", "int", "double", "bool", "list", "map")


def schema(random: Random, depth: int) -> Schema:  # noqa: PLR0911  one for each form
    """A schema of any type; objects stop at depth 0."""
    choice = random.random()
    if depth and choice < 0.35:
        return _object(random, depth)
    if depth and choice < 0.45:
        return _variants(random, depth)
    if depth and choice < 0.6:
        return {"type": "array", "items": schema(random, depth - 1)}
    if choice < 0.68:
        return {"enum": random.sample(["a", "b", "x7", 1, 7, None], random.randint(1, 3))}
    if choice < 0.78:
        return {"type": [random.choice(["string", "integer", "boolean"]), "null"]}
    if choice < 0.82:
        return {"type": random.choice([["string", "integer"], "number"])}
    return {"type": random.choice(["string", "integer", "boolean", "string", "integer"])}


def _object(random: Random, depth: int) -> Schema:
    names = random.sample(NAMES, random.randint(1, 4))
    found: Schema = {
        "type": "object",
        "properties": {name: schema(random, depth - 1) for name in names},
        "required": [name for name in names if random.random() < 0.7],
    }
    if random.random() < 0.15:
        found["additionalProperties"] = schema(random, 0)
    if random.random() < 0.2:
        return {"anyOf": [found, {"type": "null"}]}
    return found


def _variants(random: Random, depth: int) -> Schema:
    """Objects that are told apart by a constant."""
    options = []
    for constant in random.sample(["a", "b", "x7"], random.randint(2, 3)):
        option = _object(random, depth)
        option = option["anyOf"][0] if "anyOf" in option else option
        option["properties"]["kind"] = {"const": constant}
        option["required"] = list({*option["required"], "kind"})
        options.append(option)
    return {"oneOf": options}


def conforming(random: Random, of: Schema) -> Any:  # noqa: PLR0911  one for each form
    """A value that a schema admits."""
    if options := of.get("oneOf") or of.get("anyOf"):
        return conforming(random, random.choice(options))
    if "const" in of:
        return of["const"]
    if "enum" in of:
        return random.choice(of["enum"])
    kind = of.get("type")
    kind = random.choice(kind) if isinstance(kind, list) else kind
    match kind:
        case "object":
            return _conforming_object(random, of)
        case "array":
            return [conforming(random, of["items"]) for _ in range(random.randint(0, 3))]
        case "string":
            return random.choice(["", "a", "b", "x7", "7", "true"])
        case "integer":
            return random.choice([0, 1, 7, -2])
        case "number":
            return random.choice([0, 1, 2.0, 0.5])
        case "boolean":
            return random.random() < 0.5
    return None


def _conforming_object(random: Random, of: Schema) -> dict[str, Any]:
    found = {
        name: conforming(random, each)
        for name, each in of["properties"].items()
        if name in of["required"] or random.random() < 0.5
    }
    if "additionalProperties" in of and random.random() < 0.5:
        found["zz"] = conforming(random, of["additionalProperties"])
    return found


@dataclass
class Expressions:
    """Makes expressions.

    Args:
        random: where choices come from.
        data: schema of ``data``.
    """

    random: Random
    data: Schema
    scope: dict[str, Schema] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.scope.setdefault("data", self.data)

    # Paths

    def paths(self) -> list[tuple[str, Schema]]:
        """All that can be read from the names in scope."""
        found: list[tuple[str, Schema]] = []
        for name, each in self.scope.items():
            self._below(name, each, found, 3)
        return found

    def _below(self, text: str, of: Schema, found: list[tuple[str, Schema]], depth: int) -> None:
        found.append((text, of))
        if not depth:
            return
        for option in (of, *of.get("oneOf", ()), *of.get("anyOf", ())):
            for name, each in option.get("properties", {}).items():
                self._below(f"{text}.{name}", each, found, depth - 1)
            if "items" in option and self.random.random() < 0.3:
                self._below(f"{text}[0]", option["items"], found, depth - 1)

    def path(self, kind: str | None = None) -> tuple[str, Schema]:
        """A path, if possible to a value of a kind."""
        paths = self.paths()
        fitting = [each for each in paths if kind is None or kind in kinds_of(each[1])]
        return self.random.choice(fitting or paths)

    # Expressions

    def any(self, depth: int) -> str:
        """An expression of some kind."""
        return self.of(self.random.choice(KINDS), depth)

    def of(self, kind: str, depth: int) -> str:
        """An expression that is mostly of a kind."""
        if self.random.random() < 0.04:
            kind = self.random.choice(KINDS)
        choice = self.random.random()
        if depth <= 0 or choice < 0.3:
            return self.path(kind)[0] if choice < 0.2 else self.random.choice(LITERALS[kind])
        if choice < 0.4:
            return f"({self.of('bool', depth - 1)} ? {self.of(kind, depth - 1)} : {self.of(kind, depth - 1)})"
        if choice < 0.55:
            return self.guarded(kind, depth)
        return str(getattr(self, kind)(depth))

    def guarded(self, kind: str, depth: int) -> str:
        """A value behind a test."""
        path, _ = self.path(kind)
        holder, _, name = path.rpartition(".")
        other = self.of(kind, depth - 1)
        forms = [f"({path} != null ? {path} : {other})", f"({path} == null ? {other} : {path})"]
        forms += [f"cel.bind(v, {path}, v != null ? v : {other})"]
        if name.isidentifier() and holder:
            forms += [
                f"(has({path}) ? {path} : {other})",
                f'("{name}" in {holder} ? {path} : {other})',
                f"{holder}.?{name}.orValue({other})",
                f"(has({holder}) && {holder} != null && has({path}) && {path} != null ? {path} : {other})",
            ]
        names = {"list": "list", "map": "map"}
        forms.append(f"(type({path}) == {names.get(kind, kind)} ? {path} : {other})")
        return self.random.choice(forms)

    def bool(self, depth: int) -> str:
        """True or false."""
        first, second = self.of("bool", depth - 1), self.of("bool", depth - 1)
        kind = self.random.choice(KINDS)
        left, right = self.of(kind, depth - 1), self.of(kind, depth - 1)
        order = self.random.choice(("string", "int", "double"))
        path, of = self.path()
        forms = [
            f"({first} && {second})",
            f"({first} || {second})",
            f"!({first})",
            f"({left} == {right})",
            f"({left} != {right})",
            f"({self.of(order, depth - 1)} < {self.of(order, depth - 1)})",
            f"({path} != null && {second})",
            f"({path} == null || {second})",
            f"{self.of('string', depth - 1)}.startsWith({self.of('string', depth - 1)})",
            f"({left} in [{right}, {self.of(kind, depth - 1)}])",
            f"({left} in {self.of('list', depth - 1)})",
            self.loop(self.random.choice(("exists", "all", "exists_one")), depth),
            f"(type({path}) == {self.random.choice(('string', 'int', 'bool', 'map', 'list', 'null_type'))} && {first})",
        ]
        kind_of = _constant(of)
        if kind_of is not None:
            forms += [f'({path}.kind == "{kind_of}" && {self.with_variant(path, of, kind_of, depth)})'] * 4
        return self.random.choice(forms)

    def with_variant(self, path: str, of: Schema, constant: str, depth: int) -> str:
        """A test that may read the fields of one variant."""
        option = next(each for each in of["oneOf"] if each["properties"]["kind"]["const"] == constant)
        name = self.random.choice(list(option["properties"]))
        kind = self.random.choice(kinds_of(option["properties"][name]) or ["string"])
        return f"{path}.{name} == {self.of(kind if kind in KINDS else 'string', depth - 1)}"

    def string(self, depth: int) -> str:
        """Text."""
        text = self.of("string", depth - 1)
        forms = [
            f"({text} + {self.of('string', depth - 1)})",
            f"string({self.of(self.random.choice(('int', 'bool', 'double', 'string')), depth - 1)})",
            f"{text}.lowerAscii()",
            f'{text}.replace("a", {self.of("string", depth - 1)})',
            f'{self.loop("map", depth, "string")}.join(",")',
        ]
        return self.random.choice(forms)

    def int(self, depth: int) -> str:
        """A whole number."""
        first = self.of("int", depth - 1)
        forms = [
            f"({first} {self.random.choice('+-*')} {self.of('int', depth - 1)})",
            f"size({self.of(self.random.choice(('string', 'list', 'map')), depth - 1)})",
            f"-({first})",
            f"math.greatest({first}, {self.of('int', depth - 1)})",
        ]
        return self.random.choice(forms)

    def double(self, depth: int) -> str:
        """A number with a point."""
        first = self.of("double", depth - 1)
        forms = [
            f"({first} {self.random.choice('+-*/')} {self.of('double', depth - 1)})",
            f"double({self.of(self.random.choice(('int', 'double')), depth - 1)})",
        ]
        return self.random.choice(forms)

    def list(self, depth: int) -> str:
        """A list."""
        forms = [
            f"[{self.any(depth - 1)}, {self.any(depth - 1)}]",
            f"({self.of('list', depth - 1)} + {self.of('list', depth - 1)})",
            self.loop("filter", depth),
            self.loop("map", depth, self.random.choice(KINDS)),
        ]
        return self.random.choice(forms)

    def map(self, depth: int) -> str:
        """A map."""
        return f'{{"a": {self.any(depth - 1)}, "b": {self.any(depth - 1)}}}'

    def loop(self, macro: str, depth: int, makes: str = "bool") -> str:
        """A macro over a list."""
        path, of = self.path("list")
        items = next((each["items"] for each in (of, *of.get("anyOf", ())) if "items" in each), None)
        if items is None or self.random.random() < 0.2:
            path, items = self.of("list", depth - 1), {"type": "string"}
        name = f"x{len(self.scope)}"
        inner = Expressions(self.random, self.data, {**self.scope, name: items})
        return f"{path}.{macro}({name}, {inner.of(makes, depth - 1)})"


def kinds_of(of: Schema) -> list[str]:
    """The kinds of the language that a schema admits, except for null."""
    if options := of.get("oneOf") or of.get("anyOf"):
        return [kind for each in options for kind in kinds_of(each)]
    values = of.get("enum") or ([of["const"]] if "const" in of else [])
    if values:
        return [{str: "string", int: "int"}[type(each)] for each in values if each is not None]
    named = of.get("type", [])
    names = named if isinstance(named, list) else [named]
    words = {
        "object": "map",
        "array": "list",
        "string": "string",
        "integer": "int",
        "boolean": "bool",
        "number": "double",
    }
    return [words[each] for each in names if each in words]


def _constant(of: Schema) -> str | None:
    return of["oneOf"][0]["properties"]["kind"]["const"] if "oneOf" in of else None
