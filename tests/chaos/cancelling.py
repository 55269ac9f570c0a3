"""Cancels a task at one chosen await, as a signal or a limit would at any moment."""

from __future__ import annotations

import asyncio
import types
from collections.abc import Coroutine, Generator
from typing import Any


class Cancelled:
    """Runs a coroutine as a task, and cancels that when the coroutine waits for the so-many-th time.

    Nothing is left to chance but what it waits for: the same number is the same place, as long as its wait before that
    were the same.

    Args:
        coroutine: what to run.
        at: which of its waits is cancelled, from 1.
    """

    def __init__(self, coroutine: Coroutine[Any, Any, Any], at: int) -> None:
        self._coroutine = coroutine
        self._at = at
        self.steps = 0
        self.reached = asyncio.Event()
        """Set when it is cancelled."""
        self.place = ""
        """Where it was, innermost function last."""
        self.task = asyncio.create_task(self._run())
        self.reached_task = asyncio.create_task(self.reached.wait())
        self.task.add_done_callback(lambda _: self.reached_task.cancel())

    async def _run(self) -> Any:
        return await self._stepping()

    @types.coroutine
    def _stepping(self) -> Generator[Any, Any, Any]:
        coroutine, arrived, error = self._coroutine, None, None
        while True:
            try:
                waited = coroutine.send(arrived) if error is None else coroutine.throw(error)
            except StopIteration as end:
                return end.value
            self.steps += 1
            if self.steps == self._at:
                self.place = _place(coroutine)
                task = asyncio.current_task()
                assert task is not None
                task.cancel()
                self.reached.set()
            arrived = error = None
            try:
                arrived = yield waited
            except BaseException as raised:  # noqa: BLE001  handed on to the coroutine
                error = raised


def _place(coroutine: Any) -> str:
    names: list[str] = []
    while coroutine is not None:
        code = getattr(coroutine, "cr_code", None) or getattr(coroutine, "ag_code", None)
        if code is None:
            break
        names.append(code.co_name)
        coroutine = getattr(coroutine, "cr_await", None) or getattr(coroutine, "ag_await", None)
    return " → ".join(names)
