"""pydantic's validation errors → findings in our words, at the place in the file."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, SecretStr, ValidationError

from hub.deployment.document import Document
from hub.deployment.finding import Findings, Span
from hub.deployment.nodes import Mapping, Node, Scalar, data, describe, find
from hub.deployment.references import has_reference
from hub.sdk.config import Mapped

Location = tuple[Any, ...]


@dataclass(frozen=True)
class Place:
    """A part of a schema file that a model is checked against.

    Attributes:
        document: the file.
        node: the part.
        span: where it starts: mostly the key above it.
        subject: what it belongs to, as in "route `reviews`".
    """

    document: Document
    node: Node
    span: Span
    subject: str

    def find(self, path: Iterable[Any]) -> tuple[Span, Node]:
        """The key and the node at a path; this place itself where the path leads nowhere."""
        key, node, taken = find(self.node, path)
        if not taken:
            return self.span, self.node
        return self.document.at(key or node), node

    def below(self, *path: str) -> Place:
        """A part of this part."""
        span, node = self.find(path)
        return Place(self.document, node, span, self.subject)


_EXPECTED: dict[str, Callable[[dict[str, Any]], str]] = {
    "string_type": lambda _: "text",
    "int_type": lambda _: "a whole number",
    "int_parsing": lambda _: "a whole number",
    "int_from_float": lambda _: "a whole number",
    "float_type": lambda _: "a number",
    "float_parsing": lambda _: "a number",
    "bool_type": lambda _: "true or false",
    "bool_parsing": lambda _: "true or false",
    "dict_type": lambda _: "a mapping",
    "mapping_type": lambda _: "a mapping",
    "model_type": lambda _: "a mapping",
    "model_attributes_type": lambda _: "a mapping",
    "list_type": lambda _: "a list",
    "literal_error": lambda c: _choices(c["expected"]),
    "enum": lambda c: _choices(c["expected"]),
    "none_required": lambda _: "nothing",
    "greater_than": lambda c: f"more than {c['gt']}",
    "greater_than_equal": lambda c: f"at least {c['ge']}",
    "less_than": lambda c: f"less than {c['lt']}",
    "less_than_equal": lambda c: f"at most {c['le']}",
    "string_pattern_mismatch": lambda c: f"text of the form {c['pattern']}",
    "string_too_short": lambda c: "text" if c["min_length"] == 1 else f"at least {c['min_length']} characters",
    "string_too_long": lambda c: f"at most {c['max_length']} characters",
    "too_short": lambda c: "at least one" if c["min_length"] == 1 else f"at least {c['min_length']}",
    "too_long": lambda c: f"at most {c['max_length']}",
    "finite_number": lambda _: "a finite number",
}
_KIND = {
    "string_pattern_mismatch",
    "string_too_short",
    "string_too_long",
    "too_short",
    "too_long",
    "greater_than",
    "greater_than_equal",
    "less_than",
    "less_than_equal",
    "literal_error",
    "enum",
    "value_error",
    "assertion_error",
    "finite_number",
}


def complain(
    error: ValidationError,
    model: type[BaseModel],
    place: Place,
    findings: Findings,
    prefix: str,
    *,
    resolved: bool = False,
) -> None:
    """Notes each validation error.

    Args:
        error: pydantic's.
        model: what the part was checked against; for "did you mean".
        place: the part of the file.
        findings: where to note them.
        prefix: first word of the codes: ``schema`` or ``config``.
        resolved: references had their values when the check ran. Then a value that holds one is wrong for good, and
            nothing of it may be repeated. Otherwise its check is put off to the start of the unit.
    """
    groups: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for each in error.errors(include_url=False, include_input=False):
        location = each["loc"]
        _, node, taken = find(place.node, location)
        exact = each["type"] in ("extra_forbidden", "missing")
        groups.setdefault((id(node), taken, location if exact else None), []).append(dict(each))
    for group in groups.values():
        _complain(group, model, place, findings, prefix, resolved=resolved)


def _complain(
    group: list[dict[str, Any]],
    model: type[BaseModel],
    place: Place,
    findings: Findings,
    prefix: str,
    *,
    resolved: bool,
) -> None:
    first = group[0]
    location: Location = first["loc"]
    if first["type"] == "extra_forbidden":
        _unknown_key(location, model, place, findings, prefix)
        return
    if first["type"] == "missing":
        span, node = place.find(location[:-1])
        if not node.broken:
            findings.error(f"{prefix}.missing_key", f"{place.subject} needs `{location[-1]}`", span)
        return
    span, node = place.find(location)
    referring = has_reference(data(node))
    if node.broken or (referring and not resolved):
        return
    span = place.document.at(node) if isinstance(node, Scalar) and node.text else span
    code = f"{prefix}.value" if first["type"] in _KIND else f"{prefix}.type"
    findings.error(code, _message(group, location, node, referring=referring), span, _advice(first, node))


def _message(group: list[dict[str, Any]], location: Location, node: Node, *, referring: bool) -> str:
    name = next((f"`{step}`" for step in reversed(location) if isinstance(step, str)), "this part")
    if all(each["type"] in ("value_error", "assertion_error") for each in group) and not referring:
        text = str(group[0].get("ctx", {}).get("error", group[0]["msg"]))
        return f"{name}: {text}"
    wanted = list(dict.fromkeys(_wanted(each, referring=referring) for each in group))
    return f"expected {' or '.join(wanted)} in {name}; got {_got(node, group[0], referring=referring)}"


def _wanted(error: dict[str, Any], *, referring: bool) -> str:
    if error["type"] in _EXPECTED:
        return _EXPECTED[error["type"]](error.get("ctx", {}))
    if error["type"] in ("value_error", "assertion_error") and referring:
        return "another value"
    return str(error["msg"]).removeprefix("Input should be ").removeprefix("Value error, ")


def _got(node: Node, error: dict[str, Any], *, referring: bool) -> str:
    if referring:
        return "something else from the reference in it" if isinstance(node, Scalar) else "something else"
    value = data(node)
    if isinstance(value, str) and error["type"] in ("literal_error", "enum", "int_parsing", "bool_parsing"):
        return f"`{value:.60}`"
    return describe(node)


def _advice(error: dict[str, Any], node: Node) -> str | None:
    if error["type"] == "string_type" and isinstance(node, Scalar) and not node.style and node.text:
        return f'if text is meant, quote it: "{node.text}"'
    if error["type"] in ("literal_error", "enum") and isinstance(data(node), str):
        choices = [each.strip("'\" ") for each in error["ctx"]["expected"].replace(" or ", ", ").split(", ")]
        close = difflib.get_close_matches(data(node), choices, 1)
        return f"did you mean `{close[0]}`?" if close else None
    return None


def _unknown_key(location: Location, model: type[BaseModel], place: Place, findings: Findings, prefix: str) -> None:
    name = str(location[-1])
    _, parent = place.find(location[:-1])
    key = parent.key(name) if isinstance(parent, Mapping) else None
    if key is not None and key.broken:
        return
    known = sorted({key for each in models_at(model, location[:-1]) for key in keys(each)})
    close = difflib.get_close_matches(name, known, 1)
    where = next((f"`{step}`" for step in reversed(location[:-1]) if isinstance(step, str)), place.subject)
    findings.error(
        f"{prefix}.unknown_key",
        f"{where} has no key `{name}`" + (f"; did you mean `{close[0]}`?" if close else ""),
        place.document.at(key) if key else place.span,
        None if close else f"it may hold {', '.join(known) or 'nothing'}",
        fix=close[0] if close else None,
    )


def keys(model: type[BaseModel]) -> Iterator[str]:
    """The keys that a model takes, as they are written."""
    for name, info in model.model_fields.items():
        yield info.alias or name


def models_at(model: type[BaseModel], location: Location) -> list[type[BaseModel]]:
    """The models that may stand at a place below a model; several in a union."""
    annotations: list[Any] = [model]
    for step in location:
        following = [each for annotation in annotations for each in _step(annotation, step)]
        # pydantic puts tags of unions and validators into the path; the file doesn't have them.
        annotations = following or annotations
    return [each for annotation in annotations for each in _models(annotation)]


def is_secret(model: type[BaseModel], location: Location) -> bool:
    """Whether the field at a place holds a secret."""
    annotations: list[Any] = [model]
    for step in location:
        annotations = [each for annotation in annotations for each in _step(annotation, step)]
    return any(_mentions_secret(each) for each in annotations)


def _mentions_secret(annotation: Any) -> bool:
    return annotation is SecretStr or any(_mentions_secret(each) for each in get_args(annotation))


def _step(annotation: Any, step: Any) -> Iterator[Any]:
    for each in _models(annotation):
        for name, info in each.model_fields.items():
            if step == (info.alias or name):
                yield info.annotation
    for each in _containers(annotation):
        arguments = get_args(each)
        if get_origin(each) is dict and isinstance(step, str) and len(arguments) > 1:
            yield arguments[1]
        elif get_origin(each) in (list, tuple, set, frozenset) and isinstance(step, int) and arguments:
            yield arguments[0]


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    else:
        for each in _inner(annotation):
            yield from _models(each)


def _containers(annotation: Any) -> Iterator[Any]:
    if get_origin(annotation) in (dict, list, tuple, set, frozenset):
        yield annotation
    else:
        for each in _inner(annotation):
            yield from _containers(each)


def _inner(annotation: Any) -> tuple[Any, ...]:
    origin = get_origin(annotation)
    if origin is Annotated:
        return get_args(annotation)[:1]
    if origin is Mapped or origin is Union or type(annotation).__name__ == "UnionType":
        return get_args(annotation)
    return ()


def _choices(expected: str) -> str:
    return expected.replace("'", "`")
