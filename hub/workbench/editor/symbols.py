"""The outline of a schema file: its sections, and what they declare."""

from __future__ import annotations

from collections.abc import Iterator

from lsprotocol.types import DocumentSymbol, SymbolKind

from hub.deployment.nodes import Mapping, Node, Scalar, data
from hub.deployment.sections import SECTIONS
from hub.workbench.editor.cursor import read
from hub.workbench.editor.text import Text

_KINDS = {
    "services": SymbolKind.Package,
    "sources": SymbolKind.Event,
    "topics": SymbolKind.Array,
    "events": SymbolKind.Struct,
    "tables": SymbolKind.Constant,
    "routes": SymbolKind.Function,
    "sinks": SymbolKind.Interface,
    "tests": SymbolKind.Boolean,
}


def symbols(text: Text) -> list[DocumentSymbol]:
    """The sections of a file with their entries."""
    _, root = read(text.content)
    return [_section(text, key, value) for key, value in root.pairs] if isinstance(root, Mapping) else []


def _section(text: Text, key: Scalar, value: Node) -> DocumentSymbol:
    kind = _KINDS.get(key.text, SymbolKind.Namespace)
    entries = list(_entries(text, value, kind)) if key.text in SECTIONS or key.text in _KINDS else []
    plain = data(value) if isinstance(value, Scalar) else None
    return _symbol(text, key, value, SymbolKind.Namespace, str(plain) if plain is not None else None, entries)


def _entries(text: Text, value: Node, kind: SymbolKind) -> Iterator[DocumentSymbol]:
    for key, entry in value.pairs if isinstance(value, Mapping) else ():
        use = entry.get("use") if isinstance(entry, Mapping) else None
        yield _symbol(text, key, entry, kind, str(data(use)) if use is not None else None, [])


def _symbol(
    text: Text, key: Scalar, value: Node, kind: SymbolKind, detail: str | None, children: list[DocumentSymbol]
) -> DocumentSymbol:
    # Editors refuse a symbol without a name, and one whose name stands outside of it.
    return DocumentSymbol(
        name=key.text or "(empty)",
        kind=kind,
        range=text.range(key.start, max(key.end, value.end)),
        selection_range=text.range(key.start, key.end),
        detail=detail,
        children=children,
    )
