"""``python -m demo``: plays the hub's main job, prints the ledger, and exits 0 only if it adds up for every unit."""

from __future__ import annotations

import argparse
import asyncio
import logging
import signal
import sys

import uvloop

from demo.play import play
from demo.screen import Screen
from demo.stage import AttachedStage, LocalStage
from hub.sdk import ConfigError, HubError


def main() -> int:
    """Runs the demo; the process's exit code: 0 ok, 1 the ledger doesn't add up, 2 invalid input, 3 environment."""
    parser = argparse.ArgumentParser(prog="demo", description="The hub's main job, from deliveries to a ledger.")
    parser.add_argument("--attach", action="store_true", help="play with running containers (docker compose up)")
    arguments = parser.parse_args()
    # What the demo has to say it says itself; outages that it makes on purpose need no warnings.
    logging.disable(logging.CRITICAL)
    screen = Screen()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        loop = runner.get_loop()
        task = loop.create_task(play(screen, attach=arguments.attach))
        for each in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(each, task.cancel)
        try:
            return 0 if loop.run_until_complete(task) else 1
        except asyncio.CancelledError:
            screen.say(f"stopped; {(AttachedStage if arguments.attach else LocalStage).left}")
            return 130
        except HubError as error:
            screen.fail(str(error))
            return 2 if isinstance(error, ConfigError) else 3


if __name__ == "__main__":
    sys.exit(main())
