"""The look-up of the scripted connector: it answers what a test tells it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from hub.sdk import Found, Lookup, LookupConfig, Signal
from hub.sdk.lookup import Answer

if TYPE_CHECKING:
    from hub.testing.scripted import Script


def lookup_of(script: Script) -> type[Lookup[Any, Any]]:
    """The look-up class of a script."""

    class Thing(Lookup[LookupConfig, str | int]):
        schema = {
            "type": "object",
            "properties": {"name": {"type": "string"}, "number": {"type": "integer"}},
            "additionalProperties": False,
        }
        batch = 3
        concurrency = 2

        async def open(self) -> None:
            if script.lookup_opening:
                raise script.lookup_opening.pop(0)

        async def look_up(self, keys: Sequence[str | int]) -> Sequence[Answer]:
            script.asked.append(list(keys))
            if script.answering:
                await script.answering(keys)
            found: list[Answer] = []
            for key in keys:
                answer = script.answers(key)
                found.append(answer if isinstance(answer, Found | Signal) else Found(answer))
            return found

    return Thing
