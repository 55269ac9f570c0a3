"""The expressions of units, and what they look at: variables, tables, fields of the data."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from hub.deployment.nodes import Mapping as MappingNode
from hub.deployment.nodes import Node, Scalar, Sequence, included
from hub.deployment.specs import RouteSpec, SinkSpec, UnitSpec
from hub.routes import ExpressionError
from hub.routes.parser import parse
from hub.routes.syntax import Call, Expr, Has, Literal, Name, OptionalSelect, Select, children, walk
from hub.routes.tree import MARK
from hub.routes.writer import Source

_Steps = tuple[str | int, ...]


def sources_of(unit: UnitSpec) -> list[Source]:
    """All expressions of a unit that can be parsed, with their paths below the unit."""
    if isinstance(unit, RouteSpec):
        return list(unit.route.sources.found)
    place = unit.entry.place
    settings = place.node.get("with") if isinstance(place.node, MappingNode) else None
    found: list[Source] = []
    if isinstance(unit, SinkSpec) and settings is not None:
        for path, text in _texts(settings, ("with",)):
            try:
                found.append(Source(text, parse(text, len(MARK)), path))
            except ExpressionError:
                continue  # noted where it is compiled
    return found


def _texts(node: Node, path: _Steps) -> Iterator[tuple[_Steps, str]]:
    match node:
        case Scalar(value=str(), broken=False) if node.text.startswith(MARK):
            yield path, node.text
        case MappingNode():
            for key, value in node.pairs:
                yield from _texts(value, (*path, key.text))
        case Sequence():
            for index, item in enumerate(node.items):
                yield from _texts(item, (*path, index))


@dataclass
class Uses:
    """What expressions look at.

    Attributes:
        env: environment variables, by name.
        tables: tables that they look something up in.
        any_env: whether some could be any, since the name is computed.
        any_table: likewise.
        event: whether any looks at more than these.
    """

    env: set[str] = field(default_factory=set)
    tables: set[str] = field(default_factory=set)
    any_env: bool = False
    any_table: bool = False
    event: bool = False

    def add(self, tree: Expr) -> None:
        """Takes in an expression."""
        for node in walk(tree):
            match node:
                case Select(operand=Name(name="env")) | Has(operand=Name(name="env")):
                    self.env.add(node.field)
                case OptionalSelect(operand=Name(name="env")):
                    self.env.add(node.field)
                case Call(function="lookup", arguments=(Literal(value=str(name)), *_)):
                    self.tables.add(name)
                case Call(function="lookup"):
                    self.any_table = True
                case Name(name=name) if name != "env":
                    self.event = True
                case _:
                    self.any_env = self.any_env or any(_is_env(each) for each in children(node))


def _is_env(node: Expr) -> bool:
    return isinstance(node, Name) and node.name == "env"


def reads_of(unit: UnitSpec) -> Iterator[tuple[Source, Expr, _Steps]]:
    """Where expressions of a unit read the data: the expression, the node, and the fields from the data down."""
    for source in sources_of(unit):
        inner = {id(each.operand) for each in walk(source.tree) if isinstance(each, Select)}
        for node in walk(source.tree):
            if id(node) not in inner and (path := _path(node)) is not None:
                yield source, node, path


def _path(node: Expr) -> _Steps | None:
    fields: list[str] = []
    while isinstance(node, Select | Has):
        fields.append(node.field)
        node = node.operand
    return tuple(reversed(fields)) if isinstance(node, Name) and node.name == "data" else None


def included_text(unit: UnitSpec) -> str:
    """What other files bring into a unit, as text: enough to tell whether a name occurs in it."""
    return str([each.value for each in included(unit.entry.place.node)])
