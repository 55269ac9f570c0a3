"""The route language: CEL expressions, compiled to Python.

The path of an expression: `lexer`, `parser` and `macros` make a `syntax` tree, which `costs` bounds; `generator` (with
`writer`, `resolver`, `logic`, `bindings`, `loops`) turns it into Python that follows CEL to the letter, `inline` into
Python that is fast; `unit` makes functions of both. `operators`, `access`, `optionals`, `strings`, `times` and
`conversions` say what the language means; `functions` and `extensions` list all functions. `program` reads a
route, `shaping` writes its code, `fusion` compiles one or all that read a topic, `tracing` follows an event through it;
`tree` and `mapping` build what else schema files hold. Import from here only what this file exports; docs/cel.md and
docs/routes.md are for users.
"""

from hub.routes.errors import EvaluationError, ExpressionError
from hub.routes.fusion import Fused, Outcome, Program, compile_fused, compile_program
from hub.routes.mapping import (
    Expression,
    compile_expression,
    compile_mapping,
    compile_predicate,
    compile_route,
)
from hub.routes.program import Route

__all__ = [
    "EvaluationError",
    "Expression",
    "ExpressionError",
    "Fused",
    "Outcome",
    "Program",
    "Route",
    "compile_expression",
    "compile_fused",
    "compile_mapping",
    "compile_predicate",
    "compile_program",
    "compile_route",
]
