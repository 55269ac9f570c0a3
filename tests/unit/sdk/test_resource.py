"""Look-ups of REST resources: paths, answers, what is missing."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from hub.sdk import NOTHING, Found, NotConnected, Permanent, ResourceLookup, ResourceLookupConfig, Response, UnitContext
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
    """`record` leads to it; where it leads nowhere, and where the body is empty, there is nothing."""
    api = Api(answer(b'{"data":[{"n":1}]}'), answer(b'{"data":[]}'), answer(b"", 204))
    assert await looking(api, record="data.0").look_up([1, 2, 3]) == [Found({"n": 1}), NOTHING, NOTHING]


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
