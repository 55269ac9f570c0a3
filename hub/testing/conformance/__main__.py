"""Makes the tables of conformance: ``python -m hub.testing.conformance docs/connectors.md connectors``."""

from __future__ import annotations

import sys
from pathlib import Path

from hub.deployment import Registry
from hub.sdk import Connector
from hub.testing.conformance.matrix import results_below, with_tables

_ARGUMENTS = 2


def main(arguments: list[str]) -> int:
    """Writes them; 2 where the arguments are wrong."""
    if len(arguments) != _ARGUMENTS:
        sys.stderr.write("expected two arguments: a document, and the folder of the connectors\n")
        return 2
    document, folder = map(Path, arguments)
    try:
        text = with_tables(document.read_text(encoding="utf-8"), results_below(folder), _connectors(folder))
    except (OSError, ValueError) as error:
        sys.stderr.write(f"{document}: {error}\n")
        return 2
    document.write_text(text, encoding="utf-8")
    return 0


def _connectors(folder: Path) -> list[Connector]:
    registry = Registry()
    return [registry.connector(each.parent.name) for each in sorted(folder.glob("*/__init__.py"))]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
