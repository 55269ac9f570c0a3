"""A service's state in one piece, for status pages, metrics and people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hub.sdk.service import ServiceInfo
from hub.services.accounts import BUCKETS

if TYPE_CHECKING:
    from hub.services.http import HttpService


def described(service: HttpService) -> ServiceInfo:
    """What a service is and how it fares, without asking it."""
    parts = {
        "cache": service.cache,
        "retry": service.retry,
        "circuit_breaker": service.breaker,
        "rate_limit": service.limiter,
        "endpoints": service.balancer,
        "fallback": service.fallback,
    }
    breaker = service.breaker
    return ServiceInfo(
        name=service.name,
        address=service.addresses,
        policies=tuple(name for name, part in parts.items() if part is not None),
        circuit=None if breaker is None else breaker.state,
        next_probe=0.0 if breaker is None else breaker.next_probe,
        reason="" if breaker is None else breaker.reason,
        limits=tuple(service.limits()),
        figures=_figures(service),
    )


def _figures(service: HttpService) -> dict[str, Any]:
    accounts = service.accounts
    figures: dict[str, Any] = {
        "requests": accounts.requests,
        "pending": accounts.pending,
        "statuses": dict(accounts.statuses),
        "failures": dict(accounts.failures),
        "latency_buckets": {"bounds": BUCKETS, "counts": tuple(accounts.latency)},
        "latency_seconds": accounts.seconds,
        "latency_p50": accounts.quantile(0.5),
        "latency_p99": accounts.quantile(0.99),
        "error_rate": accounts.error_rate,
        "availability": accounts.availability,
        "bytes_received": accounts.received,
        "bytes_sent": accounts.sent,
        "tokens": accounts.tokens,
        "cost": accounts.cost,
    }
    if (cache := service.cache) is not None:
        counted = ("hits", "misses", "revalidated", "stale", "shared", "entries", "size")
        figures["cache"] = {name: getattr(cache, name) for name in counted}
    if (retry := service.retry) is not None:
        figures |= {"retries": retry.retries, "retries_refused": retry.exhausted}
    if (limiter := service.limiter) is not None:
        figures |= {"waits": limiter.waits, "waited_seconds": limiter.waited, "limited": limiter.refused}
        figures["limits_alone"] = limiter.alone
    if service.breaker is not None:
        figures["circuit_opened"] = service.breaker.opened
    if service.fallback is not None:
        figures["fallbacks"] = dict(service.fallback.used)
    return figures
