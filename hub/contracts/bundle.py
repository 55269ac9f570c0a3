"""Schema files that refer to each other, made into one schema whose references are all local.

``$ref`` may lead to another place of the same file (``#/$defs/user``, ``#anchor``), or to a file by a relative path
(``../common/user.json``, ``common.json#/$defs/user``). What another file holds is put under ``$defs``. Nothing is ever
fetched: a reference to a URL is an error.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import orjson

from hub.contracts.keywords import IN_PLACE, LISTS, MAPS, SCHEMA, resolve, walk
from hub.contracts.keywords import Path as Steps
from hub.contracts.problem import InvalidSchema, SchemaProblem
from hub.contracts.schema import problems
from hub.contracts.violation import pointer

MAX_FILE = 16 * 2**20
"""Largest schema file in bytes."""

_VERSION = re.compile(r"v\d+\Z")
_URL = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*:")
_Place = tuple[Path | None, str]


@dataclass
class SchemaFiles:
    """Reads schema files, each once.

    Attributes:
        roots: directories below which a file may lie.
    """

    roots: Sequence[Path]
    _read: dict[Path, Any] = field(default_factory=dict)

    def load(self, path: Path) -> dict[str, Any]:
        """The schema of a file, all references local.

        Raises:
            InvalidSchema: with everything that is wrong with it.
        """
        real = path.resolve()
        return self.bundle(self.read(real), real)

    def bundle(self, schema: Any, file: Path | None = None, base: Path | None = None) -> dict[str, Any]:
        """A schema with all references local.

        Args:
            schema: of a file, or one that stands in a deployment's own file.
            file: that it is the content of.
            base: directory that its references are relative to; the file's own if not given.

        Raises:
            InvalidSchema: with everything that is wrong with it.
        """
        bundled, found = self.examine(schema, file, base)
        if any(each.severity == "error" for each in found):
            raise InvalidSchema(found)
        return bundled

    def examine(
        self, schema: Any, file: Path | None = None, base: Path | None = None
    ) -> tuple[dict[str, Any], list[SchemaProblem]]:
        """As `bundle`, with all that is wrong or looks wrong; the schema is of use only where nothing is an error."""
        work = _Bundle(self, schema, file, base or (file.parent if file else None))
        bundled = work.run()
        return bundled, list(dict.fromkeys(work.problems))

    def read(self, real: Path, written: str = "", referring: Path | None = None, at: Steps = ()) -> Any:
        """The content of a file.

        Args:
            real: its path, links resolved.
            written: how it is referred to, for errors; the path itself if not given.
            referring: the file that refers to it, for errors.
            at: where it does.

        Raises:
            InvalidSchema: it lies outside of the roots, isn't there, or is no JSON.
        """
        if real in self._read:
            return self._read[real]
        if not any(real.is_relative_to(root) for root in self.roots):
            below = " or ".join(f"{root.name}/" for root in self.roots)
            text = f"expected a file below {below}; got `{written or real}`"
            raise _wrong("include.outside", text, referring, at, "copy it there")
        try:
            size = real.stat().st_size
            if size > MAX_FILE:
                text = f"expected at most {MAX_FILE:,} bytes; got {size:,}"
                raise _wrong("file.too_large", text, referring, at)
            content = real.read_bytes()
        except FileNotFoundError as error:
            text = f"there is no file `{written or real}`"
            advice = "paths are relative to the file that includes" if written else None
            raise _wrong("include.missing", text, referring, at, advice) from error
        except (OSError, ValueError) as error:
            # A ValueError is a name that no file can have.
            text = f"can't read {real.name!r}: {getattr(error, 'strerror', None) or error}"
            raise _wrong("file.unreadable", text, referring, at) from error
        try:
            # By way of text, so that a position is one in characters, and editors' byte order marks are read over.
            self._read[real] = orjson.loads(content.decode("utf-8-sig"))
        except UnicodeDecodeError as error:
            text = f"expected UTF-8 in {real.name}; byte {error.start:,} isn't"
            raise _wrong("file.encoding", text, referring, at, "save the file as UTF-8") from error
        except orjson.JSONDecodeError as error:
            found = SchemaProblem("include.json", f"expected JSON: {error.msg}", real, offset=error.pos)
            raise InvalidSchema([found]) from error
        return self._read[real]


def _wrong(code: str, message: str, file: Path | None, at: Steps, suggestion: str | None = None) -> InvalidSchema:
    return InvalidSchema([SchemaProblem(code, message, file, at, suggestion=suggestion, of_value=True)])


class _Bundle:
    """One schema at work: what it refers to is copied once, under a name of its own."""

    def __init__(self, files: SchemaFiles, schema: Any, file: Path | None, base: Path | None) -> None:
        self._files = files
        self._root = schema
        self._file = file
        self._base = base
        self._names: dict[_Place, str] = {}
        self._taken: set[str] = set()
        self._copies: dict[str, Any] = {}
        self._checked: set[_Place] = set()
        self.problems: list[SchemaProblem] = []

    def run(self) -> dict[str, Any]:
        self.problems += problems(self._root, self._file)
        if not isinstance(self._root, Mapping):
            return {} if self._root is True else {"not": {}}
        own = self._root.get("$defs")
        self._taken = set(own) if isinstance(own, Mapping) else set()
        bundled: dict[str, Any] = self._copy(self._root, self._file, ())
        if self._copies:
            bundled["$defs"] = {**bundled.get("$defs", {}), **self._copies}
        bundled.pop("$id", None)
        return bundled

    def _document(self, file: Path | None) -> Any:
        return self._root if file == self._file else self._files.read(file) if file else self._root

    def _copy(self, schema: Any, file: Path | None, at: Steps) -> Any:
        """A schema with its references rewritten."""
        if not isinstance(schema, Mapping):
            return schema
        copy: dict[str, Any] = {}
        for keyword, value in schema.items():
            here = (*at, keyword)
            if keyword == "$ref" and isinstance(value, str):
                copy[keyword] = self._reference(value, file, here)
            elif keyword in SCHEMA:
                copy[keyword] = self._copy(value, file, here)
            elif keyword in LISTS and isinstance(value, list):
                copy[keyword] = [self._copy(each, file, (*here, index)) for index, each in enumerate(value)]
            elif keyword in MAPS and isinstance(value, Mapping):
                copy[keyword] = {name: self._copy(each, file, (*here, name)) for name, each in value.items()}
            else:
                self._forbidden(keyword, file, here, root=not at)
                copy[keyword] = value
        return copy

    def _forbidden(self, keyword: str, file: Path | None, at: Steps, *, root: bool) -> None:
        if keyword == "$id" and not root:
            self._note(
                "event.schema",
                "`$id` within a schema changes what its references mean",
                file,
                at,
                "move the part to a file of its own and refer to that",
            )
        elif keyword in ("$dynamicRef", "$dynamicAnchor") and file != self._file:
            self._note("event.schema", f"`{keyword}` works within one file only", file, at, "use `$ref`")

    def _note(self, code: str, message: str, file: Path | None, at: Steps, suggestion: str | None = None) -> None:
        self.problems.append(SchemaProblem(code, message, file, at, suggestion=suggestion, of_value=True))

    def _reference(self, reference: str, file: Path | None, at: Steps) -> str:
        """What a reference is within the bundle."""
        target, _, fragment = reference.partition("#")
        if _URL.match(target):
            self._note(
                "event.reference",
                f"`{reference:.120}` is a URL, and nothing is fetched",
                file,
                at,
                "put the schema into a file beside this one and refer to it by its relative path",
            )
            return "#"
        try:
            other = self._target(target, file, at)
            document = self._document(other)
        except InvalidSchema as error:
            self.problems += error.problems
            return "#"
        found = self._found(document, unquote(fragment), other)
        if found is None:
            self._nowhere(reference, document, file, at)
            return "#"
        return self._local(other, found, document)

    def _nowhere(self, reference: str, document: Any, file: Path | None, at: Steps) -> None:
        target, _, fragment = reference.partition("#")
        above, _, name = unquote(fragment).rpartition("/")
        try:
            beside = resolve(document, f"#{above}")
        except (LookupError, TypeError, ValueError):
            beside = None
        close = difflib.get_close_matches(name, beside if isinstance(beside, Mapping) else (), 1)
        better = f"{target}#{above}/{close[0]}" if close else None
        where = f"`{target}`" if target else "this schema"
        text = f"`{reference:.120}` leads nowhere: " + (
            f"did you mean `{better}`?" if better else f"{where} has no such place"
        )
        self.problems.append(SchemaProblem("event.reference", text, file, at, fix=better, of_value=True))

    def _target(self, target: str, file: Path | None, at: Steps) -> Path | None:
        if not target:
            return file
        base = self._base if file == self._file else file.parent if file else None
        if base is None:
            raise _wrong("event.reference", f"`{target:.120}`: this schema has no file, and so no neighbours", file, at)
        real = real_path(base, unquote(target))
        if real != self._file:
            self._files.read(real, target, file, at)
        return real

    def _found(self, document: Any, fragment: str, file: Path | None) -> str | None:
        """The JSON Pointer of a fragment; None where it leads nowhere."""
        if fragment and not fragment.startswith("/"):
            for path, each in walk(document):
                if isinstance(each, Mapping) and fragment in (each.get("$anchor"), each.get("$dynamicAnchor")):
                    return pointer(path)
            return None
        try:
            schema = resolve(document, f"#{fragment}")
        except (LookupError, TypeError, ValueError):
            return None
        if (file, fragment) not in self._checked:
            self._checked.add((file, fragment))
            if file != self._file or not isinstance(schema, Mapping | bool):
                self.problems += problems(schema, file, _steps(fragment))
        return fragment

    def _local(self, file: Path | None, fragment: str, document: Any) -> str:
        if file == self._file:
            return f"#{fragment}"
        place = (file, fragment)
        if place not in self._names:
            name = self._names[place] = self._name(file, fragment)
            self._copies[name] = {}  # named before it is copied: it may refer to itself
            copy = self._copy(resolve(document, f"#{fragment}"), file, _steps(fragment))
            if isinstance(copy, dict):
                copy = {key: each for key, each in copy.items() if key not in ("$id", "$schema", "$defs", "$anchor")}
            self._copies[name] = copy
        return f"#/$defs/{self._names[place].replace('~', '~0').replace('/', '~1')}"

    def _name(self, file: Path | None, fragment: str) -> str:
        """A name for what another file holds: that of the place, or of the file, or of its directory."""
        words = [each for each in fragment.split("/") if each and not each.isdecimal() and each not in IN_PLACE]
        stem = file.stem if file else "schema"
        wanted = words[-1] if words else file.parent.name if file and _VERSION.match(stem) else stem
        name, number = wanted, 1
        while name in self._taken:
            number += 1
            name = f"{wanted}_{number}"
        self._taken.add(name)
        return name


def real_path(base: Path, target: str) -> Path:
    """The path that a reference means, links resolved; itself where no file can have such a name."""
    try:
        return (base / target).resolve()
    except (OSError, ValueError, RuntimeError):
        return base / target


def _steps(fragment: str) -> Steps:
    return tuple(each.replace("~1", "/").replace("~0", "~") for each in fragment.split("/")[1:])
