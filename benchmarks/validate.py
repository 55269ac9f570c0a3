"""`hub validate` of a hundred routes: the whole process, Python's start included, as a person or CI waits for it.

The routes read GitHub's pull requests, whose contract is one of the larger ones; each has a predicate, five mapped
fields and a contract for what it makes, and three connectors are imported. Beside it the check alone, in a process that
has imported everything, and a deployment without routes, which is what starting costs.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks import report
from hub.deployment import check

ROUTES = int(os.environ.get("BENCH_VALIDATE_ROUTES", "100"))
ROUNDS = int(os.environ.get("BENCH_VALIDATE_ROUNDS", "7"))

HEAD = """\
deployment: hundred
sources:
  deliveries: { use: github.webhook, with: { path: /hooks, secret: "${env:SECRET}" } }
sinks:
  tasks:
    use: rabbitmq
    with: { url: "${env:AMQP_URL}", exchange: tasks, routing_key: '= event.type + "." + data.author' }
  chat: { use: http, with: { url: "https://chat.example/post", json: { text: = data.title } } }
events:
  review.wanted:
    schema:
      type: object
      required: [title, author, labels, size, url]
      properties:
        title: { type: string }
        author: { type: string }
        labels: { type: array, items: { type: string } }
        size: { enum: [small, large] }
        url: { type: string }
routes:
"""
ROUTE = """\
  reviews-{number}:
    from: github.pull_request
    where: data.action in ["opened", "ready_for_review"] && !data.pull_request.draft && data.number % 100 == {number}
    map:
      type: review.wanted
      subject: = data.repository.full_name
      data:
        title: = data.pull_request.title
        author: = data.pull_request.user.login
        labels: = data.pull_request.labels.map(l, l.name)
        size: |-
          = data.pull_request.changed_files > {number} ? "large" : "small"
        url: = data.pull_request.html_url
    to: [review.wanted, tasks, chat]
"""


async def main() -> None:
    """Measures, prints and writes."""
    with tempfile.TemporaryDirectory() as temporary:
        full, empty = Path(temporary, "full"), Path(temporary, "empty")
        for directory, routes in ((full, ROUTES), (empty, 0)):
            directory.mkdir()
            text = HEAD + "".join(ROUTE.replace("{number}", str(number)) for number in range(routes))
            (directory / "hub.yaml").write_text(text if routes else "deployment: empty\n")
        processes = {name: [_process(path) for _ in range(ROUNDS)] for name, path in (("full", full), ("empty", empty))}
        first = check(full)
        if not first.valid or first.units["route"] != ROUTES:
            raise SystemExit(f"expected {ROUTES} valid routes; got {first.summary()}: {first.findings[:3]}")
        alone = [check(full).seconds for _ in range(ROUNDS)]
    figures = {
        "routes": ROUTES,
        "process_seconds": statistics.median(processes["full"]),
        "start_seconds": statistics.median(processes["empty"]),
        "check_seconds": statistics.median(alone),
    }
    rows = [
        (f"hub validate, {ROUTES} routes, whole process", f"{figures['process_seconds'] * 1000:,.0f} ms"),
        ("hub validate, no route", f"{figures['start_seconds'] * 1000:,.0f} ms"),
        ("the check alone, imported and warm", f"{figures['check_seconds'] * 1000:,.0f} ms"),
    ]
    report.table(("", "median"), rows)
    report.write("validate", figures)


def _process(directory: Path) -> float:
    program = "import sys; sys.argv[0] = 'hub'; from hub.cli import main; main()"
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", program, "validate", str(directory)], check=True, capture_output=True)
    return time.perf_counter() - began
