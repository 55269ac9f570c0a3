"""YAML that would eat an expression: found, explained, and written the way that works.

YAML knows nothing of expressions. It takes ``: `` for a key, `` #`` for a comment, a leading ``!`` for a tag, a leading
quote for the whole text, and in ``{ … }`` a comma for the next key. Each of these is told apart from other mistakes by
looking at the line as it was written.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from hub.deployment.document import Document
from hub.deployment.finding import Findings
from hub.deployment.nodes import Mapping, Node, Scalar, Sequence

PLACEHOLDER = "\ue000"
"""Stands in the text in place of a value that couldn't be read; a private-use character, which nobody writes."""

# `key: value`, also as an item of a list; the key plain or quoted.
_PAIR = re.compile(
    r"""(?P<indent>[ ]*)(?P<items>(?:-[ ]+)*)(?P<key>"[^"]*"|'[^']*'|[^\s#:'"{\[][^:#\n]*?)[ ]*:[ ]+(?P<value>\S.*)"""
)
_FLOW = re.compile(r"(?:(?P<key>[\w.$-]+)\s*:\s+|[\[,]\s*)(?P<value>= .*)")
_CLOSERS = {"(": ")", "[": "]", "{": "}"}


def opening(expression: str) -> str | None:
    """The first quote or bracket that an expression opens and doesn't close, or ``None``: sign of a cut."""
    pending: list[str] = []
    index = 0
    while index < len(expression):
        character = expression[index]
        if character in "\"'":
            index = _after_string(expression, index)
            if index < 0:
                return character
            continue
        if character in _CLOSERS:
            pending.append(character)
        elif character in ")]}":
            if not pending or _CLOSERS[pending[-1]] != character:
                return character
            pending.pop()
        index += 1
    return pending[-1] if pending else None


def _after_string(expression: str, start: int) -> int:
    """Index behind the string that starts here; -1 where it doesn't end. CEL's ``r'…'`` has no escapes."""
    quote = expression[start] * 3 if expression.startswith(expression[start] * 3, start) else expression[start]
    raw = start > 0 and expression[start - 1] in "rR"
    index = start + len(quote)
    while index < len(expression):
        if expression[index] == "\\" and not raw:
            index += 2
        elif expression.startswith(quote, index):
            return index + len(quote)
        else:
            index += 1
    return -1


@dataclass(frozen=True)
class Eaten:
    """Something that YAML can't read, or reads otherwise than it was meant.

    Attributes:
        code, message, suggestion, fix: as in a finding.
        start, end: indices of the value in the text.
        repairable: whether the rest of the file can be read without it.
    """

    code: str
    message: str
    start: int
    end: int
    suggestion: str | None = None
    fix: str | None = None
    repairable: bool = False

    def note(self, document: Document, findings: Findings) -> None:
        """Adds it to the findings."""
        findings.error(self.code, self.message, document.span(self.start, self.end), self.suggestion, fix=self.fix)

    def repair(self, text: str) -> str:
        """The text with a placeholder of the same length in place of the value; lines stay where they are."""
        blank = re.sub(r"[^\r\n]", " ", text[self.start + 1 : self.end])
        return text[: self.start] + PLACEHOLDER + blank + text[self.end :]

    @classmethod
    def tag(cls, document: Document, start: int) -> Eaten:
        """``where: !data.draft``."""
        end = document.line_end(start)
        written = document.text[start:end].rstrip()
        return cls(
            "yaml.tag",
            "YAML takes a value that starts with `!` for a tag",
            start,
            start + len(written),
            f"quote it: {_quoted(written)}",
            _quoted(written),
        )

    @classmethod
    def split(cls, document: Document, key: str | None, start: int, end: int) -> Eaten:
        """``{ t: = l.map(l, l.name) }``."""
        written = document.text[start:end].rstrip()
        fixed = _quoted(written)
        return cls(
            "yaml.split_expression",
            "YAML ends this expression at a comma, since it stands between braces or brackets",
            start,
            end,
            f"quote it: {f'{key}: ' if key else ''}{fixed}",
            fixed,
        )


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
    eaten = _expression(document, text, at)
    if eaten is None and error.context_mark and error.context_mark.index != at:
        eaten = _quote(document, text, error)
    return eaten or _syntax(document, text, at, error)


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
            begin, end = start + pair.start("value"), start + pair.end("value")
            return _flow(text, begin, end, start + flow.start("value"), flow)
        if start == 0 or pair or not line.strip():
            return None
        start = document.line_start(start - 1)


def _is_expression(pair: re.Match[str]) -> bool:
    value = pair["value"]
    return value.startswith("= ") or (pair["key"] == "where" and value[0] not in "|>")


def _block(document: Document, text: str, line: int, pair: re.Match[str], at: int) -> Eaten:
    start = line + pair.start("value")
    end = _value_end(document, text, line, len(pair["indent"]) + len(pair["items"]), at)
    indent = " " * (len(pair["indent"]) + len(pair["items"]) + 2)
    lines = [each.strip() for each in text[start:end].splitlines()]
    fix = "|-\n" + "\n".join(f"{indent}{each}" for each in lines)
    character = text[at : at + 1]
    if pair["value"].startswith("!"):
        why = "YAML takes a value that starts with `!` for a tag"
    elif pair["value"][0] in "\"'":
        why = "YAML takes a value that starts with a quote as quoted to its end"
    elif character == ":":
        why = "YAML takes the `: ` in this expression for the end of a key"
    else:
        why = f"YAML can't read this expression; it stumbles over `{character.strip() or 'a line break'}`"
    return Eaten("yaml.eaten_expression", why, start, end, f"write it as a block: {pair['key']}: {fix}", fix, True)


def _value_end(document: Document, text: str, line: int, indent: int, at: int) -> int:
    """The end of a value that starts on a line: the lines that follow it with a deeper indentation belong to it."""
    end = document.line_end(line)
    while end < len(text):
        following = document.line_start(min(end + 2 if text.startswith("\r\n", end) else end + 1, len(text) - 1))
        if following <= end - 1:
            break
        content = text[following : document.line_end(following)]
        deeper = len(content) - len(content.lstrip(" ")) > indent
        if not content.strip() or not deeper or following >= len(text):
            break
        end = document.line_end(following)
    return max(end, min(at + 1, end))


def _flow(text: str, begin: int, end: int, start: int, flow: re.Match[str]) -> Eaten:
    written = _flow_value(text[start:end])
    fix = _quoted(written)
    key = f"{flow['key']}: " if flow["key"] else ""
    stop = start + len(written)
    return _WholeValue(
        "yaml.split_expression",
        "YAML can't read this expression between braces or brackets",
        start,
        stop,
        f"quote it: {key}{fix}",
        fix,
        True,
        whole=(begin, end),
    )


@dataclass(frozen=True)
class _WholeValue(Eaten):
    """An expression within a flow collection on one line: the whole collection is left out for the rest of the check."""

    whole: tuple[int, int] = (0, 0)

    def repair(self, text: str) -> str:
        start, end = self.whole
        return text[:start] + PLACEHOLDER + " " * (end - start - 1) + text[end:]


def _flow_value(written: str) -> str:
    """The expression at the start of the rest of a line, as far as its brackets and quotes reach."""
    depth, index = 0, 0
    while index < len(written):
        character = written[index]
        if character in "\"'":
            after = _after_string(written, index)
            if after < 0:
                break
            index = after
            continue
        if character in "([{":
            depth += 1
        elif character in ")]}":
            depth -= 1
        if depth < 0 or (depth == 0 and character == ","):
            break
        index += 1
    return written[:index].rstrip()


def _quote(document: Document, text: str, error: Any) -> Eaten | None:
    start = error.context_mark.index
    if "quoted scalar" in str(error.context):
        return Eaten("yaml.quote", "this quote is never closed", start, start + 1, "close it on the same line")
    return None


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
    "?": "a key",
    "-": "a list item",
}


def _syntax(document: Document, text: str, at: int, error: Any) -> Eaten:
    problem = str(error.problem or error.context or "no YAML")
    if match := re.match(r"expected (.+?), but (?:found|got) (.+)", problem):
        expected, got = (each.strip("'") for each in match.groups())
        message = f"expected {_TOKENS.get(expected, expected)}; got {_TOKENS.get(got, f'`{got}`')}"
    elif match := re.match(r"found character '(.+)' that cannot start any token", problem):
        return Eaten("yaml.syntax", f"no text can start with `{match[1]}`", at, at + 1, "quote the whole text")
    else:
        message = f"expected YAML; got {_PROBLEMS.get(problem, problem)}"
    suggestion = "check the indentation and quotes of this line and the one before"
    if problem == "mapping values are not allowed here":
        suggestion = "text that holds `: ` must be quoted"
    end = max(document.line_end(at), at + 1) if at < len(text) else at
    return Eaten("yaml.syntax", message, at, min(end, at + 1), suggestion)


def find_cuts(document: Document, node: Node, findings: Findings) -> None:
    """Notes plain expressions that a `` #`` cut short, and texts that look like an expression but aren't one."""
    match node:
        case Mapping():
            for key, value in node.pairs:
                if isinstance(value, Scalar):
                    _check_scalar(document, value, findings, always=key.text == "where")
                else:
                    find_cuts(document, value, findings)
        case Sequence():
            for item in node.items:
                if isinstance(item, Scalar):
                    _check_scalar(document, item, findings, always=False)
                else:
                    find_cuts(document, item, findings)


def _check_scalar(document: Document, scalar: Scalar, findings: Findings, *, always: bool) -> None:
    if scalar.broken or not isinstance(scalar.value, str):
        return
    text = scalar.text
    if not scalar.style and (text.startswith("= ") or always):
        end = document.line_end(max(scalar.start, scalar.end - 1))
        rest = document.text[scalar.end : end]
        if rest.lstrip().startswith("#") and opening(text.removeprefix("= ")):
            written = document.text[scalar.start : end].rstrip()
            fix = _quoted(written)
            findings.error(
                "yaml.cut_expression",
                "YAML cuts this expression at ` #`, where a comment starts",
                document.span(scalar.start, end),
                f"quote it: {fix}",
                fix=fix,
            )
            scalar.broken = True
    elif not always and re.match(r"=[\w(\"'!\[{\n-]", text):
        fix = document.text[scalar.start : scalar.end].replace("=", "= ", 1) if not scalar.style else None
        findings.warning(
            "expression.no_space",
            "this is plain text; an expression starts with `= `, a space behind the sign",
            document.at(scalar),
            "write a space behind `=`, or quote and keep it if text is meant" if scalar.style else f"write {fix}",
            fix=fix,
        )


def _quoted(text: str) -> str:
    """The text as a single-quoted scalar."""
    return "'" + " ".join(text.split("\n")).replace("'", "''") + "'"
