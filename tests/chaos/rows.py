"""What is done to the hub, what must hold, and which results show it: the suite's table, row by row."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One kind of fault.

    Attributes:
        fault: what is done.
        holds: what must hold.
        results: names of the results that show it, one for each test.
    """

    fault: str
    holds: str
    results: tuple[str, ...]


ROWS = (
    Row(
        "worker kill -9, 20 times during 1,000,000 events",
        "0 lost, 0 duplicated, order per key kept; p95 resume ≤ 15 s",
        ("worker-kill", "webhook-kill"),
    ),
    Row(
        "SIGSTOP for 1.5 times the session timeout, 20 times",
        "0 duplicated; the zombie is fenced",
        ("worker-stop", "source-stop"),
    ),
    Row("the same with scheme A: the control", "the checker sees duplicates", ("control-scheme-a", "source-control")),
    Row("workers join and leave every 2 s, 50 times", "0 / 0 / 0", ("worker-join-leave",)),
    Row("the same source started twice", "exactly one makes progress", ("source-twice", "source-handover")),
    Row(
        "broker kill -9, 10 times, both coordinators among them; rolling restart of all three",
        "0 / 0; the concurrent reader agrees; resume ≤ 30 s",
        ("broker-kill", "rolling-restart"),
    ),
    Row("EndTxn dropped or delayed 60 s by the proxy", "no torn transaction", ("end-late-or-lost", "end-after-reset")),
    Row("handler slower than the transaction timeout", "abort, resume, 0 duplicated", ("slow-mapping",)),
    Row(
        "cancellation at every await point (1,000 seeds)",
        "no hang over 5 s, 0 / 0",
        ("cancellation", "cancellation-together"),
    ),
    Row("1 % poison records (JSON, UTF-8, schema, headers)", "DLQ count = injected, causes right", ("poison",)),
    Row(
        "DLQ topic unavailable or unauthorised",
        "input offset stands still, unit reports it, 0 lost",
        ("dlq-unavailable", "dlq-unauthorised"),
    ),
    Row("DLQ replay run twice, and killed half-way", "effect once per event id", ("dlq-replay",)),
    Row("source killed between any two of its steps", "no gap, no repeat", ("source-steps", "source-kill")),
    Row(
        "RabbitMQ kill -9, 10 times; memory alarm 60 s; queue deleted; overflow rejected",
        "0 lost; duplicates ≤ unconfirmed, none after deduplication; unroutable → DLQ, never success",
        ("rabbitmq-kill", "rabbitmq-memory-alarm", "rabbitmq-queue-deleted", "rabbitmq-overflow"),
    ),
    Row(
        "HTTP sink: 500s, 429 with Retry-After, hangs, resets, half answers",
        "schedule kept, same idempotency key, 0 lost",
        ("http-unreliable",),
    ),
    Row(
        "a sink down for an hour under load (scaled)",
        "RSS growth ≤ 50 MB, no rebalance, other sinks unaffected",
        ("sink-down",),
    ),
    Row(
        "disk full and read-only disk under the embedded Kafka",
        "clear error, nothing corrupted after space returns",
        ("disk-full", "disk-read-only"),
    ),
)
NAMES = frozenset(name for row in ROWS for name in row.results)
