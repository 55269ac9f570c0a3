"""The cyclic garbage collector, set up for a process that handles millions of events."""

from __future__ import annotations

import gc

YOUNG = 100_000
"""Containers that are made and not freed before the young are looked at. A batch of 2,000 events holds some 25,000, all
of which go by themselves when it is done; with Python's 700 it is walked through again and again for nothing."""


def spare() -> None:
    """Has the collector look at what is there now no more, and at what comes now and then.

    To be called when all has been set up and loaded. Cycles that come later are still found: what is made and stays is
    counted, whatever it is.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, 10, 10)
