"""Queries: pages, what changed, what they cost, and answers of which something is missing."""

from typing import Any

import pytest
from aiohttp import web

from connectors.github import connector
from connectors.github.graphql.document import read
from connectors.github.tests.querying import refuse
from connectors.github.tests.reading import Reader, World
from hub.sdk import ConfigError, Event, NotConnected, Permanent, Transient

DISCUSSIONS = """
query Changed($owner: String!, $name: String!, $cursor: String) {
  repository(owner: $owner, name: $name) {
    discussions(first: 10, after: $cursor, orderBy: {field: UPDATED_AT, direction: %s}) {
      pageInfo { endCursor hasNextPage }
      nodes { ...Shown }
    }
  }
}
fragment Shown on Discussion { id number title url updatedAt author { login } }
"""
STARS = """
query($owner: String!, $name: String!, $cursor: String) {
  repository(owner: $owner, name: $name) {
    stargazers(first: 10, after: $cursor, orderBy: {field: STARRED_AT, direction: ASC}) {
      pageInfo { endCursor hasNextPage }
      nodes { id login }
    }
  }
}
"""
REPOSITORY = {"owner": "octo-org", "name": "octo-repo"}
ORDERS = {"descending": "DESC", "ascending": "ASC", "none": "DESC"}


@pytest.fixture(autouse=True)
def _now(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The time of a poll is GitHub's, which the test moves."""

    async def now(_: object) -> str:
        return world.api.time

    monkeypatch.setattr("connectors.github.repository.Asking.github_now", now)


def discussions(world: World, order: str = "descending", **more: Any) -> Reader:
    settings = {"query": DISCUSSIONS % ORDERS[order], "order": order, "cursor_field": "updatedAt", **more}
    return world.query(type="discussion", records="repository.discussions", variables=REPOSITORY, **settings)


def stars(world: World) -> Reader:
    return world.query(type="star", records="repository.stargazers", variables=REPOSITORY, query=STARS)


def fill(world: World, many: int, *, apart: float = 1) -> None:
    for _ in range(many):
        world.clock.move(apart)
        world.api.querying.discussion(len(world.api.querying.discussions) + 1, world.api.time)


def numbers(events: list[Event]) -> list[int]:
    return sorted(event.data["number"] for event in events)


@pytest.mark.parametrize("order", ORDERS)
async def test_what_changes_is_told_once(world: World, order: str) -> None:
    """Over pages and kills; from the beginning, then what is new or has changed."""
    fill(world, 35)
    world.clock.move(60)
    reader = discussions(world, order)
    await reader.poll(batches=1, stored=0)
    await reader.poll()
    assert numbers(reader.events) == list(range(1, 36))
    fill(world, 3)
    world.api.querying.discussions[4]["updatedAt"] = world.api.time
    world.clock.move(60)
    await reader.poll(batches=1, stored=0)
    new = await reader.poll()
    assert numbers(new) == [5, 36, 37, 38]
    assert await reader.poll() == []
    assert len({event.id for event in reader.events}) == len(reader.events) == 39
    event = new[0]
    assert (event.type, event.source) == ("discussion", "https://github.com/octo-org/octo-repo")
    assert event.subject == f"discussions/{event.data['number']}"
    assert event.id == f"D_{event.data['number']}@{event.time}"
    assert event.key == event.data["id"]


async def test_a_list_in_order_is_read_no_further_than_need_be(world: World) -> None:
    """The newest first: one page where there is nothing new."""
    fill(world, 95, apart=30)
    world.clock.move(60)
    reader = discussions(world, "descending")
    await reader.poll()
    world.api.querying.asked.clear()
    await reader.poll()
    assert len(world.api.querying.asked) == 1


async def test_a_backfill_reads_a_range(world: World) -> None:
    """With the same ids; a connection without times can't be read so."""
    fill(world, 40)
    world.clock.move(60)
    reader = discussions(world)
    await reader.poll()
    found = await reader.backfill("2026-11-21T12:00:11Z", "2026-11-21T12:00:21Z")
    assert numbers(found) == list(range(11, 21))
    assert {event.id for event in found} <= {event.id for event in reader.events}
    with pytest.raises(ConfigError, match="cursor_field"):
        await stars(world).backfill("2026-11-21T12:00:11Z", "2026-11-21T12:00:21Z")


async def test_a_connection_that_grows_is_read_on_from_its_end(world: World) -> None:
    """Each record once, wherever it is killed."""
    given = [{"id": f"U_{number}", "login": f"user-{number}"} for number in range(60)]
    world.api.querying.stars = given[:25]
    reader = stars(world)
    assert await reader.poll(batches=2, stored=1)
    await reader.poll()
    assert await reader.poll() == []
    world.api.querying.stars = given
    world.api.querying.asked.clear()
    await reader.poll()
    assert [event.id for event in reader.events] == [each["id"] for each in given]
    assert world.api.querying.asked[0]["cursor"] == "000000024"


async def test_the_range_is_given_to_queries_that_take_it(world: World) -> None:
    """As ``$since`` and ``$until``."""
    query = DISCUSSIONS % "DESC"
    query = query.replace("$cursor: String", "$cursor: String, $since: DateTime, $until: DateTime")
    query = query.replace("id number", "id number createdAt @include(if: false)")
    fill(world, 1)
    world.clock.move(60)
    reader = discussions(world, query=query, since="2026-11-21T12:00:00Z")
    world.api.querying.interceptor = lambda body: _empty("discussions")
    await reader.poll()
    asked = world.api.querying.asked[0]
    assert (asked["since"], asked["until"]) == ("2026-11-21T12:00:00Z", "2026-11-21T12:00:56Z")


def _empty(name: str) -> web.Response:
    page = {"nodes": [], "pageInfo": {"endCursor": None, "hasNextPage": False}}
    return web.json_response({"data": {"repository": {name: page}}})


async def test_a_query_that_costs_more_than_is_left_waits_for_the_reset(world: World) -> None:
    """Before it is sent, and with what was read so far stored."""
    fill(world, 35)
    world.api.querying.left, world.api.querying.cost = 100, 40
    reader = discussions(world)
    with pytest.raises(NotConnected, match="40 points and 20 are left") as paused:
        await reader.poll()
    assert len(world.api.querying.asked) == 2
    assert paused.value.retry_after == pytest.approx(3600 - 35 + 1, abs=2)


@pytest.mark.parametrize(
    ("answer", "signal", "pause"),
    [
        ({"errors": [{"type": "RATE_LIMITED", "message": "API rate limit exceeded"}]}, NotConnected, 60),
        ({"errors": [{"message": "You have exceeded a secondary rate limit."}]}, NotConnected, 60),
        ({"errors": [{"message": "Something went wrong while executing your query."}]}, Transient, None),
        ({"data": {"repository": None}, "errors": [{"message": "timedout"}]}, Transient, None),
        ({"data": {"repository": None}, "errors": [{"type": "SERVICE_UNAVAILABLE", "message": "x"}]}, Transient, None),
        ({"errors": [{"extensions": {"code": "undefinedField"}, "message": "no such field"}]}, Permanent, None),
        ({"errors": [{"type": "MAX_NODE_LIMIT_EXCEEDED", "message": "too many"}]}, Permanent, None),
        (
            {"data": {"repository": None}, "errors": [{"type": "NOT_FOUND", "path": ["repository"], "message": "no"}]},
            Permanent,
            None,
        ),
        ({"data": {"repository": {"discussions": {"nodes": []}}}}, Permanent, None),
        ({"data": {"repository": {"discussions": {"pageInfo": {}}}}}, Permanent, None),
        ({"message": "Hello"}, Permanent, None),
        ([], Permanent, None),
    ],
)
async def test_errors_mean_what_they_mean(world: World, answer: Any, signal: type, pause: float | None) -> None:
    """Most of them come with status 200."""
    world.api.querying.interceptor = lambda _: web.json_response(answer)
    with pytest.raises(signal) as failed:
        await discussions(world).poll()
    assert type(failed.value) is signal
    assert failed.value.retry_after == pause


async def test_a_limit_that_is_used_up_is_waited_for(world: World) -> None:
    """Until it starts anew, by GitHub's clock."""
    headers = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(int(world.clock.time.timestamp()) + 100)}
    answer = {"errors": [{"type": "RATE_LIMITED", "message": "API rate limit exceeded"}]}
    world.api.querying.interceptor = lambda _: web.json_response(answer, headers=headers)
    with pytest.raises(NotConnected) as failed:
        await discussions(world).poll()
    assert failed.value.retry_after == 101


async def test_a_repository_that_isnt_there_is_refused(world: World) -> None:
    """By the schema: a null with an error beside it."""
    reader = world.query(
        type="star", records="repository.stargazers", variables={"owner": "no", "name": "body"}, query=STARS
    )
    with pytest.raises(Permanent, match="Could not resolve"):
        await reader.poll()


async def test_a_query_that_the_schema_doesnt_know_is_refused(world: World) -> None:
    """With GitHub's words."""
    with pytest.raises(Permanent, match="colour"):
        await discussions(world, query=(DISCUSSIONS % "DESC").replace("title", "colour")).poll()


async def test_a_record_of_which_something_is_missing_is_marked(world: World) -> None:
    """Where the token may not see it; the others aren't."""
    fill(world, 3)
    world.api.querying.discussions[1]["author"] = refuse("FORBIDDEN")
    world.clock.move(60)
    events = await discussions(world).poll()
    marks = {event.data["number"]: event.attributes.get("hubdegraded") for event in events}
    assert marks == {1: None, 2: "partial", 3: None}
    with pytest.raises(Permanent, match="FORBIDDEN"):
        await discussions(world, partial="fail").poll()


async def test_a_record_that_is_withheld_is_logged(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """The others are given."""
    fill(world, 3)
    world.clock.move(60)
    world.api.querying.nodes = lambda page: [None, *page[1:]]
    assert len(await discussions(world).poll()) == 2
    assert "withholds 1 records" in caplog.text


async def test_trouble_in_the_middle_of_a_page_gives_none_of_it(world: World) -> None:
    """What is missing then isn't missing for good."""
    fill(world, 3)
    world.api.querying.discussions[1]["author"] = refuse("INTERNAL")
    world.clock.move(60)
    with pytest.raises(Transient):
        await discussions(world).poll()


async def test_pages_without_end_are_an_error(world: World) -> None:
    """As of a query that forgets to hand the cursor on."""
    fill(world, 25)
    world.clock.move(60)
    query = (DISCUSSIONS % "DESC").replace("after: $cursor, ", "").replace("title", "title @skip(if: $no)")
    query = query.replace("$cursor: String", "$cursor: String, $no: Boolean = false")
    query = query.replace("...Shown", "...Shown labels(after: $cursor, first: 1) { totalCount }")
    with pytest.raises(Permanent, match="no end"):
        await discussions(world, query=query).poll()


@pytest.mark.parametrize("field", [{"key": "number.x"}, {"cursor_field": "createdAt"}])
async def test_what_the_query_doesnt_ask_for_is_told(world: World, field: dict[str, str]) -> None:
    """A record without identity or time can't be read."""
    fill(world, 1)
    world.clock.move(60)
    with pytest.raises(Permanent, match="must ask for it"):
        await discussions(world, **field).poll()


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"query": "mutation($cursor: String) { a }"}, "one query"),
        ({"query": "{ a } { b }"}, "one query"),
        ({"query": "{ a"}, "ends before"),
        ({"query": "{ a } }"}, "closes nothing"),
        ({"query": "select 1"}, "where one begins"),
        ({"query": "{ a(b: 'c') }"}, "no place"),
        ({"query": STARS.replace("$cursor: String", "")}, "takes `\\$cursor"),
        ({"variables": {"cursor": "x"}}, "the source gives it"),
        ({"variables": {"color": "x"}}, "no variable color"),
        ({"order": "ascending"}, "need `cursor_field`"),
        ({"records": "a b"}, "records"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings: dict[str, Any], said: str) -> None:
    """Before anything is asked."""
    whole = {"type": "star", "query": STARS, "records": "repository.stargazers", **settings}
    with pytest.raises(ValueError, match=said):
        connector.sources["graphql"].config_type().model_validate(whole)


def test_a_query_is_read_past_texts_and_comments() -> None:
    """Braces in them are none; the field for the cost is put into the query itself."""
    text = '''# { query
    fragment F on Issue { id }
    query Q($a: String = "}{", $cursor: String, $f: In = {a: [1, {b: -2.5e3}]}) @x(y: """ } \\""" """) { node }'''
    document = read(text)
    assert document.variables == {"a", "cursor", "f"}
    assert document.text.endswith("{ hubRateLimit: rateLimit { cost remaining resetAt } node }")


def test_the_event_type_is_what_the_settings_say() -> None:
    """So that topics and routes know it."""
    source = connector.sources["graphql"]
    assert source.event_types({"type": "discussion"}) == {"discussion": None}
    assert source.event_types({}) == source.event_types({"type": 1}) == {}
