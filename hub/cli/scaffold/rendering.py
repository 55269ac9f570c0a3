"""Templates made into text: names put in, what isn't wanted left out, imports sorted."""

from __future__ import annotations

import re
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping

_MARK = re.compile(r"@([A-Z_]+)@")
_BEGIN = re.compile(r"#: (?!end$)(.+)")
_END = "#: end"
_TERM = re.compile(r"([&-]?)(\w+)")
_IMPORT = re.compile(r"(?:from (?P<module>\S+) import (?P<names>.+)|import (?P<plain>\S+))\n")
_FUTURE = "__future__"
_WIDTH = 120  # columns, as the projects' formatter has it


def rendered(template: str, values: Mapping[str, str], kinds: Collection[str]) -> str:
    """The text of a template.

    Args:
        template: with marks.
        values: by mark.
        kinds: which parts are wanted.
    """
    return _MARK.sub(lambda mark: values[mark[1]], "".join(_wanted(template.splitlines(keepends=True), kinds)))


def with_imports(text: str, own: Collection[str]) -> str:
    """Python code whose imports, the first lines that are some, are merged, sorted and laid out as ruff does it.

    Args:
        text: of a module.
        own: top-level packages that are the project's.
    """
    lines = text.splitlines(keepends=True)
    start = next((n for n, line in enumerate(lines) if _IMPORT.fullmatch(line)), None)
    if start is None:
        return text
    end = start
    while end < len(lines) and (_IMPORT.fullmatch(lines[end]) or lines[end] == "\n"):
        end += 1
    blanks = len("".join(lines[start:end])) - len("".join(lines[start:end]).rstrip("\n")) - 1
    block = "\n".join("".join(section) for section in _sections(lines[start:end], own))
    return "".join(lines[:start]) + block + "\n" * blanks + "".join(lines[end:])


def _wanted(lines: Iterable[str], kinds: Collection[str]) -> Iterator[str]:
    keeps = True
    for line in lines:
        begins = _BEGIN.fullmatch(line.rstrip("\n"))
        if begins:
            keeps = any(_holds(each, kinds) for each in begins[1].split())
        elif line.rstrip("\n") == _END:
            keeps = True
        elif keeps:
            yield line


def _holds(condition: str, kinds: Collection[str]) -> bool:
    """Whether kinds are as a condition such as ``sink&source`` or ``sink-webhook`` has them."""
    return all((name in kinds) != (sign == "-") for sign, name in _TERM.findall(condition))


def _sections(lines: Iterable[str], own: Collection[str]) -> Iterator[list[str]]:
    plain: set[str] = set()
    members: dict[str, set[str]] = {}
    for found in filter(None, map(_IMPORT.fullmatch, lines)):
        if found["plain"]:
            plain.add(found["plain"])
        else:
            members.setdefault(found["module"], set()).update(found["names"].split(", "))
    for section in range(4):
        here = [f"import {each}\n" for each in sorted(plain) if _section(each, own) == section]
        here += [_from(each, members[each]) for each in sorted(members) if _section(each, own) == section]
        if here:
            yield here


def _section(module: str, own: Collection[str]) -> int:
    top = module.partition(".")[0]
    if top == _FUTURE:
        return 0
    if top in sys.stdlib_module_names:
        return 1
    return 3 if top in own else 2


def _constant(name: str) -> bool:
    return name.isupper() and len(name) > 1


def _from(module: str, names: Iterable[str]) -> str:
    # Constants, then classes, then functions.
    ordered = sorted(names, key=lambda each: (not _constant(each), not each[0].isupper(), each))
    line = f"from {module} import {', '.join(ordered)}\n"
    if len(line) <= _WIDTH + 1:
        return line
    return f"from {module} import (\n" + "".join(f"    {each},\n" for each in ordered) + ")\n"
