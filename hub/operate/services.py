"""Services as operators see them: metrics, and their state as JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict
from itertools import accumulate
from typing import Any

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from hub.sdk.service import ServiceInfo

_CIRCUITS = ("closed", "open", "half_open")
_WORST = ("open", "half_open", "closed")
_RATIOS = ("error_rate", "availability")
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


def merged(documents: Mapping[int, Mapping[str, Any]]) -> dict[str, Any]:
    """The services of several workers: counts added up, circuits and limits as the worst off has them.

    Args:
        documents: what `document` says of each worker's services, by the worker's number.
    """
    names = dict.fromkeys(name for each in documents.values() for name in each)
    return {name: _together({n: each[name] for n, each in documents.items() if name in each}) for name in names}


def _together(states: Mapping[int, Mapping[str, Any]]) -> dict[str, Any]:
    first = next(iter(states.values()))
    worst = min(states.values(), key=lambda each: _WORST.index(each["circuit"] or "closed"))
    addresses: dict[str, bool] = {}
    limits: dict[str, dict[str, Any]] = {}
    for state in states.values():
        for address, up in state["address"].items():
            addresses[address] = up and addresses.get(address, True)
        for limit in state["limits"]:
            limits[limit["name"]] = _tighter(limits.get(limit["name"]), limit)
    return {
        **first,
        "address": addresses,
        **{key: worst[key] for key in ("circuit", "next_probe", "reason")},
        "limits": list(limits.values()),
        "figures": _added([state["figures"] for state in states.values()]),
        "workers": {str(number): state["circuit"] for number, state in states.items()},
    }


def _tighter(one: dict[str, Any] | None, other: Mapping[str, Any]) -> dict[str, Any]:
    """A limit as two workers see it: with the one for whom less is left; all that wait for it."""
    if one is None:
        return dict(other)
    remaining = [each["remaining"] for each in (one, other)]
    less = other if None not in remaining and remaining[1] < remaining[0] else one
    waiting = one["waiting"] + other["waiting"]
    return {**less, "wait": max(one["wait"], other["wait"]), "waiting": waiting}


def _added(figures: list[Mapping[str, Any]]) -> dict[str, Any]:
    """Counts added up; ratios by the number of requests; quantiles from the histograms together."""
    total: dict[str, Any] = {}
    for name in dict.fromkeys(name for each in figures for name in each):
        values = [(each[name], each["requests"]) for each in figures if each.get(name) is not None]
        if name == "latency_buckets":
            counts = [sum(column) for column in zip(*(value["counts"] for value, _ in values), strict=True)]
            total[name] = {"bounds": values[0][0]["bounds"], "counts": counts}
        elif name in _RATIOS:
            weight = sum(requests for _, requests in values)
            total[name] = sum(value * requests for value, requests in values) / weight if weight else None
        elif values and isinstance(values[0][0], Mapping):
            counted: Counter[str] = Counter()
            for value, _ in values:
                counted.update(value)
            total[name] = dict(counted)
        elif not name.startswith("latency_p"):
            total[name] = sum(value for value, _ in values)
    buckets = total["latency_buckets"]
    for name, part in (("latency_p50", 0.5), ("latency_p99", 0.99)):
        seen, wanted = accumulate(buckets["counts"]), part * sum(buckets["counts"])
        bounds = (bound for bound, so_far in zip(buckets["bounds"], seen, strict=False) if so_far >= wanted > 0)
        total[name] = next(bounds, None)
    return total
