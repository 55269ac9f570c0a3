"""The supervisor: units fail alone, come back, and are drained within a limit."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

import pytest

from hub.engine import supervisor as module
from hub.engine.supervisor import Supervisor
from hub.engine.unit import State, Unit
from hub.sdk import ConfigError, EndOfInput, NotConnected


class Scripted(Unit):
    """A unit whose lives are given: each a coroutine function of the unit."""

    kind = "source"

    def __init__(self, name: str, *lives: Callable[[Scripted], Awaitable[None]]) -> None:
        super().__init__(name, flow="")
        self.lives = list(lives)
        self.lived = 0

    async def run(self) -> None:
        self.lived += 1
        await (self.lives.pop(0) if self.lives else works)(self)


async def works(unit: Scripted) -> None:
    unit.enter(State.RUNNING)
    unit.ready.set()
    while await unit.gate():
        await unit.rest(60)


def fails(error: Exception) -> Callable[[Scripted], Awaitable[None]]:
    async def life(unit: Scripted) -> None:
        raise error

    return life


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(module, "FIRST_RESTART", 0.01)


async def test_a_failed_unit_is_started_again_and_others_go_on():
    """A crash, foreseen or not, ends one life and touches nobody else."""
    bad = Scripted("bad", fails(NotConnected("down")), fails(ValueError("bug")))
    good = Scripted("good")
    supervisor = Supervisor([bad, good])
    supervisor.start()
    await asyncio.wait_for(supervisor.ready(), 5)
    assert (bad.lived, good.lived) == (3, 1)
    assert bad.state is State.RUNNING
    assert await supervisor.stop() == []
    assert {bad.state, good.state} == {State.STOPPED}


async def test_a_configuration_error_waits_for_the_operator():
    """Nothing changes by itself, so the unit stays FAILED and says why, until it is restarted."""
    unit = Scripted("u", fails(ConfigError("no such repository")))
    supervisor = Supervisor([unit])
    supervisor.start()
    await asyncio.wait_for(supervisor._tasks["u"], 5)
    assert (unit.state, unit.detail) == (State.FAILED, "no such repository")
    await supervisor.restart("u")
    await asyncio.wait_for(supervisor.ready(), 5)
    assert unit.state is State.RUNNING
    await supervisor.stop()


async def test_the_end_of_input_is_no_failure():
    """A source that has given everything is STOPPED."""
    unit = Scripted("u", fails(EndOfInput("all read")))
    supervisor = Supervisor([unit])
    supervisor.start()
    await asyncio.wait_for(supervisor._tasks["u"], 5)
    assert (unit.state, unit.detail, unit.lived) == (State.STOPPED, "all read", 1)


async def test_a_unit_that_does_not_settle_is_cut_off():
    """After the limit it is cancelled, named, and says that its events will come again."""

    async def stuck(unit: Scripted) -> None:
        await asyncio.Event().wait()

    unit = Scripted("stuck", stuck)
    supervisor = Supervisor([unit])
    supervisor.start()
    await asyncio.sleep(0)
    assert await supervisor.stop(limit=0.05) == ["stuck"]
    assert "cut off" in unit.detail


async def test_a_paused_unit_waits_and_goes_on():
    """Pausing takes effect at the next gate, shows, and ends with resume; a stop ends it as well."""
    passed = asyncio.Event()

    async def life(unit: Scripted) -> None:
        unit.pause()
        assert await unit.gate()
        passed.set()
        await works(unit)

    unit = Scripted("u", life)
    supervisor = Supervisor([unit])
    supervisor.start()
    while unit.state is not State.PAUSED:  # noqa: ASYNC110  a state has no event; this waits for nothing else
        await asyncio.sleep(0)
    assert not passed.is_set()
    unit.resume()
    await asyncio.wait_for(passed.wait(), 5)
    unit.pause()
    assert await supervisor.stop(limit=5) == []


async def test_waiting_for_readiness_ends_when_the_unit_is_stopped():
    """A unit that never gets ready doesn't hold the others' start up for ever."""

    async def never(unit: Scripted) -> None:
        await unit.stopping.wait()

    supervisor = Supervisor([Scripted("u", never)])
    supervisor.start()
    waiting = asyncio.create_task(supervisor.ready())
    await supervisor.stop()
    await asyncio.wait_for(waiting, 5)


async def test_waiting_for_a_unit_that_has_failed_for_good_ends():
    """It will never be ready; whoever waits for all units goes on with the others."""
    bad, good = Scripted("bad", fails(ConfigError("wrong"))), Scripted("good")
    supervisor = Supervisor([bad, good])
    supervisor.start()
    await asyncio.wait_for(supervisor.ready(), 5)
    assert (bad.state, good.state) == (State.FAILED, State.RUNNING)
    await supervisor.stop()


async def test_finished_when_every_unit_has_ended_by_itself():
    """No more input and failed for good are ends; a unit that an operator stopped may come back."""
    supervisor = Supervisor([Scripted("a", fails(EndOfInput("all read"))), Scripted("b", fails(ConfigError("wrong")))])
    assert not supervisor.finished
    supervisor.start()
    await asyncio.wait_for(supervisor.ready(), 5)
    assert supervisor.finished
    stopped = Supervisor([Scripted("c")])
    stopped.start()
    await asyncio.wait_for(stopped.ready(), 5)
    await stopped.stop("c")
    assert not stopped.finished


async def test_a_stray_cancellation_is_a_failure_like_any_other():
    """A library whose connection broke may raise CancelledError; nobody asked for it, so the unit comes back."""
    unit = Scripted("u", fails(asyncio.CancelledError()))
    supervisor = Supervisor([unit])
    supervisor.start()
    await asyncio.wait_for(supervisor.ready(), 5)
    assert (unit.lived, unit.failures) == (2, 1)
    await supervisor.stop()


async def test_a_unit_that_cannot_even_close_does_not_hold_up_the_end(monkeypatch):
    """Cut off, it gets a moment to close; then it is left behind and named."""
    monkeypatch.setattr(module, "CLOSE_LIMIT", 0.05)
    never = asyncio.Event()

    async def stuck(unit: Scripted) -> None:
        while not never.is_set():
            with suppress(asyncio.CancelledError):
                await never.wait()

    supervisor = Supervisor([Scripted("stuck", stuck)])
    supervisor.start()
    await asyncio.sleep(0)
    task = supervisor._tasks["stuck"]
    assert await asyncio.wait_for(supervisor.stop(limit=0.05), 5) == ["stuck"]
    never.set()
    await asyncio.wait({task}, timeout=5)


async def test_a_restart_under_way_at_the_end_starts_nothing():
    """What would be started after the end would be stopped by nobody."""
    unit = Scripted("u")
    supervisor = Supervisor([unit])
    supervisor.start()
    await asyncio.wait_for(supervisor.ready(), 5)
    restarting = asyncio.create_task(supervisor.restart("u"))
    await asyncio.sleep(0)
    supervisor.close()
    await supervisor.stop()
    await asyncio.wait_for(restarting, 5)
    assert supervisor._tasks == {}
    assert unit.lived == 1


async def test_nobody_waits_for_what_was_not_started_because_all_is_being_stopped():
    """As where new schema files are put to work and the process is asked to end meanwhile."""
    supervisor = Supervisor([Scripted("a")])
    supervisor.close()
    supervisor.start("a")
    await supervisor.ready("a")
    assert supervisor.units["a"].state is State.UNASSIGNED
