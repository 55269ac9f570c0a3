"""Whatever happens to a repository, and whenever the reader dies: each change once, none missed, in order."""

import asyncio
from collections import defaultdict
from collections.abc import Callable
from typing import Any
from unittest.mock import patch

import pytest
from aiohttp import web
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.github.tests.reading import Reader, World, world
from hub.sdk import Event

PAGE = 3
ITEMS = 12

# What happens: to an item by its number, to the clock, or to the reader. Most of it within one second, so that
# many changes have the same time; some of it between two requests of one poll.
change = st.tuples(st.just("change"), st.integers(1, ITEMS))
tick = st.tuples(st.just("tick"), st.sampled_from([0.3, 1, 1, 3]))
poll = st.tuples(st.just("poll"), st.none() | st.tuples(st.integers(1, 3), st.integers(0, 3)))
histories = st.lists(change | change | tick | poll, max_size=60)
meanwhile = st.lists(st.none() | change | tick, max_size=40)

Act = Callable[[World, int], None]


def edit_issue(to: World, number: int) -> None:
    issues = to.repository.issues
    if number in issues:
        to.repository.edit(number, comments=issues[number]["comments"] + 1)
    else:
        to.repository.open_issue("new")


def edit_pull(to: World, number: int) -> None:
    pulls = to.repository.pulls
    if number in pulls:
        to.repository.edit(number, draft=not pulls[number]["draft"])
    else:
        to.repository.open_pull("new")


def edit_release(to: World, number: int) -> None:
    releases = to.repository.releases
    if number <= len(releases):
        releases[-number]["body"] += "."
    else:
        to.repository.release(f"v{len(releases)}")


def push(to: World, number: int) -> None:
    """A commit on the branch, or on a side branch, or a merge of both; some with old dates."""
    repository, at = to.repository, to.clock.time.replace(hour=number)
    heads = repository.branches
    if number % 3 == 0 and "main" in heads:
        repository.commit("side", branch="side", parents=[heads.get("side", heads["main"])], at=at)
    elif number % 3 == 1 and "side" in heads:
        repository.commit("merge", parents=[heads["main"], heads["side"]])
    else:
        repository.commit("main", at=at if number % 2 else None)


async def live(
    kind: str, act: Act, history: list[tuple[str, Any]], during: list[tuple[str, Any] | None], finish: int = 4
) -> tuple[World, Reader]:
    """Lets it all happen, then lets the reader catch up in peace."""
    async with world() as one:
        pending = iter(during)

        def happen(what: tuple[str, Any] | None) -> None:
            if what is not None and what[0] == "change":
                act(one, what[1])
            elif what is not None:
                one.clock.move(what[1])

        def intercept(_: web.Request) -> None:
            happen(next(pending, None))

        one.api.interceptor = intercept
        reader = one.reader(kind, **({"settle": "1s"} if kind in ("issues", "pulls") else {}))
        for what in history:
            if what[0] == "poll":
                batches, stored = what[1] or (None, None)
                await reader.poll(batches=batches, stored=stored)
            else:
                happen(what)
        one.api.interceptor = None
        for _ in range(finish):
            one.clock.move(5)
            await reader.poll()
        return one, reader


def by_item(events: list[Event]) -> dict[Any, list[Event]]:
    found = defaultdict(list)
    for event in events:
        found[event.data["node_id"]].append(event)
    return found


@pytest.fixture(autouse=True, scope="module")
def small_pages() -> Any:
    """So that few items fill many pages."""
    modules = ("changes", "pulls", "commits", "releases")
    with patch.multiple("connectors.github.pulls", HELD=5):
        patches = [patch(f"connectors.github.{module}.PAGE", PAGE) for module in modules]
        for each in patches:
            each.start()
        yield
        for each in patches:
            each.stop()


@pytest.mark.parametrize(("kind", "act"), [("issues", edit_issue), ("pulls", edit_pull)])
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(history=histories, during=meanwhile)
def test_each_settled_change_is_read_once_and_in_order(
    kind: str, act: Act, history: list[tuple[str, Any]], during: list[tuple[str, Any] | None]
) -> None:
    """The last state of each item is read as it is; earlier ones in the order of time, and never twice."""
    one, reader = asyncio.run(live(kind, act, history, during))
    items = getattr(one.repository, kind).values()
    read = by_item(reader.events)
    assert read.keys() == {item["node_id"] for item in items}
    for item in items:
        versions = read[item["node_id"]]
        times = [event.time for event in versions]
        assert times == sorted(set(times))
        assert versions[-1].data == item
    assert len({event.id for event in reader.events}) == len(reader.events)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(history=histories, during=meanwhile)
def test_each_release_is_read_as_it_is_at_last(
    history: list[tuple[str, Any]], during: list[tuple[str, Any] | None]
) -> None:
    """And no version of it under the id of another."""
    one, reader = asyncio.run(live("releases", edit_release, history, during))
    read = by_item(reader.events)
    assert read.keys() == {item["node_id"] for item in one.repository.releases}
    for item in one.repository.releases:
        versions = read[item["node_id"]]
        assert versions[-1].data == item
        bodies = [event.data["body"] for event in versions]
        assert bodies == sorted(set(bodies), key=len)
    assert len({event.id for event in reader.events}) == len(reader.events)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(history=histories, during=meanwhile)
def test_each_commit_of_the_branch_is_read_once(
    history: list[tuple[str, Any]], during: list[tuple[str, Any] | None]
) -> None:
    """Those of side branches once they are merged, whatever their dates."""
    one, reader = asyncio.run(live("commits", push, history, during, finish=2))
    head = one.repository.branches.get("main")
    expected = {commit["sha"] for commit in one.repository.log(head)} if head else set()
    assert {event.id for event in reader.events} == expected
    assert len(reader.events) == len(expected)
