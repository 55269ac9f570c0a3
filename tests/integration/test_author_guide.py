"""The author's guide: its code is that of the scaffold, or runs as it is beside it."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path
from typing import NamedTuple

import pytest
from typer.testing import CliRunner

from hub.cli import app
from tests.integration.test_new_connector import PROJECT, runs

GUIDE = PROJECT / "docs" / "writing-a-connector.md"
FENCE = re.compile(r"```(\w+)\n(.*?)```", re.DOTALL)
TESTS = '''"""The modules of the guide at work."""

from typing import Any

import pytest
from aiohttp import web

from connectors.desk import errors, limits
from connectors.desk.bulk import BulkWriter
from connectors.desk.config import ApiConfig, WriterConfig
from connectors.desk.feed import Feed
from hub.sdk import (
    Connector, Delivery, Event, Mapped, NotConnected, Permanent, Response, Transient, UnitContext, WriteFailed
)
from hub.services import HttpService
from hub.testing.conformance import HttpFarSide, PollingSourceSuite, SinkSuite


class Api(HttpFarSide):
    """A feed by tokens."""

    def __init__(self) -> None:
        super().__init__()
        self.entries: list[dict[str, Any]] = []

    async def answer(self, request: web.Request) -> web.Response:
        if request.path == "/feed":
            after = int(request.query.get("after", "0"))
            page = self.entries[after : after + 7]
            return web.json_response({"entries": page, "token": str(after + len(page))})
        return web.json_response({"message": "nothing here"}, status=404)

    async def add(self, count: int) -> list[str]:
        first = len(self.entries)
        self.entries += [{"id": f"e{n}", "record": "r1"} for n in range(first, first + count)]
        return [each["id"] for each in self.entries[first:]]

    def service(self) -> dict[str, Any]:
        timeout = {"read": self.patience}
        return {"base_url": self.url, "auth": {"token": "s3cret-t0ken"}, "timeout": timeout, "tls": self.tls}


@pytest.fixture
async def far_side():
    async with Api() as api:
        yield api


class TestFeed(PollingSourceSuite[Api]):
    connector = Connector("desk", "Desk", sources={"feed": Feed}, service=ApiConfig)
    kind = "feed"
    rejected = {"a folder without a name": {"folder": ""}}

    def settings(self, far_side: Api) -> dict[str, Any]:
        return {}

    def services(self, far_side: Api) -> dict[str, dict[str, Any]]:
        return {"desk": far_side.service()}


class Bulk(HttpFarSide):
    """Takes records by their keys, and says of each what became of it."""

    def __init__(self) -> None:
        super().__init__()
        self.keys: list[str] = []

    async def answer(self, request: web.Request) -> web.Response:
        statuses = []
        for each in await request.json():
            wanted = self.wanted(each["key"])
            statuses.append({"status": 201} if wanted else {"status": 422, "message": "no"})
            if wanted and each["key"] not in self.keys:
                self.keys.append(each["key"])
        return web.json_response({"results": statuses})

    async def received(self) -> list[str]:
        return self.keys


class TestBulk(SinkSuite[Bulk]):
    connector = Connector("desk", "Desk", sinks={"bulk": BulkWriter}, service=ApiConfig)
    kind = "bulk"
    rejected = {"a title that is no text": {"title": 7}}

    @pytest.fixture
    async def far_side(self):
        async with Bulk() as api:
            yield api

    def settings(self, far_side: Bulk) -> dict[str, Any]:
        return {"title": "Hello"}

    def services(self, far_side: Bulk) -> dict[str, dict[str, Any]]:
        return {"desk": Api.service(far_side)}


async def test_what_has_no_value_fails_alone() -> None:
    def value(event: Event) -> str:
        if event.id == "e2":
            raise Permanent("no title")
        return "Hello"

    async with Bulk() as api, HttpService("desk", ApiConfig.model_validate(Api.service(api))) as service:
        context = UnitContext("bulk", services={"desk": service})
        sink = BulkWriter(WriterConfig(title=Mapped("= data.title", value)), context)
        events = [Event(type="a.b", source="/tests", id=f"e{number}", data={}) for number in (1, 2, 3)]
        with pytest.raises(WriteFailed) as failed:
            await sink.write([Delivery(event, event.id) for event in events])
        assert {index: str(each) for index, each in failed.value.failures.items()} == {1: "no title"}
        assert api.keys == ["e1", "e3"]


@pytest.mark.parametrize(
    ("body", "kind", "pause"),
    [
        (b'{"code": "too_many"}', NotConnected, 60.0),
        (b'{"code": "other"}', Permanent, None),
        (b"[]", Permanent, None),
        (b"<html>", Permanent, None),
        (None, Permanent, None),
    ],
)
def test_a_refusal_that_is_a_limit(body, kind, pause) -> None:
    refusal = Permanent("no", status=403)
    refusal.answer = None if body is None else Response(403, {}, body, "https://desk.example")
    signal = limits.waited_for(refusal)
    assert (type(signal), signal.retry_after, signal.status) == (kind, pause, 403)


def test_the_client_library() -> None:
    import smtplib

    for error, kind in (
        (smtplib.SMTPAuthenticationError(535, b"no"), Permanent),
        (smtplib.SMTPServerDisconnected("gone"), NotConnected),
        (smtplib.SMTPConnectError(421, b"busy"), NotConnected),
        (smtplib.SMTPDataError(452, b"later"), Transient),
        (smtplib.SMTPSenderRefused(550, b"never", "x"), Permanent),
        (smtplib.SMTPRecipientsRefused({}), Transient),
        (ConnectionResetError(), NotConnected),
    ):
        assert type(errors.signal(error, "SMTP")) is kind
    with pytest.raises(KeyError):
        errors.signal(KeyError(), "SMTP")
'''


class Block(NamedTuple):
    """Code in the guide."""

    language: str
    file: str
    text: str


def blocks() -> list[Block]:
    found = []
    for language, text in FENCE.findall(GUIDE.read_text()):
        label = re.match(r"# (\S+\.py)\n", text)
        found.append(Block(language, label[1] if label else "", text[label.end() :] if label else text))
    return found


BLOCKS = blocks()
OWN = ("feed.py", "errors.py", "limits.py", "bulk.py")
EXCERPTS = [each for each in BLOCKS if each.file not in ("", *OWN)]
MODULES = [each for each in BLOCKS if each.file in OWN]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the guide's first command writes, with its further modules."""
    directory = tmp_path_factory.mktemp("guide")
    shutil.copy(PROJECT / "pyproject.toml", directory)
    (directory / "hub").symlink_to(PROJECT / "hub")
    (directory / "connectors").mkdir()
    (directory / "connectors" / "__init__.py").write_text('"""New connectors."""\n')
    command = next(each.text.splitlines()[0] for each in BLOCKS if each.language == "sh")
    program, *arguments = shlex.split(command)
    result = CliRunner().invoke(app, [*arguments, "--into", str(directory)])
    assert (program, result.exit_code) == ("hub", 0), result.output
    for module in MODULES:
        (directory / "connectors" / "desk" / module.file).write_text(module.text)
    return directory


@pytest.mark.parametrize("block", EXCERPTS, ids=lambda block: block.file)
def test_what_the_guide_shows_is_what_the_command_writes(project: Path, block: Block) -> None:
    """Word for word."""
    assert block.text in (project / "connectors" / "desk" / block.file).read_text()


def test_the_guide_s_own_modules_are_fit(project: Path) -> None:
    """Formatted, linted, typed, and held against the suites."""
    own = [f"connectors/desk/{each.file}" for each in MODULES]
    assert len(own) == len(OWN)
    runs(project, "ruff", "format", "--no-cache", "--check", *own)
    # A reader sees what 500 means.
    runs(project, "ruff", "check", "--no-cache", "--ignore", "PLR2004", *own)
    runs(project, "mypy", "--follow-imports", "silent", "connectors")  # the hub itself is checked elsewhere
    (project / "test_guide.py").write_text(TESTS)
    runs(project, "pytest", "-q", "-p", "no:cacheprovider", "test_guide.py")


def test_the_guide_s_deployment_is_valid(project: Path, tmp_path: Path) -> None:
    """Down to its expression, also with the service as it is shown first."""
    (service, text) = [each.text for each in BLOCKS if each.language == "yaml"]
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "hub.yaml").write_text(text)
    (tmp_path / "other").mkdir()
    own = text.index("services:"), text.index("sources:")
    (tmp_path / "other" / "hub.yaml").write_text(text[: own[0]] + service + text[own[1] :])
    program = (
        "from pathlib import Path; from connectors.desk import connector; from hub.deployment import Registry, check"
    )
    program += f"; own = Registry([connector]); paths = [Path({str(tmp_path)!r}, each) for each in ('one', 'other')]"
    program += "; print([str(each) for path in paths for each in check(path, registry=own).findings])"
    assert runs(project, "python", "-c", program).strip() == "[]"


def test_every_python_block_says_which_file_it_is_of() -> None:
    """So that none escapes the tests above."""
    assert not [each.text for each in BLOCKS if each.language == "python" and not each.file]
    assert {each.file for each in EXCERPTS} >= {
        "config.py",
        "api.py",
        "source.py",
        "webhook.py",
        "sink.py",
        "lookup.py",
    }


def test_links_lead_somewhere() -> None:
    """Files that the guide names are there."""
    for target in re.findall(r"\]\(([^)#:]+)", GUIDE.read_text()):
        assert (GUIDE.parent / target).exists(), target
