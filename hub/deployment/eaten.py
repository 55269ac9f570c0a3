"""YAML that would eat an expression: found, explained, and written the way that works.

YAML knows nothing of expressions. It takes ``: `` for a key, `` #`` for a comment, a leading ``!`` for a tag, a leading
quote for the whole text, and in ``{ … }`` a comma for the next key. Each of these is told apart from other mistakes by
looking at the line as it was written.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from hub.deployment.document import Document
from hub.deployment.finding import Findings
from hub.deployment.nodes import Mapping, Node, Scalar, Sequence

PLACEHOLDER = "\ue000"
"""Stands in the text in place of a value that couldn't be read; a private-use character, which nobody writes."""

_CLOSERS = {"(": ")", "[": "]", "{": "}"}


def opening(expression: str) -> str | None:
    """The first quote or bracket that an expression opens and doesn't close, or ``None``: sign of a cut."""
    pending: list[str] = []
    index = 0
    while index < len(expression):
        character = expression[index]
        if character in "\"'":
            index = after_string(expression, index)
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


def after_string(expression: str, start: int) -> int:
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
        whole: the piece without which the rest of the file can be read; ``None`` where that is unknown.
    """

    code: str
    message: str
    start: int
    end: int
    suggestion: str | None = None
    fix: str | None = None
    whole: tuple[int, int] | None = None

    def note(self, document: Document, findings: Findings) -> None:
        """Adds it to the findings."""
        findings.error(self.code, self.message, document.span(self.start, self.end), self.suggestion, fix=self.fix)

    def repair(self, text: str) -> str | None:
        """The text with a placeholder of the same length in place of the value; lines stay where they are."""
        if self.whole is None:
            return None
        start, end = self.whole
        blank = re.sub(r"[^\r\n]", " ", text[start + 1 : end])
        return text[:start] + PLACEHOLDER + blank + text[end:]

    @classmethod
    def tag(cls, start: int, written: str, key: str | None) -> Eaten:
        """``where: !data.draft``."""
        why, end = "YAML takes a value that starts with `!` for a tag", start + len(written)
        if key == "where":
            fix = quoted(written)
            return cls("yaml.tag", why, start, end, f"quote it: {fix}", fix, whole=(start, end))
        advice = f"write {quoted('= ' + written)} for an expression, {quoted(written)} for text"
        return cls("yaml.tag", why, start, end, advice, whole=(start, end))

    @classmethod
    def split(cls, document: Document, key: str | None, start: int, end: int) -> Eaten:
        """``{ t: = l.map(l, l.name) }``."""
        written = document.text[start:end].rstrip()
        fixed = quoted(written)
        return cls(
            "yaml.split_expression",
            "YAML ends this expression at a comma, since it stands between braces or brackets",
            start,
            end,
            f"quote it: {f'{key}: ' if key else ''}{fixed}",
            fixed,
        )


def flow_value(written: str) -> str:
    """The expression at the start of a line's rest, between braces or brackets: as far as its own reach."""
    depth, index = 0, 0
    while index < len(written):
        character = written[index]
        if character in "\"'":
            after = after_string(written, index)
            if after < 0:
                break
            index = after
            continue
        depth += (character in "([{") - (character in ")]}")
        if depth < 0 or (depth == 0 and character == ","):
            break
        index += 1
    return written[:index].rstrip()


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
            written = _without_comment(document.text[scalar.start : end].rstrip())
            fix = quoted(written)
            findings.error(
                "yaml.cut_expression",
                "YAML cuts this expression at ` #`, where a comment starts",
                document.span(scalar.start, scalar.start + len(written)),
                f"quote it: {fix}",
                fix=fix,
            )
            scalar.broken = True
    elif not always and re.match(r"=[\w(\"'!\[{\n-]", text):
        spaced = "= " + text[1:].lstrip()
        findings.warning(
            "expression.no_space",
            "this is plain text; an expression starts with `= `, a space behind the sign",
            document.at(scalar),
            f"write {spaced}" if "\n" not in spaced else "let the expression begin on the line of the `=`",
            fix=None if scalar.style else spaced,
        )


def _without_comment(written: str) -> str:
    """A line without the comment behind its expression: the first `` #`` at which no quote or bracket is open."""
    for match in re.finditer(r"\s+#", written):
        if opening(written[: match.start()].removeprefix("= ")) is None:
            return written[: match.start()]
    return written


def quoted(text: str) -> str:
    """The text as a single-quoted scalar."""
    return "'" + " ".join(text.split("\n")).replace("'", "''") + "'"
