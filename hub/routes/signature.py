"""What is known of a function of the language."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from hub.routes.kinds import Kind


@dataclass(frozen=True)
class Function:
    """A function of the language.

    Attributes:
        name: as users write it; dotted, if it has a namespace.
        implementation: takes the target first, where there is one.
        free: numbers of arguments of the form ``f(a, b)``.
        member: numbers of arguments of the form ``a.f(b)``, the target not counted.
        result: what it returns.
        inline: Python for the common case, with ``a``, ``b`` for target and arguments.
        guards: for each of them the kinds for which ``inline`` is right.
        usage: an example, for messages.
    """

    name: str
    implementation: Callable[..., Any]
    usage: str
    free: Collection[int] = ()
    member: Collection[int] = ()
    result: Kind = Kind.DYN
    inline: str | None = None
    guards: tuple[tuple[Kind, ...], ...] = ()
