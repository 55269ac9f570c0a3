"""`hub validate` of a hundred routes: the whole process, Python's start included, as a person or CI waits for it.

The routes read GitHub's pull requests, whose contract is one of the larger ones; each has a predicate, five mapped
fields and a contract for what it makes, and three connectors are imported. Beside it the check alone, in a process that
has imported everything, and a deployment without routes, which is what starting costs.
"""

from __future__ import annotations

import os
import resource
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
        runs = {name: [_process(path) for _ in range(ROUNDS)] for name, path in (("full", full), ("empty", empty))}
        first = check(full)
        if not first.valid or first.units["route"] != ROUTES:
            raise SystemExit(f"expected {ROUTES} valid routes; got {first.summary()}: {first.findings[:3]}")
        alone = [check(full).seconds for _ in range(ROUNDS)]
    figures = {
        "routes": ROUTES,
        "process_seconds": statistics.median(wall for wall, _ in runs["full"]),
        "process_cpu_seconds": statistics.median(cpu for _, cpu in runs["full"]),
        "start_seconds": statistics.median(wall for wall, _ in runs["empty"]),
        "start_cpu_seconds": statistics.median(cpu for _, cpu in runs["empty"]),
        "check_seconds": statistics.median(alone),
    }

    def shown(name: str) -> str:
        return f"{figures[name] * 1000:,.0f} ms"

    rows = [
        (f"hub validate, {ROUTES} routes, whole process", shown("process_seconds"), shown("process_cpu_seconds")),
        ("hub validate, no route", shown("start_seconds"), shown("start_cpu_seconds")),
        ("the check alone, imported and warm", shown("check_seconds"), ""),
    ]
    report.table(("", "median", "of it CPU"), rows)
    report.write("validate", figures)


def _process(directory: Path) -> tuple[float, float]:
    """Seconds that a process took, and how many of them it computed."""
    program = "import sys; sys.argv[0] = 'hub'; from hub.cli import main; main()"
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run([sys.executable, "-c", program, "validate", str(directory)], check=True, capture_output=True)
    wall, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
