"""The static type of a JSON-like value: what a schema, a literal or an expression says that a value may be.

A `Shape` is gradual: where nothing is known, it says nothing, and nobody complains. It is built on demand, since
schemas refer to themselves and those of webhooks are large: fields, elements and alternatives are read when they are
asked for, and then kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeAlias

from hub.contracts.shape_constants import CONSTANT

KINDS = (
    "null_type", "bool", "int", "uint", "double", "string", "bytes", "list", "map",
    "timestamp", "duration", "type", "optional_type", "net.IP", "net.CIDR",
)  # fmt: skip
"""The language's types, in the order in which they are named to people."""
NUMBERS = frozenset(("int", "uint", "double"))
"""Kinds that are equal to each other by their value."""
SINGLE = frozenset(("null_type", "bool"))
"""Kinds with so few values that they can be listed."""


class LazyFields(Mapping[str, "Shape"]):
    """Fields that are built when they are read.

    Args:
        names: of the fields, in the order in which people read them.
        build: gives the shape of one of them.
    """

    __slots__ = ("_build", "_built", "_names")

    def __init__(self, names: Iterable[str], build: Callable[[str], Shape]) -> None:
        self._names = dict.fromkeys(names)
        self._build = build
        self._built: dict[str, Shape] = {}

    def __getitem__(self, name: str) -> Shape:
        built = self._built.get(name)
        if built is None:
            if name not in self._names:
                raise KeyError(name)
            built = self._built[name] = self._build(name)
        return built

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


class Shape:
    """What is known of a value before there is one. Not to be changed once it is made.

    Args:
        kinds: the language's names of the types that the value may have; none means any.
        fields: known fields, if it is a map.
        required: those of them that are always there.
        closed: whether there are no further fields, as far as the checker is concerned: a schema that lists properties
            and is silent about others.
        sealed: whether a schema forbids further fields in so many words.
        values: of further fields, where something is known of them; may be given as a function that builds it.
        items: elements of a list, or the value in an optional; may be given as a function that builds it.
        enum: all values that it may have, where they are known.
        format: of text, e.g. ``date-time``.
        variants: the alternatives, where it may be one of several maps; `fields` and the rest are then what they have
            in common.
        description: what a schema says of it, for people.
        label: how people call it, e.g. the event type whose data it is.
    """

    __slots__ = (
        "_discriminator", "_items", "_values", "closed", "description", "enum", "fields", "format", "kinds", "label",
        "required", "sealed", "variants",
    )  # fmt: skip

    def __init__(
        self,
        kinds: Iterable[str] = (),
        *,
        fields: Mapping[str, Shape] | None = None,
        required: Iterable[str] = (),
        closed: bool = False,
        sealed: bool = False,
        values: Later = None,
        items: Later = None,
        enum: tuple[Any, ...] | None = None,
        format: str | None = None,  # noqa: A002  the word of JSON Schema
        variants: tuple[Shape, ...] = (),
        description: str | None = None,
        label: str | None = None,
    ) -> None:
        self.kinds = frozenset(kinds)
        self.fields: Mapping[str, Shape] = fields if fields is not None else {}
        self.required = frozenset(required)
        self.closed = closed
        self.sealed = sealed
        self.enum = enum
        self.format = format
        self.variants = variants
        self.description = description
        self.label = label
        self._values = values
        self._items = items
        self._discriminator: str | bool | None = False

    @classmethod
    def of_schema(cls, schema: Mapping[str, Any] | bool) -> Shape:  # noqa: FBT001  true and false are schemas
        """The shape of what a JSON Schema (2020-12, or as OpenAPI writes it) admits."""
        from hub.contracts.shape_schema import shape_of_schema  # noqa: PLC0415  it builds shapes itself

        return shape_of_schema(schema)

    @classmethod
    def of_value(cls, value: Any) -> Shape:
        """The shape of one value that JSON can hold; of anything else, nothing is known."""
        from hub.contracts.shape_values import shape_of_value  # noqa: PLC0415  it builds shapes itself

        return shape_of_value(value)

    @property
    def values(self) -> Shape | None:
        """Of fields that aren't listed."""
        if callable(self._values):
            self._values = self._values()
        return self._values

    @property
    def items(self) -> Shape | None:
        """Of a list's elements, or of the value in an optional."""
        if callable(self._items):
            self._items = self._items()
        return self._items

    @property
    def discriminator(self) -> str | None:
        """The field by whose value the variants are told apart: in each it has other constants."""
        if self._discriminator is False:
            from hub.contracts.shape_union import discriminator_of  # noqa: PLC0415  it builds shapes itself

            self._discriminator = discriminator_of(self.variants)
        return self._discriminator  # type: ignore[return-value]  # False was replaced

    @property
    def unknown(self) -> bool:
        """Whether nothing is known."""
        return not self.kinds

    @property
    def never(self) -> bool:
        """Whether there is no such value."""
        return self is NEVER

    @property
    def objects(self) -> tuple[Shape, ...]:
        """The maps that it may be, each by itself."""
        if self.variants:
            return self.variants
        return (self.only(_MAP),) if "map" in self.kinds else ()

    @property
    def constant(self) -> tuple[Any] | None:
        """The value, in a tuple, where there can be only one."""
        return (self.enum[0],) if self.enum is not None and len(self.enum) == 1 else None

    def may_be(self, *kinds: str) -> bool:
        """Whether the value may be of one of these kinds."""
        return not self.kinds or any(kind in self.kinds for kind in kinds)

    def only(self, kinds: Iterable[str]) -> Shape:
        """The same, where it is known to be of one of these kinds."""
        kinds = frozenset(kinds)
        if not self.kinds:
            return Shape(kinds)
        left = self.kinds & kinds
        if left == self.kinds:
            return self
        return self._restricted(left) if left else NEVER

    def without(self, *kinds: str) -> Shape:
        """The same, where it is known not to be of one of these kinds."""
        if self.kinds.isdisjoint(kinds):
            return self
        left = self.kinds.difference(kinds)
        return self._restricted(left) if left else NEVER

    def _restricted(self, kinds: frozenset[str]) -> Shape:
        enum = self.enum
        if enum is not None:
            enum = tuple(each for each in enum if CONSTANT.get(type(each)) in kinds)
            if not enum:
                return NEVER
        is_map = "map" in kinds
        return Shape(
            kinds,
            fields=self.fields if is_map else None,
            required=self.required if is_map else (),
            closed=self.closed and is_map,
            sealed=self.sealed and is_map,
            values=self._values if is_map else None,
            items=self._items if "list" in kinds or "optional_type" in kinds else None,
            enum=enum,
            format=self.format if "string" in kinds else None,
            variants=self.variants if is_map else (),
            description=self.description,
            label=self.label,
        )

    def changed(self, **changes: Any) -> Shape:
        """The same with other values of some arguments."""
        given: dict[str, Any] = {name: getattr(self, name) for name in _PLAIN}
        return Shape(**{**given, "values": self._values, "items": self._items, **changes})

    def labelled(self, label: str) -> Shape:
        """The same under a name for people."""
        return self if self is NEVER else self.changed(label=label)

    def field(self, name: str) -> Shape | None:
        """The shape of a field; nothing where it is known that there is none."""
        found = self.fields.get(name)
        if found is not None:
            return found
        if self.closed or not self.may_be("map"):
            return None
        return self.values or DYN

    def __eq__(self, other: object) -> bool:
        from hub.contracts.shape_union import same  # noqa: PLC0415  it builds shapes itself

        return isinstance(other, Shape) and same(self, other)

    def __hash__(self) -> int:
        return hash((self.kinds, self.required, self.closed, frozenset(self.fields)))

    def __str__(self) -> str:
        from hub.contracts.shape_text import short  # noqa: PLC0415  it reads shapes

        return short(self)

    def __repr__(self) -> str:
        return f"<Shape {self}>"


Later: TypeAlias = Shape | Callable[[], Shape | None] | None
"""A shape, or a function that makes it when it is needed."""

_MAP = frozenset(("map",))
_PLAIN = (
    "kinds", "fields", "required", "closed", "sealed", "enum", "format", "variants", "description", "label",
)  # fmt: skip

DYN = Shape()
"""Nothing is known."""
NEVER = Shape(("never",))
"""There is no such value: an element of ``[]``, or what can't be reached."""
NULL = Shape(("null_type",), enum=(None,))
BOOL = Shape(("bool",))
INT = Shape(("int",))
UINT = Shape(("uint",))
DOUBLE = Shape(("double",))
STRING = Shape(("string",))
BYTES = Shape(("bytes",))
TIMESTAMP = Shape(("timestamp",))
DURATION = Shape(("duration",))
TYPE = Shape(("type",))
LIST = Shape(("list",))
MAP = Shape(("map",))
