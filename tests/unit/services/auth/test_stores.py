"""Where credentials are kept: what can be read by whom, and what is said when it can't."""

import asyncio
import base64
import os
import subprocess
import sys

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.errors import KeyringLocked
from pydantic import SecretStr

from hub.sdk import ConfigError, EnvironmentProblem
from hub.services.auth.stores import CredentialSettings, Memory, login_store, token_store
from hub.services.auth.stores.files import Files
from hub.services.auth.stores.keyrings import SERVICE, Keyring
from hub.services.auth.stores.locks import file_name, held

NAMES = ["shop/api", "shop/API", "../../etc/passwd", "a.credential", "ü/β", "x" * 60]


@pytest.mark.parametrize("name", NAMES)
def test_what_is_kept_is_found_under_its_name_only(name, settings):
    """Whatever the name is; and stays within the directory."""
    store = Files(settings)
    store.write(name, b"canary-secret")
    assert store.read(name) == b"canary-secret"
    assert [other for other in NAMES if other != name and store.read(other) is not None] == []
    (path,) = settings.home.iterdir()
    assert path.parent == settings.home
    assert path.stat().st_mode & 0o777 == 0o600
    assert settings.home.stat().st_mode & 0o777 == 0o700
    assert b"canary" not in path.read_bytes()
    assert store.delete(name)
    assert not store.delete(name)


def test_a_file_doesnt_pass_for_another_one(settings):
    """The name is authenticated with what is kept."""
    store = Files(settings)
    store.write("mine", b"secret")
    (settings.home / "mine.credential").rename(settings.home / "yours.credential")
    with pytest.raises(EnvironmentProblem, match="can't be decrypted"):
        store.read("yours")


@pytest.mark.parametrize(
    "damage", [lambda c: c[:-1], lambda c: c[:20], lambda c: c[:30] + b"x" + c[31:], lambda c: b""]
)
def test_a_damaged_file_is_told(settings, damage):
    """By its path, without what is in it."""
    store = Files(settings)
    store.write("mine", b"canary" * 10)
    path = settings.home / "mine.credential"
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(EnvironmentProblem, match="sign in again") as error:
        store.read("mine")
    assert str(path) in str(error.value)
    assert "canary" not in str(error.value)


def test_another_key_reads_nothing(settings):
    """And what to do is said."""
    Files(settings).write("mine", b"secret")
    other = settings.model_copy(update={"key": SecretStr(base64.b64encode(os.urandom(32)).decode())})
    with pytest.raises(EnvironmentProblem, match="HUB_CREDENTIALS__KEY"):
        Files(other).read("mine")


def test_a_key_of_its_own_is_made_once_for_us_alone(tmp_path):
    """By whoever writes first; a second store reads with it."""
    settings = CredentialSettings(store="file", directory=tmp_path / "new")
    Files(settings).write("mine", b"secret")
    key = tmp_path / "new" / "key"
    assert key.stat().st_mode & 0o777 == 0o600
    written = key.read_bytes()
    assert Files(settings).read("mine") == b"secret"
    Files(settings).write("yours", b"secret")
    assert key.read_bytes() == written


def test_a_key_that_others_may_read_isnt_used(tmp_path):
    """It says what to type."""
    settings = CredentialSettings(store="file", directory=tmp_path)
    Files(settings).write("mine", b"secret")
    (tmp_path / "key").chmod(0o640)
    with pytest.raises(EnvironmentProblem, match="chmod 600"):
        Files(settings).read("mine")


def test_a_key_file_that_isnt_there_isnt_made(tmp_path):
    """One that is named is somebody's secret, mounted elsewhere."""
    settings = CredentialSettings(store="file", directory=tmp_path, key_file=tmp_path / "mounted")
    with pytest.raises(EnvironmentProblem, match="HUB_CREDENTIALS__KEY_FILE"):
        Files(settings).write("mine", b"secret")


@pytest.mark.parametrize("key", ["canary", "Y2FuYXJ5", "canary" * 20])
def test_a_key_that_is_none_is_told_unseen(key, tmp_path):
    """With what makes one."""
    with pytest.raises(ConfigError, match="openssl rand -base64 32") as error:
        Files(CredentialSettings(store="file", directory=tmp_path, key=SecretStr(key)))
    assert "canary" not in str(error.value)


def test_settings_come_from_the_environment(monkeypatch):
    """A name that there isn't is told."""
    monkeypatch.setenv("HUB_CREDENTIALS__STORE", "file")
    assert CredentialSettings().store == "file"
    monkeypatch.setenv("HUB_CREDENTIALS__STORE", "canary")
    with pytest.raises(ConfigError, match="HUB_CREDENTIALS__STORE") as error:
        CredentialSettings()
    assert "canary" not in str(error.value)
    monkeypatch.setenv("HUB_CREDENTIALS__STORE", "file")
    monkeypatch.setenv("HUB_CREDENTIALS__PATH", "/x")
    with pytest.raises(ConfigError, match="HUB_CREDENTIALS__DIRECTORY"):
        CredentialSettings()


async def test_a_lock_is_held_by_one_process(tmp_path):
    """Another one waits in vain, and the system takes it back from one that was killed."""
    code = (
        "import asyncio, pathlib, sys\n"
        "from hub.services.auth.stores.locks import held\n"
        "async def main():\n"
        "    async with held(pathlib.Path(sys.argv[1]), 'x'):\n"
        "        print('held', flush=True)\n"
        "        await asyncio.sleep(60)\n"
        "asyncio.run(main())\n"
    )
    other = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, str(tmp_path), stdout=subprocess.PIPE, env={"PYTHONPATH": ":".join(sys.path)}
    )
    assert await other.stdout.readline() == b"held\n"
    with pytest.raises(TimeoutError):
        async with held(tmp_path, "x", limit=0.2):
            pass
    async with held(tmp_path, "y", limit=0.2):
        pass
    other.kill()
    await other.wait()
    async with held(tmp_path, "x", limit=5):
        pass


def test_names_of_files_tell_names_apart():
    """And can't leave their directory."""
    assert len({file_name(name) for name in NAMES}) == len(NAMES)
    assert all("/" not in file_name(name) and not file_name(name).startswith(".") for name in NAMES)


def test_where_nothing_can_be_written_tokens_stay_in_memory(tmp_path):
    """As in a container whose files are read-only: each process gets its own."""
    (tmp_path / "file").write_text("")
    store = token_store(CredentialSettings(store="file", directory=tmp_path / "file" / "below"))
    assert isinstance(store, Memory)
    store.write("x", b"y")
    assert store.read("x") == b"y"


class Ring(KeyringBackend):
    """A keyring of this process, by the interface that all backends have."""

    priority = 0  # so that it isn't chosen by itself
    name = "ring of the tests"

    def __init__(self):
        super().__init__()
        self.kept = {}
        self.locked = False

    def get_password(self, service, username):
        if self.locked:
            raise KeyringLocked("canary-secret is locked")
        return self.kept.get((service, username))

    def set_password(self, service, username, password):
        self.kept[service, username] = password

    def delete_password(self, service, username):
        del self.kept[service, username]


@pytest.fixture
def ring():
    before, ring = keyring.get_keyring(), Ring()
    ring.priority = 5
    keyring.set_keyring(ring)
    yield ring
    keyring.set_keyring(before)


def test_the_keyring_comes_first(ring, tmp_path):
    """Where there is one; what a process gets by itself never goes there."""
    settings = CredentialSettings(directory=tmp_path)
    store = login_store(settings)
    assert isinstance(store, Keyring)
    store.write("shop/api", b"\x00\xffsecret")
    assert list(ring.kept) == [(SERVICE, "shop/api")]
    assert store.read("shop/api") == b"\x00\xffsecret"
    assert token_store(settings).kind == "file"
    assert store.delete("shop/api")
    assert not store.delete("shop/api")
    assert store.read("shop/api") is None


def test_a_keyring_that_is_locked_is_told(ring, tmp_path):
    """With the way around, and without what the backend says."""
    store = login_store(CredentialSettings(directory=tmp_path))
    ring.locked = True
    with pytest.raises(EnvironmentProblem, match="HUB_CREDENTIALS__STORE=file") as error:
        store.read("shop/api")
    assert "canary" not in str(error.value)


def test_a_keyring_that_writes_plain_text_doesnt_count(ring, tmp_path):
    """Encrypted files are better; and one that was asked for is missed."""
    ring.priority = 0.5
    assert isinstance(login_store(CredentialSettings(directory=tmp_path)), Files)
    with pytest.raises(EnvironmentProblem, match="has none"):
        login_store(CredentialSettings(directory=tmp_path, store="keyring"))
