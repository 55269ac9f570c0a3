"""What ends a running deployment, and waiting for Kafka."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys

import pytest

from hub.cli.worker import Signals, reach
from hub.kafka.settings import KafkaSettings
from hub.process import free_ports
from hub.sdk import ConfigError, EnvironmentProblem


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
async def test_a_signal_is_noticed_and_kills_nobody(number):
    """The first one asks for the end."""
    with Signals() as signals:
        os.kill(os.getpid(), number)
        await asyncio.wait_for(signals.first.wait(), 5)
        assert signals.number is number


async def test_work_is_done_unless_a_signal_comes():
    """A signal cancels it; otherwise it ends as it ends."""
    cancelled = asyncio.Event()

    async def long() -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            cancelled.set()
            raise

    async def short() -> None:
        return

    async def wrong() -> None:
        raise ConfigError("wrong")

    with Signals() as signals:
        assert await signals.unless(short())
        with pytest.raises(ConfigError, match="wrong"):
            await signals.unless(wrong())
        asyncio.get_running_loop().call_later(0.05, os.kill, os.getpid(), signal.SIGTERM)
        assert not await asyncio.wait_for(signals.unless(long()), 5)
        assert cancelled.is_set()


async def test_signals_are_as_before_afterwards():
    """Ctrl-C interrupts again."""
    before = signal.getsignal(signal.SIGINT)
    with Signals():
        pass
    assert signal.getsignal(signal.SIGINT) is before


def test_a_second_signal_ends_the_process_at_once():
    """Whatever it is doing, and although something that is to be done at once fails; exit code 1."""
    code = """
import asyncio, os, signal
from hub.cli.worker import Signals
async def main():
    with Signals() as signals:
        signals.at_once += [lambda: print("last", flush=True), lambda: 1 / 0]
        os.kill(os.getpid(), signal.SIGTERM)
        await signals.first.wait()
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.sleep(60)
asyncio.run(main())
"""
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=False)
    assert (ended.returncode, ended.stdout) == (1, "last\n")


async def test_a_kafka_that_does_not_answer_is_waited_for_and_then_named(caplog):
    """Within the limit; the message says where it should be and what to do."""
    address = f"127.0.0.1:{free_ports(1)[0]}"
    with pytest.raises(EnvironmentProblem, match=f"{address} has not answered for 0.5 s.*HUB_KAFKA__BOOTSTRAP_SERVERS"):
        await reach(KafkaSettings(bootstrap_servers=address), 0.5)
    assert [each.getMessage() for each in caplog.records if each.name == "hub"] == [
        f"Kafka at {address} doesn't answer yet; waiting for it up to 0.5 s"
    ]
