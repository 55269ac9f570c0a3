"""The language server: speaks the Language Server Protocol over standard input and output, asks the others.

Files are checked a moment after the last change, in a thread, so that typing never waits; what comes out is told only
if nothing has changed in between. Requests are answered from what is known.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any, BinaryIO

from lsprotocol import types as lsp
from pygls import uris
from pygls.lsp.server import LanguageServer

from hub.workbench.editor.actions import actions
from hub.workbench.editor.completion import completions
from hub.workbench.editor.definition import definitions
from hub.workbench.editor.diagnostics import diagnostics
from hub.workbench.editor.hover import hover
from hub.workbench.editor.project import Project, is_deployment, is_ours
from hub.workbench.editor.symbols import symbols
from hub.workbench.editor.text import Text

PAUSE = 0.15
"""Seconds without a change before files are checked."""

_REST = 5.0
"""Seconds for which a directory that was found to hold no deployment isn't looked at again."""
_YAML = (".yaml", ".yml")
_log = logging.getLogger(__name__)


class HubServer(LanguageServer):
    """The server, with what it knows.

    Args:
        pause: seconds without a change before files are checked.
    """

    def __init__(self, pause: float = PAUSE) -> None:
        super().__init__("hub", version("integration-hub"))
        self.pause = pause
        self.texts: dict[Path, str] = {}
        self.versions: dict[Path, int] = {}
        # As the editor writes them: behind symbolic links, a file's own would be another to it.
        self.uris: dict[Path, str] = {}
        self.projects: dict[Path, Project] = {}
        self.ended = False
        self._due: dict[Path, float] = {}
        self._foreign: dict[Path, float] = {}
        self._waiting: dict[Path, asyncio.Task[None]] = {}
        # One survey at a time: two would only slow each other down.
        self._looking = asyncio.Lock()

    # Texts

    def text(self, uri: str) -> Text:
        """What a file says."""
        path = _path(uri)
        content = self.texts.get(path) if path else None
        if content is None and path is not None:
            try:
                content = path.read_text(encoding="utf-8-sig", errors="replace")
            except OSError:
                content = ""
        return self.ruled(content or "")

    def uri(self, path: Path) -> str:
        """What the editor calls a file."""
        return self.uris.get(path) or uris.from_fs_path(str(path)) or path.as_uri()

    def ruled(self, content: str) -> Text:
        """A text, counted as the editor counts."""
        return Text(content, self.workspace.position_encoding)

    def changed(self, uri: str) -> None:
        """Takes over what the editor holds, and checks the deployment in a moment."""
        path = _path(uri)
        if path is None:
            return
        document = self.workspace.get_text_document(uri)
        self.texts[path], self.versions[path], self.uris[path] = document.source, document.version or 0, uri
        self.check(path)

    def closed(self, uri: str) -> None:
        """From now on the file counts as it was saved."""
        path = _path(uri)
        if path is None:
            return
        self.texts.pop(path, None)
        self.versions.pop(path, None)
        self.check(path)

    # Projects

    def project(self, uri: str) -> Project | None:
        """The deployment of which a file is a schema file."""
        path = _path(uri)
        if path is None or path.suffix not in _YAML:
            return None
        known = self.projects.get(path.parent)
        if known is None and self._found(path):
            known = self.projects[path.parent] = Project(path.parent, self.texts)
        return known

    def _found(self, path: Path) -> bool:
        """Whether a file stands in a deployment; a directory of many others isn't read at each keystroke."""
        now = time.monotonic()
        if now < self._foreign.get(path.parent, 0) and not is_ours(self.texts.get(path, "")):
            return False
        if is_deployment(path.parent, self.texts):
            return True
        self._foreign[path.parent] = now + _REST
        return False

    def check(self, path: Path) -> None:
        """Checks the deployment of a file, or the one that may include it, once nothing has changed for a moment."""
        project = self.project(self.uri(path))
        if project is None:
            project = next((self.projects[each] for each in path.parents if each in self.projects), None)
        if project is None:
            return
        loop = asyncio.get_running_loop()
        self._due[project.directory] = loop.time() + self.pause
        waiting = self._waiting.get(project.directory)
        if waiting is None or waiting.done():
            task = self._waiting[project.directory] = loop.create_task(self._check_later(project))
            task.add_done_callback(_ended)

    async def _check_later(self, project: Project) -> None:
        loop = asyncio.get_running_loop()
        told = False
        while not told:
            while (left := self._due[project.directory] - loop.time()) > 0:  # noqa: ASYNC110  it is put off meanwhile
                await asyncio.sleep(left)
            due = self._due[project.directory]
            if not project.directory.is_dir() or not is_deployment(project.directory, self.texts):
                self._forget(project)
                return
            async with self._looking:
                # A copy: the texts may change while the thread reads them.
                await asyncio.to_thread(project.look, dict(self.texts))
            told = due == self._due[project.directory]
        self.publish(project)

    def publish(self, project: Project) -> None:
        """Tells what is wrong; also of open files, and of those that were wrong before, that nothing is."""
        found = project.findings()
        opened = {path for path in self.texts if path.parent == project.directory}
        for path in sorted({*found, *project.published, *opened}):
            content = self.text(self.uri(path))
            self.text_document_publish_diagnostics(
                lsp.PublishDiagnosticsParams(
                    uri=self.uri(path),
                    diagnostics=diagnostics(found.get(path, ()), content),
                    version=self.versions.get(path),
                )
            )
        project.published = set(found)

    def _forget(self, project: Project) -> None:
        """A directory that is no deployment any more, or isn't there."""
        for path in project.published:
            self.text_document_publish_diagnostics(lsp.PublishDiagnosticsParams(uri=self.uri(path), diagnostics=[]))
        self.projects.pop(project.directory, None)


def _ended(task: asyncio.Task[None]) -> None:
    """A check that failed is a defect of ours, and the editor goes on without it."""
    if not task.cancelled() and (error := task.exception()):
        _log.error("the files couldn't be checked", exc_info=error)


def serve(*, stdin: BinaryIO | None = None, stdout: BinaryIO | None = None) -> bool:
    """Serves one editor until it says `exit` or hangs up.

    Args:
        stdin: where the editor's messages come from; by default that of the process.
        stdout: where ours go, likewise. Whatever else prints goes to standard error: a single line among the messages
            would end the connection.

    Returns:
        Whether the editor took leave (`shutdown`) before.
    """
    server = make_server()
    output, sys.stdout = stdout or sys.stdout.buffer, sys.stderr
    server.start_io(stdin, output)
    return server.ended


def make_server(pause: float = PAUSE) -> HubServer:
    """A server that answers all that it can."""
    server = HubServer(pause)
    _synchronize(server)
    _answer(server)
    return server


def _synchronize(server: HubServer) -> None:
    @server.feature(lsp.TEXT_DOCUMENT_DID_OPEN)
    async def opened(params: lsp.DidOpenTextDocumentParams) -> None:
        server.changed(params.text_document.uri)

    @server.feature(lsp.TEXT_DOCUMENT_DID_CHANGE)
    async def changed(params: lsp.DidChangeTextDocumentParams) -> None:
        server.changed(params.text_document.uri)

    @server.feature(lsp.TEXT_DOCUMENT_DID_SAVE)
    async def saved(params: lsp.DidSaveTextDocumentParams) -> None:
        server.changed(params.text_document.uri)

    @server.feature(lsp.TEXT_DOCUMENT_DID_CLOSE)
    async def closed(params: lsp.DidCloseTextDocumentParams) -> None:
        server.closed(params.text_document.uri)

    @server.feature(lsp.WORKSPACE_DID_CHANGE_WATCHED_FILES)
    async def watched(params: lsp.DidChangeWatchedFilesParams) -> None:
        for each in params.changes:
            if path := _path(each.uri):
                server.check(path)

    @server.feature(lsp.INITIALIZED)
    async def begun(_: lsp.InitializedParams) -> None:
        await _watch(server)

    @server.feature(lsp.SHUTDOWN)
    def shutdown(*_: Any) -> None:
        server.ended = True


async def _watch(server: HubServer) -> None:
    """Asks to be told of files that change without the editor: contracts, branches of Git. Not every editor can."""
    workspace = server.client_capabilities.workspace
    watching = workspace.did_change_watched_files if workspace else None
    if watching is None or not watching.dynamic_registration:
        return
    options = lsp.DidChangeWatchedFilesRegistrationOptions([lsp.FileSystemWatcher("**/*.{yaml,yml,json}")])
    method = lsp.WORKSPACE_DID_CHANGE_WATCHED_FILES
    await server.client_register_capability_async(lsp.RegistrationParams([lsp.Registration("files", method, options)]))


def _answer(server: HubServer) -> None:
    @server.feature(lsp.TEXT_DOCUMENT_HOVER)
    async def hovered(params: lsp.HoverParams) -> lsp.Hover | None:
        project, text = _asked(server, params)
        return hover(text, text.index(params.position), project) if project else None

    @server.feature(lsp.TEXT_DOCUMENT_COMPLETION, lsp.CompletionOptions(trigger_characters=[".", " ", "?"]))
    async def completed(params: lsp.CompletionParams) -> lsp.CompletionList | None:
        project, text = _asked(server, params)
        if project is None:
            return None
        # Complete as far as it goes, but another letter may change what is meant.
        return lsp.CompletionList(is_incomplete=False, items=completions(text, text.index(params.position), project))

    @server.feature(lsp.TEXT_DOCUMENT_DEFINITION)
    async def defined(params: lsp.DefinitionParams) -> list[lsp.Location]:
        project, text = _asked(server, params)
        path = _path(params.text_document.uri)
        if project is None or path is None:
            return []
        found = definitions(text.content, text.index(params.position), path, project)
        return [_location(server, file, span) for file, span in found]

    @server.feature(lsp.TEXT_DOCUMENT_DOCUMENT_SYMBOL)
    async def outlined(params: lsp.DocumentSymbolParams) -> list[lsp.DocumentSymbol]:
        return symbols(server.text(params.text_document.uri)) if server.project(params.text_document.uri) else []

    options = lsp.CodeActionOptions(code_action_kinds=[lsp.CodeActionKind.QuickFix])

    @server.feature(lsp.TEXT_DOCUMENT_CODE_ACTION, options)
    async def corrected(params: lsp.CodeActionParams) -> list[lsp.CodeAction]:
        return actions(params.text_document.uri, params.context.diagnostics)


def _asked(server: HubServer, params: Any) -> tuple[Project | None, Text]:
    uri = params.text_document.uri
    return server.project(uri), server.text(uri)


def _location(server: HubServer, file: Path, span: Any) -> lsp.Location:
    uri = server.uri(file)
    text = server.text(uri)
    if span is None:
        return lsp.Location(uri, text.range(0, 0))
    start, end = text.at(span.start.line, span.start.column), text.at(span.end_line, span.end_column)
    return lsp.Location(uri, text.range(start, end))


def _path(uri: str) -> Path | None:
    """The file that a URI names; ``None`` for one that an editor keeps elsewhere, e.g. never saved."""
    if not uri.startswith("file:"):
        return None
    found = uris.to_fs_path(uri)
    return Path(found).resolve() if found else None
