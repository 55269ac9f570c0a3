"""pydantic's validation errors → findings in our words, at the place in the file."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from typing import Any

from pydantic import BaseModel, ValidationError

from hub.deployment.fields import Location, is_secret, keys, models_at
from hub.deployment.finding import MOST, Findings, Span
from hub.deployment.nodes import Mapping, Node, Scalar, data, describe, find
from hub.deployment.place import Place
from hub.deployment.references import has_reference
from hub.sdk.config import has_expression

_SHOWN = 60
_BRIEF = 30


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
    if findings.full:
        return
    errors: list[tuple[Location, dict[str, Any]]] = []
    for each in error.errors(include_url=False, include_input=False)[:MOST]:
        problem = _of_tag(dict(each))
        _, _, path = find(place.node, problem["loc"])
        errors.append((path, problem))
    groups: dict[Location, list[dict[str, Any]]] = {}
    misspelt = {
        (*problem["loc"][:-1], _meant(problem["loc"], model))
        for _, problem in errors
        if problem["type"] == "extra_forbidden"
    }
    for path, problem in errors:
        if problem["type"] == "extra_forbidden":
            _unknown_key(problem["loc"], model, place, findings, prefix)
        elif problem["type"] == "missing" and problem["loc"] in misspelt:
            continue
        elif problem["type"] == "missing":
            _missing_key(problem["loc"], path, place, findings, prefix)
        elif not any(_nearer(path, problem, other) for other in errors):
            groups.setdefault(path, []).append(problem)
    for path, group in groups.items():
        _wrong_value(path, group, model, place, findings, prefix, resolved=resolved)


def _of_tag(problem: dict[str, Any]) -> dict[str, Any]:
    """The problem of a union that is told apart by a key, as one of that key."""
    context = problem.get("ctx", {})
    location = (*problem["loc"], str(context.get("discriminator", "")).strip("'"))
    if problem["type"] == "union_tag_not_found":
        return {**problem, "type": "missing", "loc": location}
    if problem["type"] == "union_tag_invalid":
        return {**problem, "type": "literal_error", "loc": location, "ctx": {"expected": context["expected_tags"]}}
    return problem


def _nearer(path: Location, error: dict[str, Any], other: tuple[Location, dict[str, Any]]) -> bool:
    """Whether another branch of a union got further with the same value, so that its error is the one meant."""
    other_path, other_error = other
    inside = other_path[: len(path)] == path and len(other_path) > len(path)
    keys_of_it = other_path == path and other_error["type"] in ("extra_forbidden", "missing")
    return (inside or keys_of_it) and error["type"].endswith("_type")


def _missing_key(location: Location, path: Location, place: Place, findings: Findings, prefix: str) -> None:
    span, node = place.find(path)
    if not node.broken:
        owner = _name(path) or place.subject
        findings.error(f"{prefix}.missing_key", f"{owner} needs `{location[-1]}`", span)


def _wrong_value(
    path: Location,
    group: list[dict[str, Any]],
    model: type[BaseModel],
    place: Place,
    findings: Findings,
    prefix: str,
    *,
    resolved: bool,
) -> None:
    first = group[0]
    span, node = place.find(path)
    referring = has_reference(data(node))
    if node.broken or (referring and not resolved):
        return
    span = place.document.at(node) if isinstance(node, Scalar) and node.text else span
    if prefix == "config" and has_expression(data(node)) and not resolved:
        note_fixed(str(path[-1]) if path else "with", span, findings)
        return
    code = f"{prefix}.value" if first["type"] in _KIND else f"{prefix}.type"
    findings.error(code, _message(group, model, place, path, node, referring=referring), span, _advice(first, node))


def note_fixed(key: str, span: Span, findings: Findings) -> None:
    """An expression where a connector takes a fixed value."""
    findings.error(
        "config.fixed",
        f"expected a fixed value in `{key}`; got an expression",
        span,
        "this key can't differ from event to event",
    )


def _name(path: Location) -> str | None:
    """The last key of a path, for messages."""
    return next((f"`{step}`" for step in reversed(path) if isinstance(step, str)), None)


def _message(
    group: list[dict[str, Any]],
    model: type[BaseModel],
    place: Place,
    location: Location,
    node: Node,
    *,
    referring: bool,
) -> str:
    own = [each for each in group if each["type"] in ("value_error", "assertion_error")]
    name = _name(location) or place.subject
    if own and not referring:
        return f"{name}: {own[0].get('ctx', {}).get('error', own[0]['msg'])}"
    wanted = " or ".join(dict.fromkeys(_wanted(each, referring=referring) for each in group))
    got = _got(node, referring=referring, secret=is_secret(model, location) or place.document.hides(node))
    return f"expected {wanted} in {name}{_meaning(model, location)}; got {got}"


def _meaning(model: type[BaseModel], location: Location) -> str:
    """What a field holds, where its documentation is a word or two, such as ``owner/name``."""
    for each in models_at(model, location[:-1]) if location else ():
        for name, info in each.model_fields.items():
            text = (info.description or "").strip("`. ")
            if location[-1] == (info.alias or name) and text and len(text) <= _BRIEF:
                return f" ({text})"
    return ""


def _wanted(error: dict[str, Any], *, referring: bool) -> str:
    if error["type"] in _EXPECTED:
        return _EXPECTED[error["type"]](error.get("ctx", {}))
    if error["type"] in ("value_error", "assertion_error") and referring:
        return "another value"
    return str(error["msg"]).removeprefix("Input should be ").removeprefix("Value error, ")


def _got(node: Node, *, referring: bool, secret: bool) -> str:
    if referring:
        return "something else from the reference in it"
    value = data(node)
    if secret or value == "" or isinstance(value, bool | list | dict | None):
        return describe(node)
    return f"`{value}`" if len(str(value)) <= _SHOWN else describe(node)


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
    _, parent, path = find(place.node, location[:-1])
    key = parent.key(name) if isinstance(parent, Mapping) else None
    if key is not None and key.broken:
        return
    close = _meant(location, model)
    where = _name(path) or place.subject
    instead = _instead(location, model)
    if instead:
        message = f"{where} of {place.subject} has no key `{name}`"
        findings.error(f"{prefix}.unknown_key", message, place.document.at(key) if key else place.span, instead)
        return
    findings.error(
        f"{prefix}.unknown_key",
        f"{where} has no key `{name}`" + (f"; did you mean `{close}`?" if close else ""),
        place.document.at(key) if key else place.span,
        None if close else _may_hold(_known(location, model)),
        fix=close,
    )


def _may_hold(known: list[str]) -> str:
    own = "; what the connector itself wants to know stands under `with:`" if "with" in known else ""
    return f"it may hold {', '.join(known) or 'nothing'}{own}"


def _known(location: Location, model: type[BaseModel]) -> list[str]:
    return sorted({key for each in models_at(model, location[:-1]) for key in keys(each)})


def _instead(location: Location, model: type[BaseModel]) -> str | None:
    """What there is instead of a key that other sections have, where the section says so: in its ``instead``."""
    for each in models_at(model, location[:-1]):
        found: str | None = getattr(each, "instead", {}).get(location[-1])
        if found:
            return found
    return None


def _meant(location: Location, model: type[BaseModel]) -> str | None:
    """The key that an unknown one is probably meant to be."""
    close = difflib.get_close_matches(str(location[-1]), _known(location, model), 1)
    return close[0] if close else None


def _choices(expected: str) -> str:
    return expected.replace("'", "`")
