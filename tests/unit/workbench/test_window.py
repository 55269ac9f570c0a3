"""The time in which an event is looked for."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

import pytest

from hub.workbench.journey.window import Window


@pytest.mark.parametrize(
    "length", [timedelta(minutes=1), timedelta(minutes=10), timedelta(hours=24), timedelta(days=7)]
)
def test_slices_reach_back_without_a_gap(length):
    """The newest first, each further than the one before, and all of the window together."""
    window = Window.last(length)
    slices = list(window.slices())
    assert slices[0].until is None
    assert slices[-1].since == window.since
    for newer, older in itertools.pairwise(slices):
        assert older.until == newer.since
        assert older.since < newer.since
    assert len(slices) <= 6


def test_a_window_may_lie_around_a_moment():
    """Half of it before, half behind."""
    moment = datetime(2026, 11, 20, 10, tzinfo=UTC)
    window = Window.around(moment, timedelta(hours=1))
    assert window.since == moment - timedelta(minutes=30)
    assert next(iter(window.slices())).until == moment + timedelta(minutes=30)
