"""Child processes: started, watched, ended by their own id, and gone when we are."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hub.process import ChildProcess, free_ports, listens
from hub.sdk import EnvironmentProblem

linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends children with their parent")

Make = Callable[..., ChildProcess]


@pytest.fixture
def child(tmp_path: Path) -> Iterator[Make]:
    """Makes child processes that run a line of Python, and ends them after the test."""
    made: list[ChildProcess] = []

    def make(code: str, **options: object) -> ChildProcess:
        process = ChildProcess("the child", [sys.executable, "-Sc", code], log=tmp_path / "logs" / "log", **options)
        made.append(process)
        return process

    yield make
    for process in made:
        process.kill()


def wait_for(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline, f"not within 10 s: {what}"
        time.sleep(0.01)


def state(pid: int) -> str:
    """A process's state letter as in ps; X for one that is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return "X"


def says(process: ChildProcess, text: str) -> Callable[[], bool]:
    return lambda: process.log.exists() and text in process.log.read_text()


async def never() -> bool:
    return False


def test_free_ports_are_different_and_can_be_bound() -> None:
    """Ports that were asked for together don't clash, and nobody listens on them."""
    ports = free_ports(5)
    assert len(set(ports)) == 5
    for port in ports:
        with socket.socket() as each:
            each.bind(("127.0.0.1", port))


async def test_listens_tells_a_listener_from_a_closed_port() -> None:
    """A port with a listener answers, the same port without one doesn't."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        assert await listens("127.0.0.1", port)
    assert not await listens("127.0.0.1", port)


async def test_a_child_runs_until_it_is_stopped(child: Make) -> None:
    """It has a process id, writes into its log, and ends by SIGTERM."""
    process = child("import time; print('hello', flush=True); time.sleep(60)")
    assert process.pid is None
    assert not process.running
    process.start()
    wait_for(says(process, "hello"), "its output in the log")
    assert process.running
    assert process.returncode is None
    await process.stop()
    assert not process.running
    assert process.returncode == -signal.SIGTERM


async def test_a_child_that_ignores_sigterm_is_killed_after_the_limit(child: Make) -> None:
    """Stopping takes no longer than its limit."""
    process = child(
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)"
    )
    process.start()
    wait_for(says(process, "deaf"), "its handler")
    await process.stop(limit=0.1)
    assert process.returncode == -signal.SIGKILL


async def test_stopping_and_killing_what_does_not_run_does_nothing(child: Make) -> None:
    """Neither before the start nor after the end, also twice."""
    process = child("pass")
    await process.stop()
    process.kill()
    process.start()
    wait_for(lambda: not process.running, "its end")
    await process.stop()
    process.kill()
    process.kill()
    assert process.returncode == 0


def test_a_child_can_be_started_again_but_not_twice_at_once(child: Make) -> None:
    """A second start while it runs is a mistake of the caller; after its end it is a new process."""
    process = child("import time; time.sleep(60)")
    process.start()
    first = process.pid
    with pytest.raises(RuntimeError, match="runs already"):
        process.start()
    process.kill()
    process.start()
    assert process.running
    assert process.pid != first


def test_killing_ends_its_own_children_too(child: Make) -> None:
    """What a server has started in its session goes with it."""
    process = child(
        "import subprocess, sys, time\n"
        "helper = subprocess.Popen([sys.executable, '-Sc', 'import time; time.sleep(60)'])\n"
        "print('helper', helper.pid, flush=True)\n"
        "time.sleep(60)"
    )
    process.start()
    wait_for(says(process, "helper "), "its helper")
    helper = int(process.log.read_text().split()[1])
    process.kill()
    wait_for(lambda: state(helper) in "XZ", "the end of its helper")


def test_a_program_that_is_not_there_is_an_environment_problem(tmp_path: Path) -> None:
    """The error names the server and the program."""
    process = ChildProcess("Nothing", ["/nowhere/at/all"], log=tmp_path / "log")
    with pytest.raises(EnvironmentProblem, match="Nothing can't be started: there is no program /nowhere/at/all"):
        process.start()


def test_a_log_that_cannot_be_written_is_an_environment_problem() -> None:
    """A directory that can't be made is told, not a traceback."""
    process = ChildProcess("The child", [sys.executable], log=Path("/proc/nowhere/log"))
    with pytest.raises(EnvironmentProblem, match="The child can't be started: "):
        process.start()


async def test_waiting_ends_with_the_log_when_the_child_has_ended(child: Make) -> None:
    """A server that dies while starting gives its last words."""
    process = child("import sys; print('first'); sys.exit('the port is taken')")
    process.start()
    with pytest.raises(EnvironmentProblem, match=r"ended while starting, with status 1\.\n(?s:.*)the port is taken"):
        await process.wait_until(never, 10)


async def test_waiting_ends_with_the_log_when_the_limit_is_reached(child: Make) -> None:
    """A server that never answers gives what it said so far."""
    process = child("import time; print('still thinking', flush=True); time.sleep(60)")
    process.start()
    wait_for(says(process, "thinking"), "its output")
    with pytest.raises(EnvironmentProblem, match=r"the child was not ready within 0.05 s\.\n(?s:.*)still thinking"):
        await process.wait_until(never, 0.05)
    assert process.running


async def test_waiting_ends_when_the_child_is_ready(child: Make) -> None:
    """The probe is asked until it says yes."""
    process = child("import time; time.sleep(60)")
    process.start()
    answers = iter([False, False, True])

    async def ready() -> bool:
        return next(answers)

    await process.wait_until(ready, 10)
    assert list(answers) == []


def test_the_last_words_are_the_end_of_a_long_log(child: Make) -> None:
    """A large log is not read as a whole, and only its last lines are shown."""
    process = child("")
    assert process.last_words() == ""
    process.log.parent.mkdir()
    process.log.write_text("".join(f"line {number}\n" for number in range(100_000)))
    words = process.last_words().splitlines()
    assert words[0] == ""
    assert words[1] == "The end of its log:"
    assert words[2] == "  line 99980"
    assert words[-1] == "  line 99999"


@linux
def test_a_suspended_child_stands_still_until_it_is_resumed(child: Make) -> None:
    """SIGSTOP and SIGCONT, as a machine that hangs and comes back."""
    process = child("import time; time.sleep(60)")
    process.start()
    assert process.pid is not None
    process.suspend()
    wait_for(lambda: state(process.pid or 0) == "T", "that it stands still")
    process.resume()
    wait_for(lambda: state(process.pid or 0) in "RS", "that it goes on")


_OWNER = """
import sys
from pathlib import Path
from hub.process import ChildProcess
child = ChildProcess("child", [sys.executable, "-Sc", "import time; time.sleep(60)"], log=Path(sys.argv[1]),
                     outlives_us=sys.argv[2] == "outlives")
child.start()
print(child.pid, flush=True)
sys.stdin.read()
"""


def owned(log: Path, fate: str) -> tuple[subprocess.Popen[str], int]:
    """A process that has started a child, and the child's id."""
    owner = subprocess.Popen(
        [sys.executable, "-c", _OWNER, str(log), fate], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert owner.stdout is not None
    return owner, int(owner.stdout.readline())


@linux
def test_a_child_ends_when_its_owner_is_killed(tmp_path: Path) -> None:
    """Not even a kill -9 of the owner leaves it running."""
    owner, pid = owned(tmp_path / "log", "ends")
    with owner:
        assert state(pid) in "RSD"
        owner.kill()
    wait_for(lambda: state(pid) in "XZ", "the end of the child")


@linux
def test_a_child_that_outlives_us_goes_on(tmp_path: Path) -> None:
    """What is started to stay is still there after its owner."""
    owner, pid = owned(tmp_path / "log", "outlives")
    with owner:
        owner.kill()
    try:
        assert state(pid) in "RSD"
    finally:
        os.kill(pid, signal.SIGKILL)
