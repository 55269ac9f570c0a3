"""A GraphQL document, read as far as need be: its one query, the variables that it takes, and where its fields begin.

By the lexical grammar of the GraphQL specification of October 2021, § 2.1; whether the query makes sense, GitHub says.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_TOKEN = re.compile(
    r"""
      (?P<ignored>\#[^\n\r]*|[\s,\ufeff]+)
    | (?P<text>\"\"\"(?:\\\"\"\"|(?!\"\"\")[\s\S])*\"\"\"|"(?:\\.|[^"\\\n\r])*")
    | (?P<name>\$?[_A-Za-z][_0-9A-Za-z]*)
    | (?P<number>-?[0-9][0-9.eE+-]*)
    | (?P<mark>\.\.\.|[!$&()=@:\[\]{|}])
    """,
    re.VERBOSE,
)
_OPENING, _CLOSING = {"(": ")", "[": "]", "{": "}"}, {")", "]", "}"}
_KINDS = ("query", "mutation", "subscription", "fragment")

_BUDGET = " hubRateLimit: rateLimit { cost remaining resetAt }"
"""What is asked for beside what the user wants: what it costs, and what is left."""


@dataclass(frozen=True)
class Document:
    """A query.

    Attributes:
        text: what is sent: with a field for the cost.
        variables: names that it takes, without the dollar sign.
    """

    text: str
    variables: frozenset[str]


def read(text: str) -> Document:
    """Reads a document.

    Raises:
        ValueError: it holds no query, or several operations, or isn't whole.
    """
    operations: list[tuple[str, int]] = []  # kind, and where its fields begin
    variables: set[str] = set()
    open_: list[str] = []
    kind = ""  # of the definition that has begun, and whose fields haven't
    for word, name, end in _words(text):
        if name and not open_ and not kind:
            if word not in _KINDS:
                raise ValueError(f"expected a GraphQL query; got `{word[:40]}` where one begins")
            kind = word
        elif name and word.startswith("$") and open_ == [")"] and kind == "query":
            variables.add(word[1:])
        elif word in _OPENING:
            if word == "{" and not open_:
                operations += [(kind or "query", end)] if kind != "fragment" else []
                kind = ""
            open_.append(_OPENING[word])
        elif word in _CLOSING and (not open_ or open_.pop() != word):
            raise ValueError(f"expected a GraphQL query; got `{word}` that closes nothing, at character {end}")
    if open_ or kind:
        raise ValueError(f"expected a whole GraphQL query; it ends before its `{open_[-1] if open_ else '{'}`")
    if len(operations) != 1 or operations[0][0] != "query":
        raise ValueError("expected one query; got " + (" and ".join(each for each, _ in operations) or "none"))
    begin = operations[0][1]
    return Document(text[:begin] + _BUDGET + text[begin:], frozenset(variables))


def _words(text: str) -> Iterator[tuple[str, bool, int]]:
    """The tokens, each with whether it is a name, and where it ends."""
    at = 0
    while at < len(text):
        token = _TOKEN.match(text, at)
        if token is None:
            raise ValueError(
                f"expected a GraphQL query; got `{text[at]}`, which has no place there, at character {at + 1}"
            )
        at = token.end()
        if token.lastgroup in ("name", "mark"):
            yield token[0], token.lastgroup == "name", at
