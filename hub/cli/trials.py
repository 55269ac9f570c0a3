"""Results of tests as people read them: what failed and why, what no test has seen, and one line in the end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from hub.cli.findings import excerpt, wrapped
from hub.cli.output import WIDTH, printable
from hub.workbench.coverage import Coverage, Point
from hub.workbench.report import instead, reasons, table
from hub.workbench.trials import Result
from hub.workbench.verdict import Miss

_INDENT = " " * 6
_WORDS = {"where": "outcomes", "route": "uses", "switch": "branches", "conditional": "branches"}


def show(
    results: Sequence[Result], coverage: Coverage | None, seconds: float, wanted: float | None, on: Console
) -> None:
    """Prints what came of tests.

    Args:
        results: of all that ran.
        coverage: what they have seen, if it is asked for.
        seconds: that it took.
        wanted: the coverage that was asked for, in percent, where it isn't reached.
        on: where to print.
    """
    width = min(on.width, WIDTH)
    lines = [line for result in results for miss in result.misses for line in _miss(result, miss, width)]
    lines += _gaps(coverage, width) if coverage else ()
    for line in lines:
        on.print(line, no_wrap=True, crop=False, overflow="ignore")
    failed = sum(not each.passed for each in results)
    colour = "red" if failed or wanted is not None else "yellow" if not results else "green"
    on.print(Text(_summary(results, coverage, seconds, wanted, width), colour), soft_wrap=True)


def _miss(result: Result, miss: Miss, width: int) -> Iterator[Text]:
    span = result.trial.span(*miss.where)
    yield Text.assemble(
        (printable(str(span)), "bold"), "  ", ("failed", "bold red"), "  ", printable(result.trial.name)
    )
    if span.text is not None and span.text.strip():
        yield from excerpt(span, width, "bold red")
    yield from _lines([miss.message], width)
    yield from _table(miss, width)
    yield from _lines([*(f"  {each}" for each in instead(miss)), *reasons(result, miss)], width)


def _lines(lines: Sequence[str], width: int) -> Iterator[Text]:
    for line in lines:
        yield from wrapped(printable(line), width)


def _table(miss: Miss, width: int) -> Iterator[Text]:
    """Differences in columns; below each other where they are too long for that."""
    rows = table(miss)
    if not rows:
        return
    first = max(cell_len(place) for place, _, _ in rows)
    second = max(cell_len(expected) for _, expected, _ in rows)
    third = max(cell_len(got) for _, _, got in rows)
    fits = len(_INDENT) + 2 + first + len("  expected ") + second + len("  got ") + third <= width
    for place, expected, got in rows:
        name = f"{_INDENT}  {place:<{first}}" if fits else f"{_INDENT}  {place}"
        if fits:
            yield Text.assemble(name, ("  expected ", "dim"), f"{expected:<{second}}", ("  got ", "dim"), got)
            continue
        line = Text(name)
        line.truncate(width, overflow="ellipsis")
        yield line
        for word, value in (("expected", expected), ("got     ", got)):
            room = width - len(_INDENT) - 4 - len(word) - 1
            cut = Text(value)
            cut.truncate(room, overflow="ellipsis")
            yield Text.assemble(f"{_INDENT}    ", (word, "dim"), " ", cut)


def _gaps(coverage: Coverage, width: int) -> Iterator[Text]:
    """What no test has seen, each with its place."""
    told: set[str] = set()
    for point in coverage.points:
        if not point.missing or point.route in told:
            continue
        if point.route in coverage.unused:
            told.add(point.route)
            what = "no event of a test comes to this route"
        else:
            what = f"never {_listed(point)}"
        name = f"route {point.route}" if point.route == point.label else f"route {point.route}, {_short(point)}"
        place = printable(str(point.span))
        line = Text.assemble((place, "bold"), "  ", ("not seen", "yellow"), f"  {printable(f'{name}: {what}')}")
        line.truncate(width, overflow="ellipsis")
        yield line


def _short(point: Point) -> str:
    return point.label.removeprefix(f"{point.route}.")


def _listed(point: Point) -> str:
    return " or ".join(point.missing)


def _summary(
    results: Sequence[Result], coverage: Coverage | None, seconds: float, wanted: float | None, width: int
) -> str:
    failed = sum(not each.passed for each in results)
    passed = len(results) - failed
    counts = [f"{failed:,} failed"] if failed else []
    counts += [f"{passed:,} passed"] if passed or not failed else []
    took = f"{max(1, round(seconds * 1000)):,} ms"
    below = [] if wanted is None else [f"fewer than the {wanted:g} % that are wanted"]
    if coverage is None:
        return " · ".join([", ".join(counts) if results else "no tests", took])
    whole = [_point(each) for each in coverage.points]
    line = " · ".join([", ".join(counts) if results else "no tests", *whole, *below, took])
    if cell_len(line) <= width:
        return line
    share = f"{coverage.seen:,} of {coverage.total:,} outcomes ({int(coverage.percent)} %)"
    return " · ".join([", ".join(counts) if results else "no tests", share, *below, took])


def _point(point: Point) -> str:
    never = f" (never {_listed(point)})" if point.missing else ""
    words = _WORDS[point.kind] if len(point.outcomes) > 1 else _WORDS[point.kind].removesuffix("s")
    return f"{point.label}: {len(point.seen)} of {len(point.outcomes)} {words}{never}"
