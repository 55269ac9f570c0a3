"""A worker process as the one above it knows it."""

from __future__ import annotations

import asyncio
import os
import signal
import sys

from hub.cli.member import Member

_LISTENING = """
import os, socket
channel = socket.socket(fileno=int(os.environ["HUB_WORKER__CHANNEL"]))
channel.sendall(b'{"phase": "listening"}\\n')
channel.recv(100)
"""


async def _listening() -> Member:
    member = Member(1)
    await member.start([sys.executable, "-c", _LISTENING], dict(os.environ), ())
    async with asyncio.timeout(30):
        while "listening" not in member.reports:  # noqa: ASYNC110  no event tells
            await asyncio.sleep(0.01)
    return member


async def test_one_that_listens_is_told_to_end():
    """What a signal asks of us is told through the channel, and it ends by itself."""
    member = await _listening()
    member.end(signal.SIGINT)
    async with asyncio.timeout(30):
        assert await member.ended() == 0


async def test_one_that_has_died_is_not_asked_to_end():
    """As when Ctrl-C comes while it is about to be started again."""
    member = await _listening()
    member.signal(signal.SIGKILL)
    async with asyncio.timeout(30):
        assert await member.ended() == -signal.SIGKILL
    member.end(signal.SIGINT)
    member.signal(signal.SIGKILL)
