"""``hub auth``, as people and programs call it."""

import asyncio
import os
import sys
from pathlib import Path

import orjson
import pytest
from keyring.backends.fail import Keyring
from typer.testing import CliRunner

from hub.cli import app
from hub.testing.oidc import SECRET

from .conftest import Person

HUB = [sys.executable, "-c", "from hub.cli import main; main()"]
CONNECTOR = "github"  # whose services take any base URL


@pytest.fixture
def deployment(tmp_path, provider):
    """Services of each kind, whose API is the provider's own."""
    directory = tmp_path / "shop"
    directory.mkdir()
    (directory / "hub.yaml").write_text(
        f"""
deployment: shop
services:
  open: {{ use: {CONNECTOR}, with: {{ base_url: "{provider.issuer}" }} }}
  fixed: {{ use: {CONNECTOR}, with: {{ base_url: "{provider.issuer}" }}, auth: {{ token: "${{env:TOKEN}}" }} }}
  asked: {{ use: {CONNECTOR}, with: {{ base_url: "{provider.issuer}" }}, auth: {{ bearer: {{}} }} }}
  robot:
    use: {CONNECTOR}
    with: {{ base_url: "{provider.issuer}" }}
    auth:
      oauth2: {{ issuer: "{provider.issuer}", client_id: robot, client_secret: "${{env:SECRET}}", scopes: [read] }}
  person:
    use: {CONNECTOR}
    with: {{ base_url: "{provider.issuer}" }}
    auth:
      oauth2:
        grant: authorization_code
        issuer: "{provider.issuer}"
        client_id: terminal
        scopes: [openid, offline_access, email]
        authorization_params: {{ prompt: consent }}
  away:
    use: {CONNECTOR}
    with: {{ base_url: "{provider.issuer}" }}
    auth: {{ oauth2: {{ grant: device_code, issuer: "http://127.0.0.1:9", client_id: hub }} }}
"""
    )
    return directory


class Shell:
    """Runs commands in an environment of their own."""

    def __init__(self, directory: Path, store: Path) -> None:
        self._directory = directory
        self.said = b""
        self._environ = {name: value for name, value in os.environ.items() if not name.startswith("HUB_")} | {
            "PYTHONPATH": ":".join(sys.path),
            "HUB_CREDENTIALS__STORE": "file",
            "HUB_CREDENTIALS__DIRECTORY": str(store),
            "TOKEN": "canary-token",
            "SECRET": SECRET,
        }

    async def start(self, *arguments: str) -> asyncio.subprocess.Process:
        pipe = asyncio.subprocess.PIPE
        return await asyncio.create_subprocess_exec(
            *HUB, "auth", *arguments, cwd=self._directory, env=self._environ, stdin=pipe, stdout=pipe, stderr=pipe
        )

    async def __call__(self, *arguments: str, stdin: bytes = b"", **environ: str) -> tuple[int, str, str]:
        self._environ |= environ
        place = () if "--dir" in arguments else ("--dir", str(self._directory))
        env = dict.fromkeys(os.environ.keys() - self._environ.keys()) | self._environ
        # Within this process, where a command starts at once; in a thread, as it has an event loop of its own.
        done = await asyncio.to_thread(
            CliRunner(env=env).invoke, app, ["auth", *arguments, *place], input=stdin, catch_exceptions=False
        )
        self.said += done.stdout_bytes + done.stderr_bytes
        return done.exit_code, done.stdout, done.stderr

    async def json(self, *arguments: str, **more):
        code, out, err = await self(*arguments, "--json", **more)
        return code, orjson.loads(out or err)


@pytest.fixture
def hub(deployment, tmp_path):
    return Shell(deployment, tmp_path / "store")


async def test_a_login_from_beginning_to_end(hub, provider, tmp_path):
    """Signed out, in through the browser, tried, listed, and out again; nothing that is printed holds a secret."""
    code, listed = await hub.json("list")
    assert code == 0
    assert {each["service"]: each["state"] for each in listed} == {
        "open": "none",
        "fixed": "configured",
        "asked": "not signed in",
        "robot": "automatic",
        "person": "not signed in",
        "away": "not signed in",
    }
    code, tried = await hub.json("test", "person", "--path", "/api/me")
    assert (code, tried["ok"]) == (1, False)
    assert "hub auth login person" in tried["problem"]

    process = await hub.start("login", "person", "--no-browser", "--json")
    assert process.stderr is not None
    await process.stderr.readline()
    url = (await process.stderr.readline()).decode().strip()
    await Person().sign_in(url)
    out, err = await process.communicate()
    assert process.returncode == 0, err
    signed = orjson.loads(out)
    assert (signed["account"], signed["renewable"]) == ("ada@example.com", True)

    code, tried = await hub.json("test", "person", "--path", "/api/me")
    assert (code, tried["ok"], tried["status"]) == (0, True, 200)
    _, out, _ = await hub("list")
    assert "ada@example.com" in out
    code, gone = await hub.json("logout", "person")
    assert (code, gone) == (0, {"service": "person", "forgotten": True, "problem": None})
    code, tried = await hub.json("test", "person", "--path", "/api/me")
    assert code == 1


async def test_a_secret_comes_on_standard_input(hub):
    """For programs; and an API that refuses it is told, although it echoes what it got."""
    code, kept = await hub.json("login", "asked", stdin=b"canary-typed-secret\n")
    assert code == 0
    assert kept["store"].startswith("file (")
    code, _, err = await hub("test", "asked", "--path", "/api")
    assert code == 1
    assert "401" in err
    code, out, _ = await hub("test", "asked", "--path", "/nothing")
    assert code == 0
    assert "answered 404" in out
    assert b"canary" not in hub.said
    code, _, err = await hub("login", "asked", stdin=b"\n")
    assert code == 2
    assert "empty" in err


async def test_each_kind_of_service_is_tried(hub):
    """By its own way of signing in."""
    for service, status in (("robot", 0), ("fixed", 1), ("open", 1)):
        code, *_ = await hub("test", service, "--path", "/api")
        assert code == status, service
    assert b"canary" not in hub.said


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["login", "nobody"], 2, "there is no service nobody in the deployment; it has open, fixed"),
        (["login", "robot"], 2, "needs no login"),
        (["login", "open"], 2, "not at all"),
        (["test", "robot", "--dir", "/nonexistent"], 2, "/nonexistent"),
    ],
)
async def test_what_cant_be_is_invalid_input(hub, arguments, code, said):
    """In one message; as JSON, too."""
    found, out, err = await hub(*arguments)
    assert (found, out) == (code, "")
    assert said in err
    found, document = await hub.json(*arguments)
    assert (found, document["error"]["exit_code"]) == (code, code)


async def test_an_unset_variable_spoils_one_line_of_the_list_only(hub):
    """The others are listed."""
    hub._environ.pop("SECRET")
    code, listed = await hub.json("list")
    states = {each["service"]: each["state"] for each in listed}
    assert (code, states["robot"], states["fixed"]) == (0, "unknown", "configured")


async def test_a_store_that_cant_be_used_is_told(hub, monkeypatch):
    """Exit code 3 and what to do."""
    monkeypatch.setattr("keyring.core._keyring_backend", Keyring())  # as where there is none
    code, _, err = await hub("login", "asked", stdin=b"x", HUB_CREDENTIALS__STORE="keyring")
    assert code == 3
    assert "HUB_CREDENTIALS__STORE=file" in err
    code, _, err = await hub("login", "asked", stdin=b"x", HUB_CREDENTIALS__STORE="file", HUB_CREDENTIALS__KEY="canary")
    assert code == 2
    assert "openssl rand -base64 32" in err
    assert b"canary" not in hub.said


async def test_a_provider_that_is_down_is_told(hub):
    """Exit code 3 and where it was looked for."""
    code, _, err = await hub("login", "away")
    assert code == 3
    assert "127.0.0.1:9" in err
