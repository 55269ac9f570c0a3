"""What people write from habit in other languages, and what CEL has for it."""

from __future__ import annotations

FOREIGN_WORDS = {
    "and": "write `&&`",
    "or": "write `||`",
    "not": "write `!`",
    "is": "write `==`",
    "eq": "write `==`",
    "ne": "write `!=`",
    "if": "write `condition ? this : that`",
    "else": "write `condition ? this : that`",
    "then": "write `condition ? this : that`",
    "True": "write `true`",
    "False": "write `false`",
    "None": "write `null`",
    "nil": "write `null`",
    "undefined": "test with `has(a.b)` whether a field is there",
    "lambda": "write e.g. `list.map(x, x.name)`",
    "for": "write e.g. `list.map(x, x.name)` or `list.filter(x, x.open)`",
    "like": 'write `text.contains("…")` or `text.matches("…")`',
    "contains": 'write `text.contains("…")`, or `element in list`',
    "between": "write `low <= x && x <= high`",
}
"""Words of other languages where CEL has an operator or a literal."""

FOREIGN_SIGNS = {
    "===": "write `==`",
    "!==": "write `!=`",
    "<>": "write `!=`",
    "??": "there is no `??`; write `a.?b.orValue(…)`",
    "=>": "macros take a variable and an expression, e.g. `list.map(x, x.name)`",
    "->": "macros take a variable and an expression, e.g. `list.map(x, x.name)`",
    "**": "there is no power operator; multiply",
    "=": "write `==` to compare; nothing can be assigned",
    "&": "write `&&`",
    "|": "write `||`",
    ";": "an expression is one value; separate parts aren't possible",
    "\\": "a backslash is only possible inside of quotes",
    "\u201c": "use straight quotes",
    "\u201d": "use straight quotes",
    "\u2018": "use straight quotes",
    "\u2019": "use straight quotes",
    "≠": "write `!=`",
    "≤": "write `<=`",
    "≥": "write `>=`",
    "$": "references `${…}` stand outside of expressions; here it is `env.NAME`",
    "`": "a name in backticks has letters, digits, `_`, `-`, `.`, `/` and blanks, and stands after a dot",
    "#": "write a comment as `// …`",
    "~": 'write `text.matches("…")` for a regular expression',
    "^": "there is no such operator",
    "@": 'a name has letters, digits and `_`; others are read as `data["@name"]`',
}
"""Characters of other languages, and what CEL has for them."""

FOREIGN_FUNCTIONS = {
    "len": "write `size(x)`",
    "length": "write `size(x)`",
    "count": "write `size(x)`, or `size(list.filter(x, …))`",
    "str": "write `string(x)`",
    "toString": "write `string(x)`",
    "float": "write `double(x)`",
    "includes": 'write `text.contains("…")`, or `element in list`',
    "test": 'write `text.matches("…")`',
    "match": 'write `text.matches("…")`',
    "any": "write `list.exists(x, …)`",
    "some": "write `list.exists(x, …)`",
    "every": "write `list.all(x, …)`",
    "typeof": "write `type(x)`",
    "now": "write `now`, the event's time",
    "defined": "write `has(a.b)`",
    "exists": "write `list.exists(x, …)` for elements, `has(a.b)` for fields",
    "hasOwnProperty": "write `has(a.b)`, or `key in object`",
}
"""What functions of other languages are called in CEL."""
