"""The manifest: what the connector offers, as the hub finds it."""

from collections import Counter

import pytest

from connectors.github import connector
from connectors.github.event_types import DELIVERIES, SUBJECT_OF
from hub.sdk import PollingSource, UnitContext, WebhookSource

KINDS = tuple(kind for kind in connector.sources if kind not in ("webhook", "graphql"))


def test_no_event_type_is_given_by_two_sources() -> None:
    """A topic is named after its event type: a polled issue and a delivery about one must not share it."""
    sources = connector.sources.values()
    types = Counter(event_type for source in sources for event_type in source.events)
    assert [event_type for event_type, count in types.items() if count > 1] == []


def test_one_source_is_called_and_the_others_ask() -> None:
    """By the names that schema files use."""
    assert connector.name == "github"
    assert set(connector.sources) >= {"webhook", "issues", "pulls", "commits", "releases", "comments", "runs"}
    assert issubclass(connector.sources["webhook"], WebhookSource)
    assert all(issubclass(connector.sources[kind], PollingSource) for kind in (*KINDS, "graphql"))


def test_the_names_of_deliveries_are_sorted_and_known() -> None:
    """So that a missing one is found by eye."""
    assert list(DELIVERIES) == sorted(set(DELIVERIES))
    assert SUBJECT_OF.keys() <= set(DELIVERIES)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("repository", ["hello", "a/b/c", "a/", "/b", "a b/c", "https://github.com/a/b", "a/b?x=1"])
def test_a_repository_is_an_owner_and_a_name(kind: str, repository: str) -> None:
    """It becomes part of a URL."""
    with pytest.raises(ValueError, match="repository"):
        connector.sources[kind].config_type().model_validate({"repository": repository})


@pytest.mark.parametrize("kind", KINDS)
def test_cursors_begin_before_everything_and_survive_storing(kind: str) -> None:
    """As JSON, which is how they are shown and set by people."""
    source = connector.sources[kind]
    assert issubclass(source, PollingSource)
    cursor = source.cursor_type()()
    assert type(cursor).model_validate_json(cursor.model_dump_json()) == cursor


@pytest.mark.parametrize("kind", KINDS)
def test_people_see_which_repository_is_meant(kind: str) -> None:
    """In the status of a unit."""
    source = connector.sources[kind]
    config = source.config_type().model_validate({"repository": "apache/kafka"})
    assert source(config, UnitContext("x")).far_side.endswith("apache/kafka on GitHub")
