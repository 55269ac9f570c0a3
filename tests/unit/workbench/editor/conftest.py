"""An editor: pygls' own client, talking to ``hub lsp`` over pipes, with a deployment to write."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from lsprotocol import types as lsp
from pygls.lsp.client import LanguageClient

SHOP = """\
deployment: shop
env: [REGION]
tables: { teams: { de: berlin } }
topics: { orders: }
sources:
  hook:
    use: github.webhook
    with: { path: /hooks, secret: "${env:SECRET}" }
events:
  order.big:
    schema:
      type: object
      properties: { id: { type: string, description: The number on the bill. }, total: { type: number } }
      required: [id]
routes:
  pulls:
    from: github.pull_request
    where: data.action == "opened" && data.pull_request.draft == false
    map:
      type: order.big
      data: { id: = data.pull_request.title, total: 1.5, at: '= env.REGION + string(lookup("teams", "de"))' }
    to: [order.big, chat]
sinks:
  chat:
    use: http
    with: { url: https://chat.example/, json: { text: "= data.id" } }
"""


class Editor:
    """A client with what it was told, and short words for what editors ask."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.client = LanguageClient("editor", "1")
        self.told: dict[str, list[lsp.PublishDiagnosticsParams]] = {}
        self.news = asyncio.Event()
        self.errors: list[str] = []
        self.registered: list[str] = []
        self.texts: dict[str, str] = {}
        self.versions: dict[str, int] = {}

        @self.client.feature(lsp.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS)
        def told(params: lsp.PublishDiagnosticsParams) -> None:
            self.told.setdefault(params.uri, []).append(params)
            self.news.set()

        @self.client.feature(lsp.CLIENT_REGISTER_CAPABILITY)
        def registered(params: lsp.RegistrationParams) -> None:
            self.registered += [each.method for each in params.registrations]

        @self.client.feature(lsp.WINDOW_SHOW_MESSAGE)
        def said(params: lsp.ShowMessageParams) -> None:
            self.errors.append(params.message)

    async def start(self, encodings: list[str] | None = None) -> lsp.InitializeResult:
        await self.client.start_io(sys.executable, "-c", "from hub.cli import main; main()", "lsp")
        general = lsp.GeneralClientCapabilities(position_encodings=encodings) if encodings else None
        files = lsp.DidChangeWatchedFilesClientCapabilities(dynamic_registration=True)
        workspace = lsp.WorkspaceClientCapabilities(did_change_watched_files=files)
        result = await self.client.initialize_async(
            lsp.InitializeParams(
                capabilities=lsp.ClientCapabilities(general=general, workspace=workspace),
                root_uri=self.directory.as_uri(),
            )
        )
        self.client.initialized(lsp.InitializedParams())
        return result

    def uri(self, name: str) -> str:
        return (self.directory / name).resolve().as_uri()

    def open(self, text: str, name: str = "hub.yaml") -> None:
        self.texts[name], self.versions[name] = text, 1
        self.client.text_document_did_open(
            lsp.DidOpenTextDocumentParams(lsp.TextDocumentItem(self.uri(name), "yaml", 1, text))
        )

    def change(self, text: str, name: str = "hub.yaml", place: lsp.Range | None = None) -> None:
        """Gives the whole text anew, or a piece of it."""
        self.versions[name] += 1
        change = (
            lsp.TextDocumentContentChangePartial(place, text)
            if place
            else lsp.TextDocumentContentChangeWholeDocument(text)
        )
        if not place:
            self.texts[name] = text
        self.client.text_document_did_change(
            lsp.DidChangeTextDocumentParams(
                lsp.VersionedTextDocumentIdentifier(version=self.versions[name], uri=self.uri(name)), [change]
            )
        )

    def close(self, name: str = "hub.yaml") -> None:
        self.client.text_document_did_close(lsp.DidCloseTextDocumentParams(lsp.TextDocumentIdentifier(self.uri(name))))

    async def until(self, name: str, right: Callable[[list[lsp.Diagnostic]], bool]) -> list[lsp.Diagnostic]:
        """Waits until what is told of a file is as it should be."""
        async with asyncio.timeout(30):
            while True:
                told = self.told.get(self.uri(name), [])
                if told and right(list(told[-1].diagnostics)):
                    return list(told[-1].diagnostics)
                self.news.clear()
                await self.news.wait()

    async def codes(self, *codes: str, name: str = "hub.yaml") -> list[lsp.Diagnostic]:
        """Waits until a file has just these findings."""
        return await self.until(name, lambda told: [each.code for each in told] == list(codes))

    def at(self, mark: str, name: str = "hub.yaml", *, shift: int = 0) -> dict[str, Any]:
        """The place behind a piece of a text, as editors ask for it (in UTF-16)."""
        text = self.texts[name]
        index = text.index(mark) + len(mark) + shift
        line = text.count("\n", 0, index)
        start = text.rfind("\n", 0, index) + 1
        column = len(text[start:index].encode("utf-16-le")) // 2
        return {"text_document": lsp.TextDocumentIdentifier(self.uri(name)), "position": lsp.Position(line, column)}

    async def hover(self, mark: str, name: str = "hub.yaml", *, shift: int = 0) -> str | None:
        found = await self.client.text_document_hover_async(lsp.HoverParams(**self.at(mark, name, shift=shift)))
        return found.contents.value if found else None

    async def complete(self, mark: str, name: str = "hub.yaml") -> list[lsp.CompletionItem]:
        found = await self.client.text_document_completion_async(lsp.CompletionParams(**self.at(mark, name)))
        return list(found.items) if found else []

    async def define(self, mark: str, name: str = "hub.yaml", *, shift: int = 0) -> list[lsp.Location]:
        params = lsp.DefinitionParams(**self.at(mark, name, shift=shift))
        return list(await self.client.text_document_definition_async(params) or [])

    async def stop(self) -> int | None:
        """Takes leave; gives the server's exit code."""
        await self.client.shutdown_async(None)
        self.client.exit(None)
        server = self.client._server
        code = await asyncio.wait_for(server.wait(), 30)
        await self.client.stop()
        return code


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    made = tmp_path / "shop"
    made.mkdir()
    (made / "hub.yaml").write_text(SHOP)
    return made


@pytest_asyncio.fixture(loop_scope="module")
async def editors(directory: Path) -> AsyncIterator[Callable[[], Editor]]:
    """Makes editors; a server of theirs that is left running is ended."""
    made: list[Editor] = []

    def make() -> Editor:
        made.append(Editor(directory))
        return made[-1]

    yield make
    for each in made:
        server = each.client._server
        if server is not None and server.returncode is None:
            server.kill()
            await server.wait()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Editor]:
    """One editor for all tests of a module, since a server takes a while to start; it must end well."""
    made = Editor(tmp_path_factory.mktemp("editor"))
    await made.start()
    yield made
    assert await made.stop() == 0


@pytest_asyncio.fixture(loop_scope="module")
async def editor(running: Editor, directory: Path) -> AsyncIterator[Editor]:
    """That editor, with a directory of its own; no error was shown by the end."""
    running.directory = directory
    running.texts, running.versions = {}, {}
    yield running
    for name in running.texts:
        running.close(name)
    assert running.errors == []
