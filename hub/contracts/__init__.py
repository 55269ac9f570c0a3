"""Contracts: what the data of an event type look like, as JSON Schema 2020-12, and what happens when they don't.

`Contract` is the schema with its modes: it checks data and gives `Shape`, the static type that the checker of
expressions works with; `union` is of two, `accepts` tells where one doesn't fit another. `Mode` says how strictly a
contract is kept, `Violation` and `ContractViolation` what broke it. Whatever else is needed of this room (schema files,
compatibility, the registry) is imported from its module.
"""

from hub.contracts.contract import Contract
from hub.contracts.mode import Direction, Mode
from hub.contracts.shape import DYN, Shape
from hub.contracts.shape_accepts import Mismatch, accepts
from hub.contracts.shape_union import union
from hub.contracts.violation import ContractViolation, Violation

__all__ = [
    "DYN",
    "Contract",
    "ContractViolation",
    "Direction",
    "Mismatch",
    "Mode",
    "Shape",
    "Violation",
    "accepts",
    "union",
]
