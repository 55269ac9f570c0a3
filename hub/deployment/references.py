"""References: ``${env:NAME}``, ``${env:NAME:-default}``, ``${file:PATH}``, ``${exec:COMMAND}``.

They are resolved when a unit starts, and shown nowhere.

What a reference resolves to is never read again: not for further references, and not as an expression. ``$${`` stands
for a literal ``${``.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hub.sdk.config import Verbatim, has_expression

MAX_FILE = 2**20
"""Largest file that ``${file:…}`` reads, in bytes; secrets and certificates are far smaller."""
EXEC_LIMIT = 10.0
"""Seconds that the command of ``${exec:…}`` has; a unit waits for it."""

_REFERENCE = re.compile(r"\$\$\{|\$\{(?P<body>[^{}]*)\}?")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_KINDS = ("env", "file", "exec")
_FRESH = 2.0  # seconds for which what a command has printed isn't asked for again: a unit's start needs it twice
_printed: dict[tuple[Any, ...], tuple[float, str]] = {}


@dataclass(frozen=True)
class Reference:
    """A reference within a text.

    Attributes:
        kind: ``env``, ``file`` or ``exec``.
        name: variable, path or command.
        default: what it is where the variable isn't set or is empty.
        start: index of its ``$``.
        end: index behind its ``}``.
    """

    kind: str
    name: str
    default: str | None
    start: int
    end: int

    def __str__(self) -> str:
        return f"${{{self.kind}:{self.name}}}"


class BadReference(Exception):
    """A reference that can't be read or resolved. The text names it, never a value.

    Args:
        message: what was expected and what came.
        start, end: where in the text.
    """

    def __init__(self, message: str, start: int, end: int) -> None:
        super().__init__(message)
        self.start = start
        self.end = end


def references(text: str) -> Iterator[Reference]:
    """The references in a text.

    Raises:
        BadReference: one that isn't of a known form.
    """
    for match in _REFERENCE.finditer(text):
        if match["body"] is not None:
            yield _parse(match)


def has_reference(value: Any) -> bool:
    """Whether a value holds a reference, itself or in a mapping or list."""
    match value:
        case str():
            return any(match["body"] is not None for match in _REFERENCE.finditer(value))
        case dict():
            return any(has_reference(each) for each in value.values())
        case list():
            return any(has_reference(each) for each in value)
    return False


def resolve(
    value: Any, environ: Mapping[str, str], directory: Path, failed: Callable[[str, BadReference], None]
) -> Any:
    """A value with its references resolved. Expressions are left as they are.

    Args:
        value: as in the schema file.
        environ: environment variables.
        directory: paths of ``${file:…}`` are relative to it.
        failed: called with the text and the error for each reference that can't be resolved.

    Returns:
        The value; resolved texts are `Verbatim`, so that nothing reads them as an expression.
    """
    match value:
        case dict():
            return {key: resolve(each, environ, directory, failed) for key, each in value.items()}
        case list():
            return [resolve(each, environ, directory, failed) for each in value]
        case str() if "${" in value and not has_expression(value):
            return _resolve_text(value, environ, directory, failed)
    return value


def _resolve_text(
    text: str, environ: Mapping[str, str], directory: Path, failed: Callable[[str, BadReference], None]
) -> str:
    def one(match: re.Match[str]) -> str:
        if match["body"] is None:
            return "${"
        try:
            return _value(_parse(match), environ, directory)
        except BadReference as error:
            failed(text, error)
            return ""

    return Verbatim(_REFERENCE.sub(one, text))


def _parse(match: re.Match[str]) -> Reference:
    start, end = match.span()
    if not match[0].endswith("}"):
        raise BadReference("a reference is never closed; expected `}`, or `$${` for a literal `${`", start, end)
    kind, colon, name = match["body"].partition(":")
    if kind not in _KINDS or not colon:
        raise BadReference(
            "expected ${env:NAME}, ${env:NAME:-default}, ${file:PATH} or ${exec:COMMAND}, or `$${` for a literal `${`",
            start,
            end,
        )
    name, dash, default = name.partition(":-") if kind == "env" else (name, "", "")
    if kind == "env" and not _NAME.match(name):
        raise BadReference("expected the name of an environment variable in ${env:…}", start, end)
    if not name.strip():
        raise BadReference(f"expected a {'path' if kind == 'file' else 'command'} in ${{{kind}:…}}", start, end)
    return Reference(kind, name, default if dash else None, start, end)


def _value(reference: Reference, environ: Mapping[str, str], directory: Path) -> str:
    if reference.kind == "file":
        return _file(reference, directory)
    if reference.kind == "exec":
        return _said(reference, environ, directory)
    value = environ.get(reference.name)
    if reference.default is not None:
        return value or reference.default
    if value is None:
        raise BadReference(f"the environment variable {reference.name} isn't set", reference.start, reference.end)
    return value


def _file(reference: Reference, directory: Path) -> str:
    path = directory / reference.name
    try:
        path = directory / Path(reference.name).expanduser()
        # Opening a pipe or a device could wait for ever.
        if path.exists() and not path.is_file():
            raise BadReference(f"expected a file; {path} is none", reference.start, reference.end)
        with path.open("rb") as file:
            content = file.read(MAX_FILE + 1)
        text = content.decode()
    except UnicodeDecodeError:
        problem = f"expected UTF-8 in {path}"
    except OSError as error:
        problem = f"can't read {path}: {os.strerror(error.errno or 0)}"
    except (ValueError, RuntimeError):
        problem = f"can't read {path}: no file can have this name"
    else:
        if len(content) <= MAX_FILE:
            # One line break at the end belongs to the file, not to the secret in it.
            return text.removesuffix("\n").removesuffix("\r")
        problem = f"{path} is larger than {MAX_FILE:,} bytes"
    raise BadReference(problem, reference.start, reference.end)


def _said(reference: Reference, environ: Mapping[str, str], directory: Path) -> str:
    """What a command prints. No shell reads it, and nothing that it prints is shown, errors included."""
    start, end = reference.start, reference.end
    asked = (reference.name, directory, tuple(sorted(environ.items())))
    before = _printed.get(asked)
    if before is not None and time.monotonic() - before[0] < _FRESH:
        return before[1]
    _printed.pop(asked, None)
    try:
        words = shlex.split(reference.name)
        done = subprocess.run(  # noqa: S603  it is the user's own command
            words,
            cwd=directory,
            env=dict(environ),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=EXEC_LIMIT,
            check=False,
        )
    except ValueError:
        raise BadReference("expected a command whose quotes are closed in ${exec:…}", start, end) from None
    except subprocess.TimeoutExpired:
        raise BadReference(f"`{words[0]}` did not end within {EXEC_LIMIT:.0f} s", start, end) from None
    except OSError as error:
        raise BadReference(f"`{words[0]}` can't be run: {os.strerror(error.errno or 0)}", start, end) from None
    if done.returncode != 0:
        raise BadReference(f"`{words[0]}` ended with exit status {done.returncode}", start, end)
    if len(done.stdout) > MAX_FILE:
        raise BadReference(f"`{words[0]}` printed more than {MAX_FILE:,} bytes", start, end)
    try:
        printed = done.stdout.decode().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        raise BadReference(f"expected UTF-8 of `{words[0]}`", start, end) from None
    _printed[asked] = time.monotonic(), printed
    return printed
