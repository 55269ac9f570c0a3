"""What holds outputs against inputs: it sees what is lost, repeated, or out of order, and nothing else."""

from __future__ import annotations

from array import array

import pytest

from tests.chaos.check import Read, compare


def read(**keys: list[int]) -> Read:
    """A topic with these numbers by key."""
    return Read(keys={key.encode(): array("q", numbers) for key, numbers in keys.items()})


GIVEN = {"a": [1, 3, 5], "b": [2, 4]}


@pytest.mark.parametrize(
    ("made", "found"),
    [
        ({"a": [1, 3, 5], "b": [2, 4]}, (0, 0, 0)),
        ({"a": [1, 5], "b": [2, 4]}, (1, 0, 0)),
        ({"b": [2, 4]}, (3, 0, 0)),
        ({"a": [1, 3, 3, 5], "b": [2, 4]}, (0, 1, 0)),
        ({"a": [1, 3, 5, 1, 3, 5], "b": [2, 4]}, (0, 3, 0)),
        ({"a": [3, 1, 5], "b": [2, 4]}, (0, 0, 1)),
        ({"a": [1, 3, 5, 4], "b": [2]}, (1, 1, 0)),
        ({"a": [5, 3], "b": [2, 4, 9]}, (1, 1, 1)),
    ],
)
def test_what_is_wrong_is_counted(made: dict[str, list[int]], found: tuple[int, int, int]):
    """Lost, more than there should be, and after one that should come later; an event under a wrong key is two."""
    verdict = compare(read(**GIVEN), read(**made))
    assert (verdict.lost, verdict.duplicated, verdict.order_violations) == found
    assert verdict.clean is not any(found)
    assert (verdict.expected, verdict.found) == (5, sum(map(len, made.values())))


def test_what_is_filtered_is_not_missed_and_must_not_come():
    """Only those that come through are expected."""
    verdict = compare(read(**GIVEN), read(a=[1, 5], b=[2, 4]), expected=lambda number: number != 3)
    assert verdict.clean
    assert compare(read(**GIVEN), read(**GIVEN), expected=lambda number: number != 3).duplicated == 1


def test_an_event_that_is_twice_in_the_input_is_expected_twice():
    """A load that repeats a write which had failed has made two."""
    twice = read(a=[1, 3, 1])
    assert compare(twice, twice).clean
    assert compare(twice, read(a=[1, 3])).lost == 1
