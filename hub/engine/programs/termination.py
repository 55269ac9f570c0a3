"""SIGTERM as a request to end in good order, for programs that don't see to it themselves."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_stops: list[Callable[[], None]] = []


@contextmanager
def on_sigterm(stop: Callable[[], None]) -> Iterator[None]:
    """Calls ``stop`` when SIGTERM comes during the block.

    Does nothing where the program has a handler of its own, or outside of the main thread, where there can be none.
    """
    loop = asyncio.get_running_loop()
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    if not _stops:
        if signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
            yield
            return
        loop.add_signal_handler(signal.SIGTERM, _stop_all)
    _stops.append(stop)
    try:
        yield
    finally:
        _stops.remove(stop)
        if not _stops:
            loop.remove_signal_handler(signal.SIGTERM)


def _stop_all() -> None:
    for stop in tuple(_stops):
        stop()
