"""Statuses of single records mean what they mean as those of whole answers."""

from __future__ import annotations

import pytest

from hub.sdk import NotConnected, Permanent, Signal, Transient, signal_of


@pytest.mark.parametrize(
    ("status", "wait", "kind", "kept"),
    [
        (400, None, Permanent, None),
        (403, None, Permanent, None),
        (403, 7.0, NotConnected, 7.0),
        (404, 7.0, Permanent, None),
        (408, 3.0, Transient, 3.0),
        (429, 60.0, NotConnected, 60.0),
        (500, None, Transient, None),
        (503, None, NotConnected, None),
    ],
)
def test_a_status_is_a_signal(status: int, wait: float | None, kind: type[Signal], kept: float | None) -> None:
    """With its words and its number; a refusal for good asks for no patience."""
    signal = signal_of(status, "no", retry_after=wait)
    assert type(signal) is kind
    assert (str(signal), signal.status, signal.retry_after) == ("no", status, kept)


@pytest.mark.parametrize("status", [200, 201, 204, 299])
def test_a_success_is_none(status: int) -> None:
    """There is nothing to raise."""
    assert signal_of(status, "done") is None
