"""A unit's ``with:`` → its connector's configuration model: checked beforehand, bound when the unit starts."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, TypeAdapter, ValidationError

from hub.deployment.complaints import complain, note_fixed
from hub.deployment.fields import Location, is_secret
from hub.deployment.finding import Findings, InvalidDeployment, Span
from hub.deployment.nodes import KINDS, Node, Scalar, data, find, included, texts
from hub.deployment.nodes import Mapping as MappingNode
from hub.deployment.nodes import Sequence as SequenceNode
from hub.deployment.place import Place
from hub.deployment.references import BadReference, has_reference, resolve
from hub.routes import EvaluationError, ExpressionError, compile_expression, compile_mapping
from hub.sdk import Event
from hub.sdk.config import Config, has_expression

Function = Callable[[Event], Any]

_MEANT = re.compile(r"(?:did you mean|write) `([^`(…]+)`(?:\?|\Z| to )")
_CORRECTIONS = {
    "route.syntax": "{}",
    "route.unknown_env": "env.{}",
    "route.unknown_function": "{}",
    "route.unknown_name": "{}",
    "route.unknown_table": '"{}"',
}
"""Code → what takes the place of the part at fault."""
Tables = Mapping[str, Mapping[str, Any]]


def check(
    model: type[Config], place: Place, env: Iterable[str], findings: Findings, tables: Tables | None = None
) -> None:
    """Notes what is wrong with a ``with:`` section as far as it can be seen before its references are resolved.

    Args:
        model: the connector's configuration model.
        place: where it stands.
        env: names that expressions may read.
        findings: where to note it.
        tables: constant tables for ``lookup``.
    """
    hide_secrets(model, place)
    names = dict.fromkeys(env, "")
    for scalar in texts(place.node):
        if scalar.text.startswith("= ") and not scalar.broken:
            check_expression(scalar, place, names, findings, tables)
    for node in included(place.node):
        try:
            compile_mapping(node.value, env=names, tables=tables)
        except ExpressionError as error:
            span = place.document.at(node)
            findings.error(error.code, f"{node.path}: {error.message}", span, error.suggestion)
    computed: set[int] = set()

    def note(value: Any, _: Any) -> Function:
        computed.update(id(each) for each in _leaves(value))
        return _nothing

    try:
        model.model_validate(data(place.node), context={"compile": note})
    except ValidationError as error:
        complain(error, model, place, findings, "config")
    else:
        _check_places(place, computed, findings)


def check_expression(
    scalar: Scalar, place: Place, env: Mapping[str, str], findings: Findings, tables: Tables | None = None
) -> None:
    """Compiles the expression of a text that starts with ``= ``, and notes its errors."""
    try:
        compile_expression(scalar.text[2:], env=env, tables=tables)
    except ExpressionError as error:
        note_expression(error, scalar, place, findings)


def note_expression(error: ExpressionError, scalar: Scalar, place: Place, findings: Findings) -> None:
    """Notes a compiler's error where the expression stands in the file."""
    shift = max(scalar.text.find(error.source), 0)
    span = place.document.within(scalar, error.start + shift, max(error.end, error.start + 1) + shift)
    findings.error(error.code, error.message, span, error.suggestion, fix=_correction(error))


def note_at(error: ExpressionError, place: Place, findings: Findings) -> None:
    """Notes a compiler's error at its path below a place: within a value, or within a key that is a path itself."""
    span = span_at(place, error.path, error.source, error.start, error.end)
    if span is not None:
        findings.error(error.code, error.message, span, error.suggestion, fix=_correction(error))


def _correction(error: ExpressionError) -> str | None:
    """What to write in place of the part at fault, where the suggestion is just that."""
    match = _MEANT.match(error.suggestion or "")
    form = _CORRECTIONS.get(error.code)
    return form.format(match[1]) if match and form else None


def span_at(place: Place, path: Location, text: str, start: int, end: int) -> Span | None:
    """Where a part of an expression stands in the file.

    Args:
        place: the section that the path leads from.
        path: of the expression.
        text: of the expression.
        start: offset of the part into the text.
        end: offset behind it.

    Returns:
        Nothing where the value couldn't be read, which has been noted.
    """
    key, node, _ = find(place.node, path)
    end = max(end, start + 1)
    if isinstance(node, Scalar) and (text in node.text or key is None):
        shift = max(node.text.find(text), 0)
        return None if node.broken else place.document.within(node, start + shift, end + shift)
    if key is not None and text == key.text:
        return place.document.within(key, start, end)
    return place.find(path)[0]


def hide_secrets(model: type[BaseModel], place: Place) -> None:
    """Keeps literal secrets out of the lines that are shown."""
    for path, scalar in _paths(place.node, ()):
        if is_secret(model, path) and not has_reference(scalar.text):
            place.document.hide(scalar)


def bind(
    model: type[Config],
    place: Place,
    directory: Path,
    env: Iterable[str],
    environ: Mapping[str, str],
    tables: Tables | None = None,
) -> Any:
    """The configuration, its references resolved and its expressions compiled.

    Args:
        model: the connector's configuration model.
        place: where it stands.
        directory: of the deployment; paths in ``${file:…}`` are relative to it.
        env: names that expressions may read.
        environ: environment variables.
        tables: constant tables for ``lookup``.

    Raises:
        InvalidDeployment: a variable or file is missing, or a value that came by reference isn't what it should be;
            names the unit, the key and the place in the file, never a value.
    """
    findings = Findings()

    def failed(text: str, error: BadReference) -> None:
        path, scalar = next((each for each in _paths(place.node, ()) if each[1].value is text), ((), None))
        span = place.document.within(scalar, error.start, error.end) if scalar else place.span
        key = f"`{'.'.join(map(str, path))}`: " if path else ""
        findings.error("reference.unresolved", f"{place.subject}: {key}{error}", span)

    resolved = resolve(data(place.node), environ, directory, failed)
    if findings.errors:
        raise InvalidDeployment(findings.sorted())
    try:
        return model.model_validate(resolved, context={"compile": compiler(environment(env, environ), tables)})
    except ValidationError as error:
        complain(error, model, place, findings, "config", resolved=True)
    # Outside of the handler: pydantic's own error, which holds the values, must not travel along as its context.
    raise InvalidDeployment(findings.sorted())


def environment(names: Iterable[str], environ: Mapping[str, str]) -> dict[str, str]:
    """What expressions see as ``env``: the listed variables that are set."""
    return {name: environ[name] for name in names if name in environ}


def compiler(env: Mapping[str, str], tables: Tables | None = None) -> Callable[[Any, Any], Function]:
    """What a configuration model's `Mapped` fields compile their expressions with, as the context's ``compile``."""

    def compile_(value: Any, wanted: Any) -> Function:
        return _typed(compile_mapping(value, env=env, tables=tables), wanted)

    return compile_


def _typed(function: Function, wanted: Any) -> Function:
    """The function, its result checked against the type that the connector declared."""
    if wanted is Any:
        return function
    if wanted is str:

        def text(event: Event) -> Any:
            value = function(event)
            if type(value) is not str:
                raise EvaluationError(f"expected text from this expression; got {_kind(value)}")
            return value

        return text
    adapter: TypeAdapter[Any] = TypeAdapter(wanted)

    def checked(event: Event) -> Any:
        value = function(event)
        try:
            return adapter.validate_python(value)
        except ValidationError:
            pass
        raise EvaluationError(f"this expression gave {_kind(value)}, which doesn't fit here")

    return checked


def _kind(value: Any) -> str:
    return "nothing" if value is None else KINDS.get(type(value), type(value).__name__)


def _check_places(place: Place, computed: set[int], findings: Findings) -> None:
    """An expression in a field that takes a fixed value would be taken for text."""
    for path, scalar in _paths(place.node, ()):
        if has_expression(scalar.value) and id(scalar.value) not in computed and not scalar.broken:
            note_fixed(str(path[-1]) if path else "with", place.document.at(scalar), findings)


def _paths(node: Node, path: tuple[Any, ...]) -> Iterable[tuple[tuple[Any, ...], Scalar]]:
    match node:
        case Scalar() if isinstance(node.value, str):
            yield path, node
        case MappingNode():
            for key, value in node.pairs:
                yield from _paths(value, (*path, key.text))
        case SequenceNode():
            for index, item in enumerate(node.items):
                yield from _paths(item, (*path, index))


def _leaves(value: Any) -> Iterable[str]:
    match value:
        case str():
            yield value
        case dict():
            for each in value.values():
                yield from _leaves(each)
        case list():
            for each in value:
                yield from _leaves(each)


def _nothing(_: Event) -> None:
    return None
