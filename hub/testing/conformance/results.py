"""What became of a connector's checks, as it is kept beside the connector: ``conformance.json``.

Class of the tests → use, suite, and outcome by check: ``passed``, or ``not applicable: `` and why.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from hub.testing.conformance.unit import UnitSuite

FILE = "conformance.json"
PASSED = "passed"
FAILED = "failed"
_PARAMETRIZE = "parametrize"


@dataclass
class Result:
    """What became of the checks of one class of tests.

    Attributes:
        use: the unit as schema files name it.
        suite: what it was held against.
        checks: outcome by check.
    """

    use: str
    suite: str
    checks: dict[str, str] = field(default_factory=dict)


def place_of(test_file: Path) -> Path:
    """Where the results of a file of tests are kept: in the connector's folder, above ``tests``."""
    folder = test_file.parent
    while folder.name in ("tests", "test"):
        folder = folder.parent
    return folder / FILE


def read(path: Path) -> dict[str, Result]:
    """The results that are kept in a file; none where there is no file."""
    if not path.is_file():
        return {}
    document: dict[str, dict[str, Any]] = orjson.loads(path.read_bytes())
    return {name: Result(each["use"], each["suite"], each["checks"]) for name, each in document.items()}


def write(path: Path, results: Mapping[str, Result]) -> None:
    """Keeps results, in an order that stays."""
    document = {
        name: {"use": each.use, "suite": each.suite, "checks": dict(sorted(each.checks.items()))}
        for name, each in sorted(results.items())
    }
    path.write_bytes(orjson.dumps(document, option=orjson.OPT_INDENT_2) + b"\n")


def checks_of(suite: type[UnitSuite[Any]]) -> Iterator[str]:
    """The names of all checks of a suite, as results have them."""
    for name in dir(suite):
        if name.startswith("test_"):
            short = name.removeprefix("test_")
            marks = [each for each in getattr(getattr(suite, name), "pytestmark", ()) if each.name == _PARAMETRIZE]
            if not marks:
                yield short
            for mark in marks:
                make = mark.kwargs["ids"]
                yield from (f"{short}[{make(value)}]" for value in mark.args[1])
