"""A contract: an event type, the JSON Schema of its data, and how strictly it is kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from hub.contracts.mode import Direction, Mode
from hub.contracts.violation import Violation

if TYPE_CHECKING:
    from hub.contracts.drift import Novelties, Novelty
    from hub.contracts.shape import Shape
    from hub.contracts.validation import Validator

Schema = Mapping[str, Any]


class Contract:
    """The contract of an event type. Its schema is read, and compiled, when it is first needed.

    Args:
        event_type: whose data it is about.
        schema: JSON Schema 2020-12 with local references only, or what gives it when asked.
        origin: where it is written, for people: a file or a place in one.
        produce: the mode where a source or route of this deployment publishes such events.
        consume: the mode where a route or sink reads them.
    """

    def __init__(
        self,
        event_type: str,
        schema: Schema | Callable[[], Schema],
        origin: str = "",
        *,
        produce: Mode = Mode.ENFORCE,
        consume: Mode = Mode.TRUST,
    ) -> None:
        self.event_type = event_type
        self.origin = origin
        self.produce = produce
        self.consume = consume
        self._schema = schema

    @cached_property
    def schema(self) -> Schema:
        """The JSON Schema, all its references local.

        Raises:
            InvalidSchema: its file can't be read, or is no schema.
        """
        return self._schema() if callable(self._schema) else self._schema

    @cached_property
    def shape(self) -> Shape:
        """The static type of the data, for the checker of expressions."""
        from hub.contracts.shape import Shape  # noqa: PLC0415  not every use of a contract needs it

        return Shape.of_schema(self.schema)

    @cached_property
    def _validator(self) -> Validator:
        from hub.contracts.validation import Validator  # noqa: PLC0415  a trusted event needs none

        return Validator(self.schema)

    def changed(self, *, produce: Mode | None, consume: Mode | None) -> Contract:
        """The same contract with other modes, where some are given."""
        # A schema that was read already isn't read again.
        schema = self.__dict__.get("schema", self._schema)
        return Contract(
            self.event_type, schema, self.origin, produce=produce or self.produce, consume=consume or self.consume
        )

    def same_schema(self, other: Contract | None) -> bool:
        """Whether another contract has the same schema; nothing is read for it."""
        if other is None:
            return False
        mine, theirs = (each.__dict__.get("schema", each._schema) for each in (self, other))  # noqa: SLF001  its own class
        return (mine == theirs) if isinstance(theirs, Mapping) else self.origin == other.origin

    def mode(self, direction: Direction) -> Mode:
        """The mode of a direction."""
        return self.produce if direction == "produce" else self.consume

    def fits(self, data: Any) -> bool:
        """Whether data keep the contract; the fast half of `check`."""
        return self._validator.fits(data)

    def check(self, data: Any) -> list[Violation]:
        """What breaks the contract, by path; empty where data keep it.

        Args:
            data: a JSON value.

        Raises:
            ValueError: data hold something that isn't JSON.
        """
        from hub.contracts.explanation import explain  # noqa: PLC0415  not needed while events keep the contract

        return [] if self._validator.fits(data) else explain(self._validator.errors(data))

    def drift(self, data: Any) -> tuple[list[Violation], list[Novelty]]:
        """What breaks the contract apart from fields that it doesn't know, and those fields.

        Args:
            data: a JSON value.

        Raises:
            ValueError: data hold something that isn't JSON.
        """
        strict, decides, novelties = self._strict
        if strict.fits(data) and (decides or self._validator.fits(data)):
            return [], []
        from hub.contracts.explanation import separate  # noqa: PLC0415  as in `check`

        violations, forbidden = separate(self._validator.errors(data))
        return violations, list(dict.fromkeys([*novelties.find(data), *forbidden]))

    @cached_property
    def _strict(self) -> tuple[Validator, bool, Novelties]:
        """A validator that lets nothing new through, whether it decides by itself, and what finds the new."""
        from hub.contracts.closing import closed, decides  # noqa: PLC0415  of one mode
        from hub.contracts.drift import Novelties  # noqa: PLC0415  of one mode
        from hub.contracts.validation import Validator  # noqa: PLC0415  as above

        return Validator(closed(self.schema)), decides(self.schema), Novelties(self.shape)

    def __repr__(self) -> str:
        return f"Contract({self.event_type!r}, origin={self.origin!r}, produce={self.produce}, consume={self.consume})"
