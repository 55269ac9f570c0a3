"""``hub lsp`` as editors use it: over pipes, with texts that aren't saved."""

from __future__ import annotations

import asyncio
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from lsprotocol import types as lsp

from tests.unit.workbench.editor.conftest import SHOP, Editor

pytestmark = pytest.mark.asyncio(loop_scope="module")

WRONG = SHOP.replace("to: [order.big", "to: [order.bgi")


async def test_what_is_wrong_is_told_and_put_right(editor: Editor) -> None:
    """The findings of `hub validate` by what the editor holds, each with its correction; nothing is written."""
    editor.open(SHOP)
    await editor.codes()
    editor.change(WRONG)
    (found,) = await editor.codes("route.unknown_target")
    assert (found.source, found.severity) == ("hub", lsp.DiagnosticSeverity.Error)
    assert found.message == "nothing declares `order.bgi`; did you mean `order.big`?"
    assert WRONG.splitlines()[found.range.start.line][found.range.start.character :].startswith("order.bgi")
    params = lsp.CodeActionParams(
        lsp.TextDocumentIdentifier(editor.uri("hub.yaml")), found.range, lsp.CodeActionContext([found])
    )
    (action,) = await editor.client.text_document_code_action_async(params) or []
    assert action.title == "Write `order.big`"
    (edit,) = action.edit.changes[editor.uri("hub.yaml")]
    editor.change(edit.new_text, place=edit.range)
    await editor.codes()
    assert (editor.directory / "hub.yaml").read_text() == SHOP


async def test_hover_completion_definition_and_outline(editor: Editor) -> None:
    """All that an editor asks, once; what is answered in which case is tested without a server."""
    editor.open(SHOP)
    await editor.codes()
    assert "data.pull_request.draft: bool" in (await editor.hover("data.pull_request.dr") or "")
    assert "title" in [each.label for each in await editor.complete("id: = data.pull_request.")]
    (place,) = await editor.define("to: [order.big, c")
    assert place.range.start == lsp.Position(SHOP[: SHOP.index("  chat:")].count("\n"), 2)
    document = lsp.TextDocumentIdentifier(editor.uri("hub.yaml"))
    outline = await editor.client.text_document_document_symbol_async(lsp.DocumentSymbolParams(document))
    assert [each.name for each in outline or []][-2:] == ["routes", "sinks"]


@pytest.mark.parametrize(("encoding", "column"), [(None, 15), ("utf-32", 13), ("utf-8", 20)])
async def test_columns_are_counted_as_agreed(editors: Callable[[], Editor], encoding: str | None, column: int) -> None:
    """In UTF-16 where nothing else was offered: a picture is two, an umlaut one."""
    text = "deployment: d\ntopics: { in: , out: }\nroutes: { r: { from: in, to: out } }\n"
    text += 'sinks: {"😀😀ü": { use: nope } }\n'
    editor = editors()
    result = await editor.start([encoding] if encoding else None)
    assert (result.capabilities.position_encoding or "utf-16") == (encoding or "utf-16")
    editor.open(text)
    found = await editor.until("hub.yaml", lambda told: any(each.code == "connector.unknown" for each in told))
    (name,) = (each for each in found if each.code == "sink.name")
    assert name.range.start == lsp.Position(3, 8)
    assert name.range.end.character == column
    assert await editor.stop() == 0


async def test_half_written_files_keep_their_names(editor: Editor) -> None:
    """What can't be read for a moment is told, and names of the rest can still be completed."""
    editor.open(SHOP)
    await editor.codes()
    broken = SHOP + "  other:\n    use: http\n    from: [ord\n   with: {\n"
    editor.change(broken)
    await editor.until("hub.yaml", lambda told: any((each.code or "").startswith("yaml.") for each in told))
    assert "orders" in [each.label for each in await editor.complete("from: [ord")]
    editor.change(SHOP)
    await editor.codes()


async def test_files_of_a_deployment_are_one(editor: Editor) -> None:
    """Saved or not: a name that one misses is declared in another; what isn't a deployment is left alone."""
    editor.open(SHOP.replace("    use: http\n", "    from: letters\n    use: http\n"))
    await editor.until("hub.yaml", lambda told: [each.code for each in told] == ["sink.unknown_source"])
    editor.open("topics: { letters: }\n", "more.yaml")
    await editor.codes()
    editor.close("more.yaml")
    await editor.codes("sink.unknown_source")
    (editor.directory / "sub").mkdir()
    editor.open("services: { web: { image: nginx } }\n", "sub/docker-compose.yaml")
    editor.change(SHOP)
    await editor.codes()
    assert editor.uri("sub/docker-compose.yaml") not in editor.told


async def test_files_that_change_without_the_editor(editor: Editor) -> None:
    """A contract that another program writes; the editor was asked to tell."""
    text = SHOP.replace(
        "    schema:\n      type: object\n", "    schema: { $ref: big.json }\n  order.other:\n    schema:\n"
    )
    editor.open(text)
    await editor.until("hub.yaml", lambda told: "include.missing" in [each.code for each in told])
    assert editor.registered == [lsp.WORKSPACE_DID_CHANGE_WATCHED_FILES]
    (editor.directory / "big.json").write_text('{"type": "object"}')
    change = lsp.FileEvent(editor.uri("big.json"), lsp.FileChangeType.Created)
    editor.client.workspace_did_change_watched_files(lsp.DidChangeWatchedFilesParams([change]))
    await editor.until("hub.yaml", lambda told: "include.missing" not in [each.code for each in told])


async def test_files_are_called_what_the_editor_calls_them(editor: Editor, directory: Path) -> None:
    """Behind a symbolic link, and with a name that must be escaped."""
    link = directory.parent / "my löve ly"
    link.symlink_to(directory)
    uri = f"file://{directory.parent}/my%20l%C3%B6ve%20ly/hub.yaml"
    document = lsp.TextDocumentItem(uri, "yaml", 1, WRONG)
    editor.client.text_document_did_open(lsp.DidOpenTextDocumentParams(document))
    async with asyncio.timeout(30):
        while uri not in editor.told:
            editor.news.clear()
            await editor.news.wait()
    assert [each.code for each in editor.told[uri][-1].diagnostics] == ["route.unknown_target"]
    assert directory.joinpath("hub.yaml").as_uri() not in editor.told
    editor.client.text_document_did_close(lsp.DidCloseTextDocumentParams(lsp.TextDocumentIdentifier(uri)))


async def test_a_file_becomes_a_deployment(editor: Editor, directory: Path) -> None:
    """As soon as it says so."""
    (directory / "new").mkdir()
    editor.open("services: {}\n", "new/hub.yaml")
    assert await editor.hover("serv", "new/hub.yaml") is None
    editor.change("deployment: new\nservices: { web: { use: nginx } }\n", "new/hub.yaml")
    await editor.until("new/hub.yaml", lambda told: "connector.unknown" in [each.code for each in told])
    assert "External APIs" in (await editor.hover("serv", "new/hub.yaml") or "")


async def test_a_deployment_that_moves(editor: Editor, directory: Path) -> None:
    """What was told of the old files is taken back; the new ones are checked."""
    editor.open(WRONG)
    await editor.codes("route.unknown_target")
    old = editor.uri("hub.yaml")
    shutil.move(directory, directory.parent / "store")
    editor.close()
    editor.directory = directory.parent / "store"
    editor.open(WRONG)
    await editor.codes("route.unknown_target")
    async with asyncio.timeout(30):
        while editor.told[old][-1].diagnostics:
            editor.news.clear()
            await editor.news.wait()


async def test_fast_typing_is_checked_when_it_rests(editor: Editor) -> None:
    """Many changes, few checks; the last one counts, and pieces are put together rightly."""
    editor.open(SHOP)
    await editor.codes()
    before = len(editor.told[editor.uri("hub.yaml")])
    end = lsp.Position(SHOP.count("\n"), 0)
    line = "  second: { use: http, with: { url: http://x.example/ } } # ü😀\n"
    for number, sign in enumerate(line):
        units = len(line[:number].encode("utf-16-le")) // 2
        place = lsp.Position(end.line, units)
        editor.change(sign, place=lsp.Range(place, place))
    (found,) = await editor.codes("sink.unused")
    assert found.range.start == lsp.Position(end.line, 2)
    last = editor.told[editor.uri("hub.yaml")][-1]
    assert last.version == len(line) + 1
    assert len(editor.told[editor.uri("hub.yaml")]) - before < len(line) / 4


async def test_what_connectors_print_does_not_end_the_talk(editors: Callable[[], Editor]) -> None:
    """Standard output is the editor's."""
    editor = editors()
    code = "import builtins\nfrom hub.deployment import registry\nload = registry.Registry._load\n"
    code += "registry.Registry._load = lambda self, name: (print('hello'), load(self, name))[1]\n"
    await editor.client.start_io(sys.executable, "-c", f"{code}from hub.cli import main; main()", "lsp")
    await editor.client.initialize_async(lsp.InitializeParams(capabilities=lsp.ClientCapabilities()))
    editor.open(SHOP)
    await editor.codes()
    assert await editor.stop() == 0


async def test_leaving_without_a_word_is_a_failure(editors: Callable[[], Editor]) -> None:
    """Exit code 1 for `exit` without `shutdown`, as the protocol asks."""
    editor = editors()
    await editor.start()
    editor.client.exit(None)
    assert await asyncio.wait_for(editor.client._server.wait(), 30) == 1
    await editor.client.stop()
