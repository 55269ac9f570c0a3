"""Fetching jars, from a real HTTP server that has the layout of a Maven repository."""

import contextlib
import gc
import hashlib
import http.server
import subprocess
import sys
import threading
import warnings
from pathlib import Path
from typing import Any

import pytest

from hub.kafka import jars as module
from hub.kafka.jarlock import Jar, write
from hub.kafka.jars import ensure_jars
from hub.sdk import EnvironmentProblem

CONTENTS = {f"part{number}": f"content {number} ".encode() * 1000 for number in range(6)}
JARS = [
    Jar(hashlib.sha256(content).hexdigest(), len(content), f"{name}-1.0.jar", f"org.example.kafka:{name}:1.0")
    for name, content in CONTENTS.items()
]


class Repository:
    """A Maven repository on this machine.

    Attributes:
        requests: names of the jars that were asked for, in order.
        changed: jars whose content is not what it should be, with the number of times that it will be so.
    """

    def __init__(self) -> None:
        self.requests: list[str] = []
        self.changed: dict[str, int] = {}
        self.missing: set[str] = set()
        repository = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                file = self.path.rsplit("/", 1)[1]
                name = file.removesuffix("-1.0.jar")
                if self.path != f"/maven/org/example/kafka/{name}/1.0/{name}-1.0.jar" or name in repository.missing:
                    self.send_error(404)  # also what jgo asks for beside it: a checksum, which is optional
                    return
                repository.requests.append(name)
                body = CONTENTS[name]
                if repository.changed.get(name, 0) > 0:
                    repository.changed[name] -= 1
                    body = b"something else"
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *arguments: Any) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = False
        self.url = f"http://127.0.0.1:{self._server.server_port}/maven"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def repository():
    with contextlib.closing(Repository()) as running:
        yield running
    # jgo leaves the connection of an answer other than 200 to the garbage collector, which warns of it.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


@pytest.fixture(autouse=True)
def without_pauses(monkeypatch):
    monkeypatch.setattr(module.time, "sleep", lambda _: None)


def fetch(repository: Repository, directory: Path, progress=lambda _: None) -> list[Path]:
    return ensure_jars(progress, directory=directory, jars=JARS, repository=repository.url)


def test_jars_are_fetched_once_and_found_again_without_the_network(repository, tmp_path):
    paths = fetch(repository, tmp_path)

    assert [path.read_bytes() for path in paths] == list(CONTENTS.values())
    assert sorted(repository.requests) == sorted(CONTENTS)
    fetch(repository, tmp_path)
    assert len(repository.requests) == len(CONTENTS)


def test_progress_tells_how_many_jars_and_megabytes(repository, tmp_path):
    lines: list[str] = []
    fetch(repository, tmp_path, lines.append)

    assert lines[0] == "fetching 6 jars, 0 MB"
    assert lines[-1] == "fetching 6 of 6 jars, 0 of 0 MB"
    lines.clear()
    fetch(repository, tmp_path, lines.append)
    assert lines == []


@pytest.mark.parametrize("damage", [b"", b"content 3 ", None])
def test_a_jar_that_was_damaged_or_deleted_is_fetched_again_and_no_other(repository, tmp_path, damage):
    fetch(repository, tmp_path)
    repository.requests.clear()
    victim = tmp_path / "part3-1.0.jar"
    victim.unlink() if damage is None else victim.write_bytes(damage)

    fetch(repository, tmp_path)

    assert repository.requests == ["part3"]
    assert victim.read_bytes() == CONTENTS["part3"]


def test_a_jar_that_came_broken_is_fetched_again(repository, tmp_path):
    repository.changed["part2"] = 1
    fetch(repository, tmp_path)

    assert repository.requests.count("part2") == 2
    assert (tmp_path / "part2-1.0.jar").read_bytes() == CONTENTS["part2"]


def test_a_jar_that_stays_another_one_is_refused_and_not_kept(repository, tmp_path):
    repository.changed["part2"] = 99

    with pytest.raises(EnvironmentProblem) as error:
        fetch(repository, tmp_path)

    assert "part2-1.0.jar" in str(error.value)
    assert JARS[2].sha256 in str(error.value)
    assert hashlib.sha256(b"something else").hexdigest() in str(error.value)
    assert not (tmp_path / "part2-1.0.jar").exists()
    assert not list(tmp_path.glob(".fetching-*"))


def test_a_jar_that_the_repository_does_not_have_is_named(repository, tmp_path):
    repository.missing.add("part1")

    with pytest.raises(EnvironmentProblem, match=r"org\.example\.kafka:part1:1\.0"):
        fetch(repository, tmp_path)


def test_without_a_network_the_error_says_what_else_there_is(repository, tmp_path):
    repository.close()

    with pytest.raises(EnvironmentProblem, match=r"needs the network.*HUB_MAVEN_REPOSITORY.*HUB_KAFKA__BOOTSTRAP"):
        fetch(repository, tmp_path)


def test_the_environment_can_name_another_repository(repository, tmp_path, monkeypatch):
    monkeypatch.setenv("HUB_MAVEN_REPOSITORY", repository.url + "/")

    ensure_jars(directory=tmp_path, jars=JARS)

    assert sorted(repository.requests) == sorted(CONTENTS)


def test_too_little_room_is_said_before_anything_is_fetched(repository, tmp_path):
    huge = [JARS[0]._replace(size=10**18, sha256="0" * 64)]

    with pytest.raises(EnvironmentProblem, match=r"MB free, and Kafka's jars need .* MB"):
        ensure_jars(directory=tmp_path, jars=huge, repository=repository.url)
    assert repository.requests == []


def test_a_directory_that_cannot_be_written_is_named(repository, tmp_path):
    (tmp_path / "file").touch()

    with pytest.raises(EnvironmentProblem, match=r"can't be stored in .*file.*HUB_CACHE"):
        fetch(repository, tmp_path / "file")


_FETCH = """
import sys
from pathlib import Path
from hub.kafka.jarlock import read
from hub.kafka.jars import ensure_jars

directory, lock, repository = sys.argv[1:]
print("ready", flush=True)
input()
ensure_jars(directory=Path(directory), jars=read(Path(lock)), repository=repository)
"""


def test_several_processes_at_once_fetch_each_jar_once(repository, tmp_path):
    write(JARS, tmp_path / "lock")
    (tmp_path / "jars").mkdir()
    command = [sys.executable, "-c", _FETCH, str(tmp_path / "jars"), str(tmp_path / "lock"), repository.url]
    with contextlib.ExitStack() as stack:
        processes = [
            stack.enter_context(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE))
            for _ in range(3)
        ]
        for process in processes:
            assert process.stdout.readline() == b"ready\n"
        for process in processes:
            process.stdin.write(b"go\n")
            process.stdin.flush()

    assert [process.returncode for process in processes] == [0, 0, 0]
    assert sorted(repository.requests) == sorted(CONTENTS)


def test_what_a_killed_process_has_left_is_removed(repository, tmp_path):
    left = tmp_path / ".fetching-abc" / "org"
    left.mkdir(parents=True)

    fetch(repository, tmp_path)

    assert not left.exists()
    assert {each.name for each in tmp_path.iterdir()} - {".lock"} == {jar.file for jar in JARS}
