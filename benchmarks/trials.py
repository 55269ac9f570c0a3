"""`hub test` of 500 tests: the whole process, Python's start included, as a person or CI waits for it.

Twenty routes read GitHub's pull requests; every event runs through all of them. A third of the tests gives a payload of
28 kB by file with a field changed, the others a few fields in place. Beside it the same with ``--coverage``, which
traces every step, and a deployment of one test, which is what starting costs.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks import report

TESTS = int(os.environ.get("BENCH_TRIALS_TESTS", "500"))
ROUNDS = int(os.environ.get("BENCH_TRIALS_ROUNDS", "7"))
ROUTES = 20
FIXTURE = Path(__file__).parents[1] / "demo" / "payloads" / "pull_request.opened.json"

HEAD = """\
deployment: trials
topics: { github.pull_request: , review.wanted: }
routes:
"""
ROUTE = """\
  reviews-{number}:
    from: github.pull_request
    where: data.action == "opened" && data.number % {routes} == {number}
    map:
      type: review.wanted
      subject: = data.repository.full_name
      data:
        title: = data.pull_request.title
        labels: = data.pull_request.labels.map(l, l.name)
        size: |-
          = data.pull_request.changed_files > 20 ? "large" : "small"
    to: review.wanted
"""
BY_FILE = """\
  number {number} by file:
    given:
      type: github.pull_request
      data: { $file: fixtures/pull_request.json }
      set: { data.number: {number} }
    expect:
      review.wanted: { subject: octo-org/octo-repo, data: { labels: [enhancement], size: small } }
"""
IN_PLACE = """\
  number {number} in place:
    given:
      type: github.pull_request
      data:
        action: {action}
        number: {number}
        repository: { full_name: octo-org/octo-repo }
        pull_request: { title: Number {number}, changed_files: {number}, labels: [{ name: bug }, { name: ui }] }
    expect: {expect}
"""
OUTPUT = "{ review.wanted: { data: { title: Number {number}, labels: [bug, ui], size: {size} } } }"


async def main() -> None:
    """Measures, prints and writes."""
    with tempfile.TemporaryDirectory() as temporary:
        full, single = Path(temporary, "full"), Path(temporary, "single")
        _write(full, ROUTES, TESTS)
        _write(single, 1, 1)
        runs = {"process": [str(full)], "coverage": [str(full), "--coverage"], "start": [str(single)]}
        seconds = {name: [_process(arguments) for _ in range(ROUNDS)] for name, arguments in runs.items()}
    figures = {"tests": TESTS, **{f"{name}_seconds": statistics.median(each) for name, each in seconds.items()}}
    rows = [
        (f"hub test, {TESTS} tests, {ROUTES} routes, whole process", f"{figures['process_seconds'] * 1000:,.0f} ms"),
        ("the same with --coverage", f"{figures['coverage_seconds'] * 1000:,.0f} ms"),
        ("hub test, one test and route", f"{figures['start_seconds'] * 1000:,.0f} ms"),
    ]
    report.table(("", "median"), rows)
    report.write("trials", figures)


def _write(directory: Path, routes: int, tests: int) -> None:
    (directory / "fixtures").mkdir(parents=True)
    shutil.copy(FIXTURE, directory / "fixtures" / "pull_request.json")
    parts = [HEAD]
    parts += [_filled(ROUTE, number=each, routes=routes) for each in range(routes)]
    parts += ["tests:\n", *map(_test, range(tests))]
    (directory / "hub.yaml").write_text("".join(parts))


def _test(number: int) -> str:
    if number % 3 == 0:
        return _filled(BY_FILE, number=number)
    if number % 3 == 1:
        return _filled(IN_PLACE, number=number, action="closed", expect="filtered")
    expect = _filled(OUTPUT, number=number, size="large" if number > 20 else "small")
    return _filled(IN_PLACE, number=number, action="opened", expect=expect)


def _filled(template: str, **values: object) -> str:
    for name, value in values.items():
        template = template.replace(f"{{{name}}}", str(value))
    return template


def _process(arguments: list[str]) -> float:
    program = "import sys; sys.argv[0] = 'hub'; from hub.cli import main; main()"
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", program, "test", *arguments], check=True, capture_output=True)
    return time.perf_counter() - began
