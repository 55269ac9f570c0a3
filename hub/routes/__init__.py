"""The route language: CEL expressions, compiled to Python.

The path of an expression: `lexer` and `parser` make a `syntax` tree; `generator` (with `writer`, `resolver`, `logic`,
`loops`) turns it into Python that follows CEL to the letter, `inline` into Python that is fast; `unit` makes functions
of both. `operators`, `strings`, `times`, `conversions` and `functions` say what the language means. `route`, `tree` and
`mapping` build what schema files hold. Import from here only what this file exports; docs/cel.md is for users.
"""

from hub.routes.errors import EvaluationError, ExpressionError
from hub.routes.mapping import (
    Expression,
    compile_expression,
    compile_mapping,
    compile_predicate,
    compile_route,
)

__all__ = [
    "EvaluationError",
    "Expression",
    "ExpressionError",
    "compile_expression",
    "compile_mapping",
    "compile_predicate",
    "compile_route",
]
