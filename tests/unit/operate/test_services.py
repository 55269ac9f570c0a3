"""What operators see of services: metrics and state."""

import orjson
import pytest
from prometheus_client.parser import text_string_to_metric_families

from hub.operate.metrics import Metrics
from hub.operate.services import document, merged
from hub.sdk import NotConnected, Permanent
from tests.unit.services.far_side import far_side, service


async def test_metrics_tell_what_a_service_did() -> None:
    """By outcome, with latencies, the circuit and the cache; without policies only what there is."""
    policies = {
        "cache": {"ttl": "1m"},
        "circuit_breaker": {},
        "rate_limit": {},
        "usage": {"tokens": "number"},
    }
    async with far_side() as far, service(far, **policies) as api, service(far) as plain:
        for _ in range(3):
            await api.request("GET", "/x")
        far.then(404)
        with pytest.raises(Permanent):
            await api.request("GET", "/y")
        text = Metrics([], services=lambda: [api.info()]).text().decode()
        samples = {
            (sample.name, *sorted(sample.labels.values())): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }
        assert samples["hub_service_requests_total", "200", "far"] == 1
        assert samples["hub_service_requests_total", "404", "far"] == 1
        assert samples["hub_service_request_seconds_count", "far"] == 2
        assert samples["hub_service_circuit", "closed", "far"] == 1
        assert samples["hub_service_circuit", "far", "open"] == 0
        assert samples["hub_service_cache_total", "far", "hits"] == 2
        assert samples["hub_service_error_ratio", "far"] == 0.5
        assert samples["hub_service_tokens_total", "far"] == 1
        without = Metrics([], services=lambda: [plain.info()]).text().decode()
        assert "hub_service_circuit{" not in without


async def test_the_state_of_services_is_json() -> None:
    """With nothing in it that JSON doesn't know."""
    async with (
        far_side() as far,
        service(far, rate_limit={"count": 5, "interval": "1s"}, auth={"token": "s3cret"}) as api,
    ):
        await api.request("GET", "/x")
        shown = orjson.dumps(document([api.info()]))
    state = orjson.loads(shown)["far"]
    assert (state["address"], state["figures"]["statuses"]) == ({far.url: True}, {"200": 1})
    assert state["limits"][0]["limit"] == 5
    assert b"s3cret" not in shown


async def test_services_of_several_workers_are_shown_together() -> None:
    """Counts are added up, the worst circuit is shown, ratios go by the number of requests."""
    policies = {"circuit_breaker": {"failure_threshold": 1}, "rate_limit": {"count": 50, "interval": "1s"}, "cache": {}}
    async with far_side() as far, service(far, **policies) as one, service(far, **policies) as two:
        for number in range(3):
            await one.request("GET", f"/{number}")
        far.then(503)
        with pytest.raises(NotConnected):
            await two.request("GET", "/x")
        each = [orjson.loads(orjson.dumps(document([api.info()]))) for api in (one, two)]
        both = merged({1: each[0], 2: each[1], 3: {}})["far"]
    figures = both["figures"]
    assert (figures["requests"], figures["statuses"], figures["circuit_opened"]) == (4, {"200": 3, "503": 1}, 1)
    assert (figures["error_rate"], figures["availability"]) == (0.25, 0.75)
    assert sum(figures["latency_buckets"]["counts"]) == 4
    assert figures["latency_p50"] is not None
    assert (both["circuit"], both["workers"]) == ("open", {"1": "closed", "2": "open"})
    assert both["address"] == {far.url: False}
    assert [limit["name"] for limit in both["limits"]] == ["service"]
    assert figures["cache"]["misses"] == 4
    assert merged({}) == {}
