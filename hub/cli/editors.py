"""``hub schemas editor``: the JSON Schema of schema files, for editors that complete and check YAML by one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

_NOTE = """\
written to {file}. Name it in the first line of a schema file:
# yaml-language-server: $schema={file}"""


def editor(
    file: Annotated[
        Path | None,
        typer.Argument(
            metavar="[FILE]", help="Where to write it; to standard output if not given.", show_default=False
        ),
    ] = None,
) -> None:
    """Write the JSON Schema of schema files, by which editors complete keys and underline mistakes.

    It knows the connectors that are installed here and the keys of their `with:` sections; write it anew when they
    change. What it can't know, such as the fields of events, `hub validate` and `hub lsp` tell.
    """
    import orjson  # noqa: PLC0415  as everywhere here: who asks for help doesn't wait for it

    from hub.cli.output import console  # noqa: PLC0415  as above
    from hub.deployment.editors import editor_schema  # noqa: PLC0415  as above
    from hub.sdk import ConfigError  # noqa: PLC0415  as above

    text = orjson.dumps(editor_schema(), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    if file is None:
        typer.echo(text, nl=False)
        return
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text)
    except OSError as error:
        raise ConfigError(f"can't write {file}: {error.strerror or error}") from error
    console(stderr=True).print(_NOTE.format(file=file), soft_wrap=True)
