"""The table of faults and what was found: complete, whatever was run."""

from __future__ import annotations

import re
from pathlib import Path

import orjson
import pytest

from tests.chaos import report, scale
from tests.chaos.rows import NAMES, ROWS

FIGURES = {
    "name": "worker-kill",
    "fault": "worker kill -9",
    "faults": 20,
    "events": 1_000_000,
    "lost": 0,
    "duplicated": 1,
    "order_violations": 0,
    "reader_disagreements": 0,
    "resume_p50_s": 1.0,
    "resume_p95_s": 3.25,
    "unresumed": 0,
    "seconds": 333.3,
    "kinds": {"json": 3},
}


def test_every_result_of_the_table_is_recorded_by_a_test():
    """Else a row would stay empty for ever."""
    directory = Path(scale.__file__).parent
    text = "".join(path.read_text() for path in directory.glob("test_*.py"))
    assert {name for name in NAMES if f'"{name}"' not in text} == set()
    assert set(re.findall(r'record\(\s*"([^"]+)"', text)) <= NAMES


def test_no_test_of_the_suite_is_skipped():
    """A server, a disk or a right that can't be had fails the run."""
    directory = Path(scale.__file__).parent
    skipping = re.compile(r"pytest\.(mark\.)?(skip|xfail)")
    assert [path.name for path in directory.glob("*.py") if skipping.search(path.read_text())] == []


def test_a_row_without_a_result_is_shown_as_not_run(tmp_path):
    """Nobody takes silence for success."""
    (tmp_path / "worker-kill.json").write_bytes(orjson.dumps(FIGURES))
    lines = report.table(tmp_path).splitlines()
    assert len(lines) == 2 + sum(len(row.results) for row in ROWS)
    assert sum(report.MISSING in line for line in lines) == len(NAMES) - 1
    assert lines[2].endswith(
        "| worker kill -9, 20 times; 1,000,000 events in 333 s "
        "| 0 lost, 1 duplicated, 0 out of order, resumed within 3.25 s (p95), the reader agrees, kinds (json 3) |"
    )


def test_what_the_table_does_not_know_cannot_be_recorded():
    """A result under a name that no row has would be seen by nobody."""
    with pytest.raises(AssertionError, match="in no row"):
        scale.record("worker-lost", {"fault": "x", "faults": 1})
