"""Who rides with a fused reader, and who waits for it."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

from hub.engine.routing.fused import FusedReader


async def test_who_leaves_waits_for_its_end_only_while_nobody_else_rides():
    """Another one may be about to come in when the last one leaves: then the reader goes on, and nobody waits."""
    nothing: Any = None  # nothing is opened
    fused: Any = FusedReader(nothing, nothing)
    fused._task = asyncio.create_task(asyncio.sleep(3600))
    part: Any = SimpleNamespace(left=asyncio.get_running_loop().create_future(), going=False)
    riding = asyncio.create_task(fused.ride(part))
    await asyncio.sleep(0)
    fused._waiting.remove(part)  # it came in, and leaves, while another is between both lists
    part.left.set_result(None)
    done, _ = await asyncio.wait({riding}, timeout=0.2)
    assert not done
    fused._parts["other"] = object()
    async with asyncio.timeout(5):
        await riding
    fused._task.cancel()
