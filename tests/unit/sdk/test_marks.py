"""Events that say how the answer came about which they are made of."""

import pytest

from hub.sdk import Batch, Cursor, PollingSource, Response, SourceConfig, UnitContext


class Nothing(Cursor):
    """Nowhere to go on from."""


class Rates(PollingSource[SourceConfig, Nothing]):
    """Exchange rates."""

    events = {"rate": None}

    async def poll(self, cursor):
        yield Batch([])


@pytest.mark.parametrize(
    ("origin", "mark"), [("api", None), ("cache", None), ("stale", "stale"), ("fallback", "fallback")]
)
def test_an_event_says_if_the_api_itself_gave_nothing(origin, mark):
    """A fresh answer of the cache is the API's own; an old one and a fallback are not."""
    answer = Response(200, {}, b"{}", "http://far/x", origin)
    event = Rates(SourceConfig(), UnitContext(name="rates")).event("rate", {"eur": 1}, id="1", answer=answer)
    assert event.attributes.get("hubdegraded") == mark
