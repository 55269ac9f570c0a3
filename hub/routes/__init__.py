"""The route language: CEL expressions, compiled to Python.

The path of an expression: `lexer` → `parser` → `syntax` (the tree) → `generator` and `inline` (Python's tree) → `unit`
(a function). `operators`, `strings`, `times`, `conversions` and `functions` say what the language means; `mapping` and
`route` build what schema files hold out of expressions. Import from here only what this file exports.
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
