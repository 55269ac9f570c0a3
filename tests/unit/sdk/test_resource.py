"""Look-ups of REST resources: paths, answers, what is missing."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from hub.sdk import (
    NOTHING,
    Found,
    NotConnected,
    Permanent,
    ResourceLookup,
    ResourceLookupConfig,
    Response,
    Transient,
    UnitContext,
)
from hub.sdk.resource import filled


class Customers(ResourceLookup[ResourceLookupConfig]):
    """As a connector offers it."""


class Api:
    """A service that answers what a test gives, and notes what it was asked."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[Any, ...]] = []

    async def request(self, method: str, path: str, **more: Any) -> Response:
        self.asked.append((method, path, more))
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def looking(api: Api, **settings: Any) -> Customers:
    config = ResourceLookupConfig(service="crm", **{"path": "/customers/{key}", **settings})
    return Customers(config, UnitContext("route.customer", services={"crm": api}))


def answer(body: bytes, status: int = 200, origin: Any = "api") -> Response:
    return Response(status, {}, body, "http://crm/x", origin)


async def test_each_key_is_one_get_below_the_service():
    """The key is percent-encoded into the path, the parameters are filled, and a stale answer would do."""
    api = Api(answer(b'{"name":"Ada"}'), answer(b'{"name":"Bo"}'))
    found = await looking(api, params={"of": "{key}", "v": "2"}).look_up(["a/b c", 7])
    assert found == [Found({"name": "Ada"}), Found({"name": "Bo"})]
    assert [(method, path, more["params"], more["degraded"]) for method, path, more in api.asked] == [
        ("GET", "/customers/a%2Fb%20c", {"of": "a/b c", "v": "2"}, True),
        ("GET", "/customers/7", {"of": "7", "v": "2"}, True),
    ]


async def test_fields_of_a_key_have_their_places():
    """A mapping fills the places that its fields name."""
    api = Api(answer(b"{}"))
    await looking(api, path="/repos/{repository}/issues/{number}").look_up([{"repository": "a/b", "number": 1}])
    assert api.asked[0][1] == "/repos/a%2Fb/issues/1"


async def test_the_record_is_found_within_the_answer():
    """`record` leads to it; where a list ends before it, there is null, or the body is empty, there is nothing."""
    api = Api(answer(b'{"data":[{"n":1}]}'), answer(b'{"data":[]}'), answer(b'{"data":null}'), answer(b"", 204))
    found = await looking(api, record="data.0").look_up([1, 2, 3, 4])
    assert found == [Found({"n": 1}), NOTHING, NOTHING, NOTHING]


async def test_keys_lead_nowhere_else_between_slashes():
    """Dots that a slash separates would be steps of the path."""
    api = Api(answer(b'[{"id":1},{"id":2}]'))
    look = looking(api, several={"path": "/customers/{keys}", "separator": "/", "by": "id"})
    dots, one, two = await look.look_up(["..", 1, 2])
    assert isinstance(dots, Permanent)
    assert [one, two] == [Found({"id": 1}), Found({"id": 2})]
    assert [path for _, path, _ in api.asked] == ["/customers/1/2"]


async def test_what_may_be_on_another_page_is_not_taken_for_nothing():
    """The engine then asks for each key by itself; a page that has all of them is enough, whatever follows it."""
    several: Any = {"path": "/customers", "params": {"ids": "{keys}"}, "by": "id"}

    def page(body: bytes) -> Response:
        return Response(200, {"link": '<http://crm/x?page=2>; rel="next"'}, body, "http://crm/x", "api")

    api = Api(page(b'[{"id":1}]'), page(b'[{"id":1},{"id":2}]'))
    look = looking(api, several=several)
    with pytest.raises(Permanent, match="no room for 2 records on a page; lower `most`"):
        await look.look_up([1, 2])
    assert await look.look_up([1, 2]) == [Found({"id": 1}), Found({"id": 2})]


@pytest.mark.parametrize("origin", ["stale", "fallback"])
async def test_that_there_is_nothing_is_marked_where_another_answer_stood_in(origin):
    """It isn't the API's word: kept without the mark, it would outlive the outage."""
    nothing = Found(None, {"hubdegraded": origin})
    assert await looking(Api(answer(b"null", origin=origin))).look_up([1]) == [nothing]
    several: Any = {"path": "/customers", "params": {"ids": "{keys}"}, "by": "id"}
    found = await looking(Api(answer(b'[{"id":1}]', origin=origin)), several=several).look_up([1, 2])
    assert found == [Found({"id": 1}, {"hubdegraded": origin}), nothing]


async def test_another_document_is_no_answer():
    """One that has no such place may be anybody's: that nothing was found would be made up."""
    api = Api(answer(b'{"message":"hello"}'), answer(b'{"data":"x"}'))
    for failure in await looking(api, record="data.0").look_up([1, 2]):
        assert isinstance(failure, Permanent)


async def test_what_is_missing_is_nothing_and_other_refusals_are_failures():
    """404 and 410 are answers; each key has its own failure, and the others their answers."""
    refusal, outage = Permanent("no", status=403), NotConnected("down", status=503)
    api = Api(Permanent("not found", status=404), refusal, outage, answer(b'{"n":1}'), answer(b"<html>"))
    found = await looking(api).look_up([1, 2, 3, 4, 5])
    assert found[:4] == [NOTHING, refusal, outage, Found({"n": 1})]
    assert "expected JSON from crm" in str(found[4])


async def test_an_answer_that_stands_in_is_marked():
    """What the service gives in place of the API's own answer says so on the event."""
    api = Api(answer(b'{"n":1}', origin="stale"))
    assert await looking(api).look_up([1]) == [Found({"n": 1}, {"hubdegraded": "stale"})]


@pytest.mark.parametrize("key", ["", ".", ".."])
def test_no_key_leads_to_another_resource(key):
    """An empty value or dots would ask for the list, or for what is above it."""
    with pytest.raises(Permanent, match="that a path can hold"):
        filled("/customers/{key}", key, encode=True)


@pytest.mark.parametrize(
    ("template", "key", "message"),
    [
        ("/{key}", {"id": 1}, "the look-up needs `key`; its key has `id`"),
        ("/{id}", 1, "the look-up needs `id`; its key has one value, called `key`"),
        ("/{id}", {}, "the look-up needs `id`; its key has no fields"),
    ],
)
def test_a_key_without_what_the_path_names_is_refused(template, key, message):
    """The message names fields, never values."""
    with pytest.raises(Permanent) as raised:
        filled(template, key, encode=True)
    assert str(raised.value) == message


@pytest.mark.parametrize("path", ["customers/{key}", "/c/{key", "/c/{}", "/c/{a b}", "/c/{key}}", "/c d"])
def test_a_path_that_is_none_is_refused_at_once(path):
    """`hub validate` says so, and not the first event."""
    with pytest.raises(ValidationError):
        ResourceLookupConfig(service="crm", path=path)


SEVERAL = {"path": "/customers", "params": {"ids": "{keys}"}, "records": "data", "by": "id", "most": 10}


async def test_several_keys_are_one_request():
    """Each has its record by its key, whatever their order; one of which there is no record has nothing."""
    api = Api(answer(b'{"data":[{"id":"b","n":2},{"id":7,"n":7},{"id":"other"},{"noid":1}]}', origin="stale"))
    look = looking(api, several=SEVERAL)
    assert look.batch == 10
    found = await look.look_up([7, "b", "gone"])
    marks = {"hubdegraded": "stale"}
    assert found == [Found({"id": 7, "n": 7}, marks), Found({"id": "b", "n": 2}, marks), Found(None, marks)]
    assert [(path, more["params"]) for _, path, more in api.asked] == [("/customers", {"ids": "7,b,gone"})]


async def test_one_key_alone_has_a_request_of_its_own():
    """By the path of single resources: so the engine finds the one that spoils the others."""
    api = Api(answer(b'{"n":1}'))
    assert await looking(api, several=SEVERAL).look_up(["a"]) == [Found({"n": 1})]
    assert api.asked[0][1] == "/customers/a"


async def test_what_cannot_stand_in_a_list_is_asked_by_itself():
    """A key with the separator in it, and one with fields."""
    api = Api(answer(b'{"data":[]}'), answer(b'{"n":1}'), answer(b'{"n":2}'))
    look = looking(api, path="/customers/{key}", several=SEVERAL)
    assert await look.look_up(["a", "b", "c,d"]) == [NOTHING, NOTHING, Found({"n": 1})]
    assert [path for _, path, _ in api.asked] == ["/customers", "/customers/c%2Cd"]


async def test_keys_in_a_path_are_encoded():
    """Each by itself; what stands between them stays."""
    api = Api(answer(b"[]"))
    several = {"path": "/customers;ids={keys}", "separator": ";", "by": "id"}
    await looking(api, several=several).look_up(["a/b", "c d"])
    assert api.asked[0][1] == "/customers;ids=a%2Fb;c%20d"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (Permanent("not found", status=404), [NOTHING, NOTHING]),
        (answer(b'{"data":{}}'), Permanent),
        (Permanent("no", status=403), Permanent),
        (NotConnected("down"), NotConnected),
        (answer(b"<html>"), Transient),
    ],
)
async def test_what_fails_for_several_fails_for_all(given, expected):
    """404 says that there is none of them."""
    looked = looking(Api(given), several=SEVERAL).look_up(["a", "b"])
    if isinstance(expected, list):
        assert await looked == expected
    else:
        with pytest.raises(expected):
            await looked


@pytest.mark.parametrize("change", [{"params": {}}, {"path": "/{key}"}, {"by": ""}, {"most": 1}, {"path": "customers"}])
def test_several_that_cannot_work_is_refused_at_once(change):
    """Without a place for the keys, or for the key in a record, nothing could be told apart."""
    with pytest.raises(ValidationError):
        ResourceLookupConfig(service="crm", path="/customers/{key}", several={**SEVERAL, **change})
