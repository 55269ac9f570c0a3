"""Services as operators see them: metrics, and their state as JSON."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict
from itertools import accumulate
from typing import Any

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from hub.sdk.service import ServiceInfo

_CIRCUITS = ("closed", "open", "half_open")
_COUNTERS = (
    ("retries", "hub_service_retries", "Requests that were tried again by the service."),
    ("retries_refused", "hub_service_retries_refused", "Retries that the budget didn't allow."),
    ("waits", "hub_service_waits", "Requests that waited for a rate limit."),
    ("waited_seconds", "hub_service_waited_seconds", "Time that they waited."),
    ("limited", "hub_service_limited", "Requests that would have waited for a rate limit for too long."),
    ("limits_alone", "hub_service_limits_alone", "Requests that were counted without the other processes."),
    ("circuit_opened", "hub_service_circuit_opened", "How often the circuit has opened."),
    ("bytes_received", "hub_service_received_bytes", "Bytes of answers."),
    ("bytes_sent", "hub_service_sent_bytes", "Bytes of request bodies."),
    ("tokens", "hub_service_tokens", "Tokens, as the API reports them."),
    ("cost", "hub_service_cost", "Cost, as the API reports it."),
)
_GAUGES = (
    ("error_rate", "hub_service_error_ratio", "Part of the last five minutes' attempts that failed."),
    ("availability", "hub_service_availability_ratio", "Part of them that the API was there for."),
    ("pending", "hub_service_pending_requests", "Requests without an answer yet."),
)
_CACHE = ("hits", "misses", "revalidated", "stale", "shared")

Infos = Callable[[], Iterable[ServiceInfo]]


class ServiceCollector(Collector):
    """Collects from what services say of themselves.

    Args:
        services: gives what the services of this process say; those that no unit has asked for yet aren't made.
    """

    def __init__(self, services: Infos) -> None:
        self._services = services

    def collect(self) -> Iterator[Metric]:
        """One family per metric, with a sample per service."""
        infos = list(self._services())
        yield from _requests(infos)
        yield from _plain(infos)
        yield from _split(infos)
        circuit = GaugeMetricFamily(
            "hub_service_circuit", "1 for the state that the circuit is in.", labels=("service", "state")
        )
        remaining = GaugeMetricFamily(
            "hub_service_limit_remaining", "What is left of a rate limit, by the API.", labels=("service", "limit")
        )
        for info in infos:
            for state in _CIRCUITS if info.circuit is not None else ():
                circuit.add_metric((info.name, state), info.circuit == state)
            for limit in info.limits:
                if limit.remaining is not None:
                    remaining.add_metric((info.name, limit.name), limit.remaining)
        yield from (circuit, remaining)


def _requests(infos: list[ServiceInfo]) -> Iterator[Metric]:
    requests = CounterMetricFamily(
        "hub_service_requests", "Attempts, by status or by the signal of no answer.", labels=("service", "outcome")
    )
    latency = HistogramMetricFamily("hub_service_request_seconds", "Time until the answer.", labels=("service",))
    for info in infos:
        for outcome, count in {**info.figures["statuses"], **info.figures["failures"]}.items():
            requests.add_metric((info.name, str(outcome)), count)
        buckets = info.figures["latency_buckets"]
        bounds = (*map(str, buckets["bounds"]), "+Inf")
        counts = list(zip(bounds, accumulate(buckets["counts"]), strict=True))
        latency.add_metric((info.name,), counts, info.figures["latency_seconds"])
    yield from (requests, latency)


def _plain(infos: list[ServiceInfo]) -> Iterator[Metric]:
    for kind, table in ((CounterMetricFamily, _COUNTERS), (GaugeMetricFamily, _GAUGES)):
        for figure, name, about in table:
            family = kind(name, about, labels=("service",))
            for info in infos:
                if info.figures.get(figure) is not None:
                    family.add_metric((info.name,), info.figures[figure])
            yield family


def _split(infos: list[ServiceInfo]) -> Iterator[Metric]:
    cache = CounterMetricFamily("hub_service_cache", "What the cache did.", labels=("service", "outcome"))
    fallbacks = CounterMetricFamily(
        "hub_service_fallbacks", "Answers of fallbacks, by who gave them.", labels=("service", "by")
    )
    for info in infos:
        kept = info.figures.get("cache", {})
        for outcome in _CACHE if kept else ():
            cache.add_metric((info.name, outcome), kept[outcome])
        for by, count in info.figures.get("fallbacks", {}).items():
            fallbacks.add_metric((info.name, by), count)
    yield from (cache, fallbacks)


def document(infos: Iterable[ServiceInfo]) -> dict[str, Any]:
    """The services' state by name, for JSON."""
    found: dict[str, Any] = {}
    for info in infos:
        described = asdict(info)
        described["figures"]["statuses"] = {str(key): each for key, each in info.figures["statuses"].items()}
        found[info.name] = described
    return found
