"""YAML that can't be read at all: why, in terms of what was meant."""

from __future__ import annotations

import re
from typing import Any

from hub.deployment.document import Document
from hub.deployment.eaten import Eaten, flow_value, quoted

# `key: value`, also as an item of a list; the key plain or quoted.
_PAIR = re.compile(
    r"""(?P<indent>[ ]*)(?P<items>(?:-[ ]+)*)(?P<key>"[^"]*"|'[^']*'|[^\s#:'"{\[][^:#\n]*?)[ ]*:[ ]+(?P<value>\S.*)"""
)
# A value between braces or brackets that starts as an expression does, or as a tag.
_FLOW = re.compile(r"(?:(?<![\w.$-])(?P<key>[\w.$-]+)[ ]*:\s+|[\[,]\s*)(?=(?P<value>=[ ]|!\S))")


def explain(document: Document, text: str, error: Any) -> Eaten:
    """Why YAML can't read a text, in terms of what was meant.

    Args:
        document: for places.
        text: what was read; the document's text, or that with placeholders.
        error: ruamel's.
    """
    mark = error.problem_mark or error.context_mark
    at = min(mark.index, max(len(text) - 1, 0)) if mark else 0
    if text[at : at + 1] == "\t" or "'\\t'" in str(error.problem):
        return Eaten("yaml.tab", "expected spaces; YAML doesn't indent by tabs", at, at + 1, "write two spaces instead")
    context = str(error.context)
    eaten = (
        _between_brackets(text, error.context_mark.index, at) if "flow" in context else _expression(document, text, at)
    )
    if eaten is not None:
        return eaten
    if error.context_mark and "quoted scalar" in context:
        start = error.context_mark.index
        return Eaten("yaml.quote", "this quote is never closed", start, start + 1, "close it on the same line")
    return _syntax(document, text, at, error)


def _between_brackets(text: str, begin: int, at: int) -> Eaten | None:
    """The last expression before the error, in the braces or brackets that it stands in."""
    candidates = [match for match in _FLOW.finditer(text, begin, at + 1) if match.end() <= at]
    if not candidates:
        return None
    found = candidates[-1]
    start = found.end()
    line = text[start:].split("\n", 1)[0].rstrip("\r")
    written = flow_value(line)
    fix = quoted(written)
    key = f"{found['key']}: " if found["key"] else ""
    stop = start + len(written)
    if written.startswith("!"):
        return Eaten.tag(start, written, found["key"])
    return Eaten(
        "yaml.split_expression",
        "YAML can't read this expression between braces or brackets",
        start,
        stop,
        f"quote it: {key}{fix}",
        fix,
        whole=(start, stop),
    )


def _expression(document: Document, text: str, at: int) -> Eaten | None:
    """The expression on the line of the error, or on the line that it continues."""
    start = document.line_start(at)
    while True:
        line = text[start : document.line_end(start)]
        pair = _PAIR.match(line)
        if pair and _is_expression(pair):
            return _block(document, text, start, pair, at)
        flow = _FLOW.search(line) if pair and pair["value"][0] in "{[" else None
        if flow:
            return _between_brackets(text, start, at)
        if start == 0 or pair or not line.strip():
            return None
        start = document.line_start(start - 1)


def _is_expression(pair: re.Match[str]) -> bool:
    value = pair["value"]
    return value.startswith("= ") or (pair["key"] == "where" and value[0] not in "|>")


def _block(document: Document, text: str, line: int, pair: re.Match[str], at: int) -> Eaten:
    start = line + pair.start("value")
    depth = len(pair["indent"]) + len(pair["items"])
    end = _value_end(document, text, line, depth)
    lines = [each.strip() for each in text[start:end].splitlines()]
    character = text[at : at + 1]
    if pair["value"].startswith("!"):
        why = "YAML takes a value that starts with `!` for a tag"
    elif pair["value"][0] in "\"'":
        why = "YAML takes a value that starts with a quote as quoted to its end"
    elif character == ":":
        why = "YAML takes the `: ` in this expression for the end of a key"
    else:
        why = f"YAML can't read this expression; it stumbles over `{character.strip() or 'a line break'}`"
    advice = "\n  ".join(["write it as a block:", f"{pair['key']}: |-", *(f"  {each}" for each in lines)])
    fix = ("\n" + " " * (depth + 2)).join(["|-", *lines])
    return Eaten("yaml.eaten_expression", why, start, end, advice, fix, whole=(start, end))


def _value_end(document: Document, text: str, line: int, depth: int) -> int:
    """The end of a value that starts on a line: lines that follow it with a deeper indentation belong to it."""
    end = document.line_end(line)
    while following := document.next_line(end):
        content = text[following : document.line_end(following)]
        if not content.strip() or len(content) - len(content.lstrip(" ")) <= depth:
            break
        end = document.line_end(following)
    return end


_PROBLEMS = {
    "mapping values are not allowed here": "a `: ` where no key can be",
    "mapping keys are not allowed here": "a `? ` where no key can be",
    "could not find expected ':'": "a line that is no `key: value`",
}
_TOKENS = {
    "<block end>": "the end of this block",
    "<block mapping start>": "a deeper indentation",
    "<block sequence start>": "a list",
    "<scalar>": "text",
    "<stream end>": "the end of the file",
    "the node content": "a value",
    "?": "a key",
    "-": "a list item",
}


def _token(text: str) -> str:
    """A token of YAML's, in words that people use; the parser quotes it, and alternatives each by itself."""
    return _TOKENS.get(text.strip("'"), re.sub(r"'([^']+)'", r"`\1`", text) if "'" in text else f"`{text}`")


def _syntax(document: Document, text: str, at: int, error: Any) -> Eaten:
    problem = str(error.problem or error.context or "no YAML")
    if match := re.match(r"expected (.+?), but (?:found|got) (.+)", problem):
        expected, got = match.groups()
        message = f"expected {_token(expected)}; got {_token(got)}"
    elif match := re.match(r"found character '(.+)' that cannot start any token", problem):
        return Eaten("yaml.syntax", f"no text can start with `{match[1]}`", at, at + 1, "quote the whole text")
    else:
        message = f"expected YAML; got {_PROBLEMS.get(problem, problem)}"
    suggestion = "check the indentation and quotes of this line and the one before"
    if problem == "mapping values are not allowed here":
        suggestion = "text that holds `: ` must be quoted"
    end = max(document.line_end(at), at + 1) if at < len(text) else at
    return Eaten("yaml.syntax", message, at, min(end, at + 1), suggestion)
