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

from connectors.desk import errors
from connectors.desk.config import ApiConfig
from connectors.desk.feed import Feed
from hub.sdk import Connector, NotConnected, Permanent, Transient
from hub.testing.conformance import HttpFarSide, PollingSourceSuite


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
EXCERPTS = [each for each in BLOCKS if each.file not in ("", "feed.py", "errors.py")]
MODULES = [each for each in BLOCKS if each.file in ("feed.py", "errors.py")]


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
    assert len(own) == 2
    runs(project, "ruff", "format", "--no-cache", "--check", *own)
    # A reader sees what 500 means.
    runs(project, "ruff", "check", "--no-cache", "--ignore", "PLR2004", *own)
    runs(project, "mypy", "--follow-imports", "silent", "connectors")  # the hub itself is checked elsewhere
    (project / "test_guide.py").write_text(TESTS)
    runs(project, "pytest", "-q", "-p", "no:cacheprovider", "test_guide.py")


def test_the_guide_s_deployment_is_valid(project: Path, tmp_path: Path) -> None:
    """Down to its expression."""
    (text,) = [each.text for each in BLOCKS if each.language == "yaml"]
    (tmp_path / "hub.yaml").write_text(text)
    program = (
        "from pathlib import Path; from connectors.desk import connector; from hub.deployment import Registry, check"
    )
    program += f"; print([str(each) for each in check({str(tmp_path)!r}, registry=Registry([connector])).findings])"
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
