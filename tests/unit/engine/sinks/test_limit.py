"""How many deliveries are in flight, against far sides of several kinds, simulated."""

from __future__ import annotations

import heapq
import random

import pytest

from hub.engine.sinks.limit import START, Limit

CLOCK = [0.0]


def simulated(
    limit: Limit, *, seconds: float, latency: float, servers: int = 10**6, failing: float = 0.0, jitter: float = 0.0
) -> list[int]:
    """The limit over time where there is always more to send.

    Args:
        limit: under test.
        seconds: simulated.
        latency: seconds of work on each delivery.
        servers: how many the far side works on at once; the others wait there.
        failing: share of the deliveries that fail.
        jitter: standard deviation of the work's logarithm.
    """
    chance = random.Random(7)
    now = began_at = CLOCK[-1]
    number, history = 0, []
    calls: list[tuple[float, float]] = []
    free = [now] * min(servers, 2000)
    while now < began_at + seconds:
        while len(calls) < limit.now:
            began = max(now, heapq.heappop(free))
            work = latency * (chance.lognormvariate(0, jitter) if jitter else 1.0)
            heapq.heappush(free, began + work)
            heapq.heappush(calls, (began + work, now))
        now, _ = heapq.heappop(calls)
        number += 1
        failed = int(number * failing) > int((number - 1) * failing)
        limit.ended(now, 0 if failed else 1, int(failed))
        history.append(limit.now)
    CLOCK.append(now + 1.0)
    return history


def test_a_far_side_that_keeps_up_gets_all_there_may_be():
    """Soon, at 50 ms; and it stays so."""
    limit = Limit(400)
    history = simulated(limit, seconds=1.5, latency=0.05)
    assert history[0] == START
    assert history[-1] == 400
    history = simulated(limit, seconds=10.0, latency=0.05)
    assert sum(history) / len(history) > 380


def test_a_far_side_whose_latency_jumps_about_is_not_taken_for_one_that_queues():
    """From a third to three times as long, by nature: all there may be is in flight all the same."""
    history = simulated(Limit(200), seconds=30.0, latency=0.05, jitter=1.0)
    settled = history[len(history) // 5 :]
    assert sum(settled) / len(settled) > 180


@pytest.mark.parametrize("servers", [8, 20, 100])
def test_a_far_side_that_queues_isnt_buried(servers):
    """It is kept busy, and what waits there stays within bounds although ten times as many might be sent."""
    history = simulated(Limit(10 * servers), seconds=60.0, latency=0.1, servers=servers)
    settled = history[len(history) // 2 :]
    mean = sum(settled) / len(settled)
    assert 0.9 * servers <= mean <= 3 * servers, mean


def test_a_far_side_that_fails_at_everything_is_left_with_one_at_a_time():
    """And gets more as soon as it answers again."""
    limit = Limit(100)
    simulated(limit, seconds=1.0, latency=0.01)
    assert limit.now == 100
    assert simulated(limit, seconds=3.0, latency=0.01, failing=1.0)[-1] == 1
    assert simulated(limit, seconds=3.0, latency=0.01)[-1] == 100


def test_a_few_events_that_always_fail_hardly_matter():
    """One in a hundred costs less than a tenth of what is in flight."""
    limit = Limit(100)
    simulated(limit, seconds=1.0, latency=0.01)
    history = simulated(limit, seconds=5.0, latency=0.01, failing=0.01)
    assert sum(history) / len(history) > 85


def test_what_is_not_used_does_not_grow():
    """A trickle says nothing of what the far side could take."""
    limit = Limit(1000)
    for n in range(500):
        limit.ended(n * 0.1, 1, 0)
        limit.idle()
    assert limit.now == START


def test_what_hangs_does_not_hold_up_the_rest():
    """Where nothing ends, twice as many may go out, again and again, up to all there may be."""
    limit = Limit(20)
    for expected in (16, 20, 20):
        limit.stalled()
        assert limit.now == expected


def test_after_an_outage_it_begins_carefully():
    """All at once would be the next outage."""
    limit = Limit(400)
    simulated(limit, seconds=1.0, latency=0.05)
    limit.restart()
    assert limit.now == START
    assert Limit(3).now == 3
