"""``hub graph``: a deployment as a picture, and the lineage of a field."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hub.cli.output import Directory, Json, commands, console, print_json
from hub.deployment import Deployment, load
from hub.sdk.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hub.workbench.graph import Graph
    from hub.workbench.lineage import Lineage

app = commands()


class Format(StrEnum):
    """How a picture is written."""

    TREE = "tree"
    MERMAID = "mermaid"
    SVG = "svg"
    JSON = "json"


@app.command()
def graph(
    directory: Directory,
    *,
    style: Annotated[
        Format | None,
        typer.Option("--format", "-f", help="Default: tree, or by the ending of --out.", show_default=False),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="FILE", help="Write a file.", show_default=False)
    ] = None,
    field: Annotated[
        str | None,
        typer.Option("--field", metavar="PATH", help="Where a field comes from and goes, e.g. data.user.name."),
    ] = None,
    topic: Annotated[
        str | None, typer.Option("--topic", metavar="TOPIC", help="With --field: on this topic only.")
    ] = None,
    unit: Annotated[
        str | None, typer.Option("--unit", metavar="NAME", help="Only what a unit gets, and what becomes of it.")
    ] = None,
    dlq: Annotated[bool, typer.Option("--dlq/--no-dlq", help="Where dead letters go.")] = True,
    inboxes: Annotated[bool, typer.Option("--inboxes", help="The topics between routes and sinks, too.")] = False,
    every: Annotated[bool, typer.Option("--all", help="Event types that nothing reads, too.")] = False,
    json: Json = False,
) -> None:
    """Draw a deployment: sources → topics → routes → topics and sinks, as a tree, Mermaid, SVG or JSON.

    With `--field` it is the lineage of one field instead, backwards and forwards, found by reading the expressions.
    """
    wanted = Format.JSON if json else style or _by_ending(out)
    if topic and not field:
        raise ConfigError("--topic goes with --field PATH")
    if field and unit:
        raise ConfigError("expected --field or --unit, not both")
    deployment = load(directory)
    if field:
        _lineage(deployment, field, topic, wanted, out)
        return
    from hub.workbench.graph import draw  # noqa: PLC0415  not needed for lineage

    picture = draw(deployment, dlqs=dlq, inboxes=inboxes, every=every)
    if unit:
        picture = picture.around(_node(deployment, unit))
    _write_graph(picture, wanted, out)


def _by_ending(out: Path | None) -> Format:
    endings = {".svg": Format.SVG, ".mmd": Format.MERMAID, ".mermaid": Format.MERMAID, ".json": Format.JSON}
    return endings.get(out.suffix.lower(), Format.TREE) if out else Format.TREE


def _node(deployment: Deployment, name: str) -> str:
    found = deployment.units.get(name)
    if found is None:
        raise ConfigError(f"there is no unit `{name}`; there are {', '.join(deployment.units) or 'none'}")
    return f"{found.kind}:{name}"


def _write_graph(picture: Graph, wanted: Format, out: Path | None) -> None:
    from hub.workbench.graph import mermaid, svg, tree  # noqa: PLC0415  as above

    match wanted:
        case Format.TREE if out is None:
            shown = console()
            for line in tree(picture, shown.width):
                shown.print(line, no_wrap=True, crop=False, overflow="ignore")
        case Format.TREE:
            _write("".join(f"{line.plain}\n" for line in tree(picture)), out)
        case Format.MERMAID:
            _write(mermaid(picture), out)
        case Format.SVG:
            _write(svg(picture), out)
        case Format.JSON:
            _json(picture.to_json(), out)


def _lineage(deployment: Deployment, field: str, topic: str | None, wanted: Format, out: Path | None) -> None:
    from hub.routes import ExpressionError  # noqa: PLC0415  as above
    from hub.workbench.lineage import Tracer, lineage_graph  # noqa: PLC0415

    try:
        found = Tracer(deployment).lineages(field, topic)
    except ExpressionError as error:
        raise ConfigError(f"--field {error.message}; {error.suggestion or 'as in `set:` and `drop:`'}") from error
    if wanted is Format.JSON:
        _json([each.to_json() for each in found], out)
    elif wanted is Format.TREE:
        _tree(found, out)
    else:
        _write_graph(lineage_graph(found), wanted, out)


def _tree(found: Sequence[Lineage], out: Path | None) -> None:
    from hub.workbench.lineage import lineage_tree  # noqa: PLC0415  as above

    shown = console()
    for number, each in enumerate(found):
        lines = list(lineage_tree(each, shown.width))
        if out is not None:
            continue
        if number:
            shown.print()
        for line in lines:
            shown.print(line, no_wrap=True, crop=False, overflow="ignore")
    if out is not None:
        _write("\n".join("".join(f"{line.plain}\n" for line in lineage_tree(each)) for each in found), out)


def _json(document: object, out: Path | None) -> None:
    if out is None:
        print_json(document)
        return
    import orjson  # noqa: PLC0415  as above

    _write(orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE).decode(), out)


def _write(text: str, out: Path | None) -> None:
    if out is None:
        sys.stdout.write(text)
        return
    try:
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"can't write {out}: {error.strerror}") from error
