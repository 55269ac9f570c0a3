"""Corrections that an editor can make: what `hub validate --fix` would write."""

from __future__ import annotations

from collections.abc import Iterable

from lsprotocol.types import CodeAction, CodeActionKind, Diagnostic, TextEdit, WorkspaceEdit

from hub.workbench.editor.diagnostics import SOURCE

_LONGEST = 40


def actions(uri: str, shown: Iterable[Diagnostic]) -> list[CodeAction]:
    """One correction for each diagnostic that knows what is right.

    Args:
        uri: of the file.
        shown: diagnostics at the place that was asked for.
    """
    return [
        CodeAction(
            title=_title(fix),
            kind=CodeActionKind.QuickFix,
            diagnostics=[each],
            is_preferred=True,
            edit=WorkspaceEdit(changes={uri: [TextEdit(each.range, fix)]}),
        )
        for each in shown
        if each.source == SOURCE and (fix := _fix(each)) is not None
    ]


def _fix(shown: Diagnostic) -> str | None:
    data = shown.data
    fix = data.get("fix") if isinstance(data, dict) else getattr(data, "fix", None)
    return fix if isinstance(fix, str) else None


def _title(fix: str) -> str:
    if not fix:
        return "Leave it out"
    line = " ".join(fix.split())
    return f"Write `{line if len(line) <= _LONGEST else line[: _LONGEST - 1] + '…'}`"
