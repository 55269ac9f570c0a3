"""How strictly a contract is kept."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

Direction = Literal["produce", "consume"]
"""``produce``: a source or route of this deployment publishes the event; ``consume``: a route or sink reads it."""


class Mode(StrEnum):
    """What a contract does to the events of its type, in one direction."""

    ENFORCE = "enforce"
    """An event that breaks it goes to the unit's dead letters."""
    WARN = "warn"
    """It is counted and logged, and goes on; fields that the contract doesn't know are reported beside."""
    EVOLVE = "evolve"
    """Fields that the contract doesn't know are accepted and reported; anything else that breaks it is as with
    ``enforce``."""
    TRUST = "trust"
    """Nothing is looked at: no cost per event."""

    @property
    def checks(self) -> bool:
        """Whether events are looked at."""
        return self is not Mode.TRUST
