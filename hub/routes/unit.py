"""Makes functions of Python out of expressions: the fast one that is called, and the careful one behind it."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any

from hub.routes import access, operators, output
from hub.routes.editing import edited, edited_payload
from hub.routes.errors import EvaluationError, Failure
from hub.routes.generator import Generator
from hub.routes.inline import InlineGenerator, repeated
from hub.routes.scope import Scope, event_fields, headers_of, now_of
from hub.routes.template import at, define, fill, verify
from hub.routes.values import INT_MAX, INT_MIN, Duration, Timestamp, UInt
from hub.routes.writer import COST, Source
from hub.sdk import Event, InvalidEvent

FILE = "<expression>"
_FUNCTION = "v0"

_NAMES: dict[str, Any] = {
    each.__name__: each
    for each in (
        operators.equals, operators.differs, operators.less, operators.less_or_equal, operators.greater,
        operators.greater_or_equal, operators.is_in, operators.add, operators.subtract, operators.multiply,
        operators.divide, operators.remainder, operators.negate, operators.boolean, operators.invert,
        access.select, access.has_field, access.index, access.elements, access.make_map,
        output.json_value, output.json_bytes, output.text_value, output.attribute_value, output.split_items,
        output.chosen, edited, edited_payload, event_fields, headers_of, now_of,
        type, bool, int, float, str, bytes, list, dict, len, Exception, UInt, Timestamp, Duration, Event,
    )
}  # fmt: skip
_NAMES |= {"INT_MIN": INT_MIN, "INT_MAX": INT_MAX}

Body = Callable[[Generator], None]
"""Appends the statements of a function to a generator; each of its ways ends with a return."""


class Absorbed(Exception):
    """An error of an operand of ``&&``, ``||``, ``all`` or ``exists``, kept until it is known whether it matters."""

    def __init__(self, error: Exception, line: int) -> None:
        self.error: Exception = error.error if isinstance(error, Absorbed) else error
        self.line = line


class Careful:
    """The careful version of a function, which is made when it is first needed.

    Args:
        scope: what names mean.
        body: makes the function's code.
        generator: the class that writes it.
        more: further names that this class uses.
    """

    def __init__(
        self,
        scope: Scope,
        body: Body,
        generator: type[Generator] = Generator,
        more: Mapping[str, Any] | None = None,
    ) -> None:
        self._scope = scope
        self._body = body
        self._generator = generator
        self._more = dict(more or {})
        self._function: Callable[..., Any] | None = None
        self.lines: list[tuple[Source, Any]] = []

    def __call__(self, event: Event | None, variables: Any = None) -> Any:
        """The value.

        Raises:
            EvaluationError: there is none.
        """
        if self._function is None:
            generator = self._generator(self._scope, {**_NAMES, "absorb": self.absorb, **self._more})
            with generator.branch() as block:
                self._body(generator)
            self.lines = generator.lines
            self._function = compiled(block, generator.names)
        try:
            return self._function(event, variables)
        except Exception as error:  # noqa: BLE001  whatever it is, it becomes the error of this event
            problem = self._locate(error)
        # Raised out here, so that it has no context: frames in there hold the event, and an error may live long.
        try:
            raise problem
        finally:
            del problem

    def absorb(self, error: Exception, earlier: Absorbed | None) -> Absorbed:
        """The error that counts if nothing decides: the first."""
        line = error.line if isinstance(error, Absorbed) else _last_line(error.__traceback__)
        # Without its traceback: a frame in it will hold the error, and the two would wait for the garbage collector.
        error.__traceback__ = None
        return earlier or Absorbed(error, line)

    def _locate(self, error: Exception) -> EvaluationError:
        """The error with the place where it was raised: generated code has a line number for each node."""
        if isinstance(error, Absorbed):
            error.__traceback__ = None
            line, message = error.line, message_of(error.error)
        else:
            line, message = _last_line(error.__traceback__), message_of(error)
        if not 1 <= line <= len(self.lines):
            return EvaluationError(message.replace("{at}", ""))
        source, node = self.lines[line - 1]
        operand = next((part for name in ("operand", "range", "target") if (part := getattr(node, name, None))), None)
        place = f" at `{source.text[operand.start : operand.end]}`" if operand else ""
        return EvaluationError(
            message.replace("{at}", place), source=source.text, start=node.start, end=node.end, path=source.path
        )


class Unit:
    """Expressions that are computed together by one function.

    Args:
        sources: the expressions.
        scope: what names mean in them.
        body: makes the function's code.
    """

    def __init__(self, sources: Sequence[Source], scope: Scope, body: Body) -> None:
        generator = InlineGenerator(scope, names(careful=Careful(scope, body)), repeated(sources))
        with generator.branch() as block:
            body(generator)
        handler = at(ast.ExceptHandler(fill("Exception", 1), None, [at(ast.Pass(), 1)]), 1)
        fallback = at(ast.Return(fill("careful(event, variables)", 1)), 1)
        self.constant = not generator.loaded
        self.function = compiled([at(ast.Try(block, [handler], [], []), 1), fallback], generator.names)
        """Takes an event and a mapping of further variables."""


def names(**more: Any) -> dict[str, Any]:
    """The names that generated code may use, as a dictionary of its own."""
    return {**_NAMES, **more}


def compiled(body: list[ast.stmt], known: dict[str, Any]) -> Callable[..., Any]:
    """A function of an event and a mapping of further variables.

    Args:
        body: its statements.
        known: names that it may use, with their values.
    """
    function = define(
        _FUNCTION, {"event": None, "variables": at(ast.Constant(None), 1), COST: at(ast.Constant(0), 1)}, body, 1
    )
    module = ast.Module([function], [])
    verify(module, known)
    namespace: dict[str, Any] = {"__builtins__": {}, **known}
    exec(compile(module, FILE, "exec"), namespace)  # noqa: S102  built from a whitelist, see hub.routes.template
    made: Callable[..., Any] = namespace[_FUNCTION]
    return made


def _last_line(traceback: TracebackType | None) -> int:
    line = 0
    while traceback is not None:
        if traceback.tb_frame.f_code.co_filename == FILE:
            line = traceback.tb_lineno
        traceback = traceback.tb_next
    return line


def message_of(error: Exception) -> str:
    """What an error says, without any value of the event."""
    if isinstance(error, Failure | InvalidEvent):
        return str(error)
    if isinstance(error, RecursionError):
        return "the value is nested too deeply"
    if isinstance(error, UnicodeEncodeError):
        return "expected text, got a string that holds half of a surrogate pair"
    # The text of any other exception may hold values of the event.
    return f"can't be computed ({type(error).__name__})"
