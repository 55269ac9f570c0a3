"""The checker of routes: what types tell of an expression before there is an event.

It goes through the syntax tree with the shapes of the names that an expression sees, learns from tests on the way
(``data.user != null && …``), and reports what can't work, with what was probably meant. Where a shape is silent it is
silent too. `inference` is the ground; `access`, `relations`, `calls`, `narrowing`, `logic` and `loops` stand on each
other; `expression` checks one expression, `route` a whole route. Import from here only what this file exports.
"""

from hub.routes.checker.completion import Completion, complete
from hub.routes.checker.expression import Checked, check_source
from hub.routes.checker.lookups import Answers
from hub.routes.checker.outcome import as_json
from hub.routes.checker.problem import CODES, Problem
from hub.routes.checker.route import Output, RouteChecked, check_route

__all__ = [
    "CODES",
    "Answers",
    "Checked",
    "Completion",
    "Output",
    "Problem",
    "RouteChecked",
    "as_json",
    "check_route",
    "check_source",
    "complete",
]
