"""The route language: a predicate and a map of six fields on a decoded push event of GitHub, and routes side by side.

Beside the compiled expressions the same by hand in Python with guards on types, and by other languages' bindings, each
in its fastest form. All contenders take turns in each of several rounds; ratios are medians of the rounds' ratios.

Then one topic with 1, 10 and 100 routes, none of which takes the event: what each added route costs, if its predicate
looks at an attribute or at the payload.
"""

from __future__ import annotations

import ast
import gc
import os
import statistics
import time
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jmespath
import jsonatapy
import orjson
from cel_expr_python import cel

from benchmarks import report
from hub.routes.fusion import compile_fused, compile_program
from hub.routes.generator import Generator
from hub.routes.program import Route
from hub.routes.scope import Scope
from hub.routes.shaping import conditions
from hub.routes.template import at, fill
from hub.routes.tree import Sources
from hub.routes.unit import Unit
from hub.sdk import Event

ROUNDS = int(os.environ.get("BENCH_ROUTES_ROUNDS", "15"))
SECONDS = float(os.environ.get("BENCH_ROUTES_SECONDS", "0.1"))
PAYLOAD = (Path(__file__).parents[1] / "demo" / "payloads" / "push.branch.json").read_bytes()
LARGE = 20
MAIN = "refs/heads/main"

WHERE = 'data.ref == "refs/heads/main" && !data.deleted && size(data.commits) > 0'
MAP = {
    "repository": "= data.repository.full_name",
    "who": "= data.pusher.name",
    "ref": "= data.ref",
    "message": "= data.head_commit.message",
    "commits": "= size(data.commits)",
    "size": '= size(data.commits) > 20 ? "large" : "small"',
}
CEL_MAP = "{" + ", ".join(f'"{name}": {text[2:]}' for name, text in MAP.items()) + "}"
JMESPATH = (
    "[?ref == 'refs/heads/main' && !deleted && length(commits) > `0`] | [0].{repository: repository.full_name, "
    "who: pusher.name, ref: ref, message: head_commit.message, commits: length(commits), "
    "size: (length(commits) > `20` && 'large') || 'small'}"
)
JSONATA_WHERE = '$count(commits) > 0 and ref = "refs/heads/main" and $not(deleted)'
JSONATA_MAP = (
    '{"repository": repository.full_name, "who": pusher.name, "ref": ref, "message": head_commit.message, '
    '"commits": $count(commits), "size": $count(commits) > 20 ? "large" : "small"}'
)

BINDINGS = ("cel_expr_python", "jmespath", "jsonatapy", "jsonatapy_bytes")

Contender = Callable[[Event], Any]


def event() -> Event:
    """A push to the main branch, whose payload is parsed already."""
    attributes = {"id": "1", "source": "https://github.com", "type": "github.push", "subject": "octo-org/octo-repo"}
    made = Event.of(attributes, PAYLOAD)
    assert isinstance(made.data, dict)
    return made


def by_hand(event: Event) -> dict[str, Any] | None:
    """As one would write it who doesn't trust the data."""
    data = event.data
    deleted = data["deleted"]
    if type(deleted) is not bool:
        raise TypeError("deleted")
    commits = data["commits"]
    if type(commits) is not list:
        raise TypeError("commits")
    ref = data["ref"]
    if ref != MAIN or deleted or not len(commits) > 0:
        return None
    return {
        "repository": data["repository"]["full_name"],
        "who": data["pusher"]["name"],
        "ref": ref,
        "message": data["head_commit"]["message"],
        "commits": len(commits),
        "size": "large" if len(commits) > LARGE else "small",
    }


def route_by_hand(event: Event) -> list[tuple[Event, tuple[str, ...]]] | None:
    """A whole route: a new event of what `by_hand` makes."""
    made = by_hand(event)
    if made is None:
        return None
    attributes = {**event.attributes, "type": "push.seen", "datacontenttype": "application/json"}
    attributes.pop("dataschema", None)
    return [(Event.of(attributes, orjson.dumps(made), event.headers), ("seen",))]


def compiled() -> Contender:
    """Predicate and map as a route has them: in one function, without the event around."""
    sources = Sources()
    where = sources.parse(WHERE, ("where",))
    tree = sources.read(MAP, ("map", "data"))

    def body(generator: Generator) -> None:
        generator.source = where
        for condition in conditions(where, generator):
            leave = at(ast.Return(generator.constant(None)), 1)
            test = generator.truth(generator.emit(condition), condition)
            generator.statement(ast.If(fill("not a", 1, a=test), [leave], []))
        generator.statement(ast.Return(tree.code(generator, own=False)))

    return Unit(sources.found, Scope(), body).function


def by_reference() -> Contender:
    """Google's implementation in C++, by its binding."""
    environment = cel.NewEnv(variables={"data": cel.Type.DYN})
    where, mapping = (environment.compile(text) for text in (WHERE, CEL_MAP))

    def run(event: Event) -> Any:
        given = {"data": event.data}
        if not where.eval(data=given).value():
            return None
        return {key: each.value() for key, each in mapping.eval(data=given).value().items()}

    return run


def by_jmespath() -> Contender:
    """In pure Python."""
    expression = jmespath.compile(JMESPATH)
    return lambda event: expression.search([event.data])


def by_jsonata() -> Contender:
    """In Rust; the event is converted once for both expressions."""
    where, mapping = jsonatapy.compile(JSONATA_WHERE), jsonatapy.compile(JSONATA_MAP)

    def run(event: Event) -> Any:
        data = jsonatapy.JsonataData(event.data)
        return mapping.evaluate_with_data(data) if where.evaluate_with_data(data) else None

    return run


def by_jsonata_bytes() -> Contender:
    """In Rust, on the payload's bytes, which it parses itself."""
    where, mapping = jsonatapy.compile(JSONATA_WHERE), jsonatapy.compile(JSONATA_MAP)

    def run(event: Event) -> Any:
        raw = event.raw
        assert raw is not None
        data = jsonatapy.JsonataData.from_json(raw.decode())
        return mapping.evaluate_with_data(data) if where.evaluate_with_data(data) else None

    return run


def seconds_per_call(function: Contender, given: Event) -> float:
    """How long a call takes, by as many as fit into a while."""
    calls, taken = 1, 0.0
    while taken < SECONDS:
        started = time.perf_counter()
        for _ in range(calls):
            function(given)
        taken = time.perf_counter() - started
        if taken < SECONDS:
            calls = max(calls * 2, int(calls * SECONDS / max(taken, 1e-9)))
    return taken / calls


def measured(contenders: Mapping[str, Contender], given: Event) -> dict[str, list[float]]:
    """Seconds per call of each, round by round."""
    found: dict[str, list[float]] = {name: [] for name in contenders}
    gc.collect()
    gc.disable()
    for _ in range(ROUNDS):
        for name, function in contenders.items():
            found[name].append(seconds_per_call(function, given))
    gc.enable()
    return found


def ratio(slower: list[float], faster: list[float]) -> float:
    """How many times as fast the second is, in the middle of all rounds."""
    return statistics.median(one / other for one, other in zip(slower, faster, strict=True))


def expressions(given: Event) -> dict[str, float]:
    """Evaluations per second of all contenders."""
    section = {"where": WHERE, "map": {"type": "push.seen", "data": MAP}, "to": ["seen"]}
    contenders: dict[str, Contender] = {
        "hub": compiled(), "hand_written": by_hand, "cel_expr_python": by_reference(), "jmespath": by_jmespath(),
        "jsonatapy": by_jsonata(), "jsonatapy_bytes": by_jsonata_bytes(),
        "route": compile_program(Route(section, "seen")), "route_by_hand": route_by_hand,
    }  # fmt: skip
    expected = by_hand(given)
    for name, function in contenders.items():
        found = function(given)
        assert (found[0][0].data if name.startswith("route") else found) == expected, f"{name} gives {found}"
    times = measured(contenders, given)
    best = min(BINDINGS, key=lambda name: statistics.median(times[name]))
    rates = {f"{name}_per_s": 1 / statistics.median(each) for name, each in times.items()}
    report.table(
        ("", "per s", "µs"), [(name[:-6], f"{rate:,.0f}", f"{1e6 / rate:.2f}") for name, rate in rates.items()]
    )
    return {
        **rates,
        "vs_hand_written": ratio(times["hand_written"], times["hub"]),
        "vs_best_binding": ratio(times[best], times["hub"]),
        "route_vs_hand_written": ratio(times["route_by_hand"], times["route"]),
    }


def fan_out(given: Event) -> dict[str, dict[str, float]]:
    """Microseconds for an event that none of so many routes takes, and for each that is added."""
    predicates = {
        "header": 'event.subject == "octo-org/other-{n}"',
        "data": 'data.repository.full_name == "octo-org/other-{n}" && data.ref == "refs/heads/main"',
    }
    figures: dict[str, dict[str, float]] = {}
    for kind, text in predicates.items():
        fused: dict[str, Contender] = {}
        for count in (1, 10, 100):
            routes = [Route({"where": text.format(n=n), "to": ["x"]}, f"r{n}") for n in range(count)]
            fused[str(count)] = compile_fused(routes)
        assert all(each(given) == [] for each in fused.values())
        times = measured(fused, given)
        added = [(most - few) / 90 for most, few in zip(times["100"], times["10"], strict=True)]
        figures[kind] = {f"us_of_{name}_routes": 1e6 * statistics.median(each) for name, each in times.items()}
        figures[kind]["us_per_added_route"] = 1e6 * statistics.median(added)
    print()
    headings = ("fan-out, µs", "1 route", "10 routes", "100 routes", "each added")
    report.table(headings, [(kind, *(f"{each:.3f}" for each in row.values())) for kind, row in figures.items()])
    return figures


async def main() -> None:
    """Measures, prints and writes."""
    given = event()
    figures: dict[str, Any] = expressions(given)
    for name in ("vs_hand_written", "vs_best_binding", "route_vs_hand_written"):
        print(f"{name}: {figures[name]:.2f}")
    figures["fan_out"] = fan_out(given)
    figures |= {f"version_{name}": version(name) for name in ("cel-expr-python", "jmespath", "jsonatapy")}
    report.write("routes", figures)
