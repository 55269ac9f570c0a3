"""Clients of Kafka that are cut off while they start leave nothing open."""

from __future__ import annotations

import asyncio
import gc
import warnings

import pytest

from hub.kafka import clients
from tests.chaos.cancelling import Cancelled


@pytest.mark.parametrize("make", [clients.consumer, clients.producer, clients.admin])
async def test_a_client_that_is_cancelled_wherever_it_waits_as_it_starts_leaves_no_connection_open(kafka, make):
    """Bootstrap's first connection, which aiokafka forgets, among them."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always", ResourceWarning)
        for step in range(1, 40):
            client = make(kafka)
            life = Cancelled(clients.start(client), step)
            await asyncio.wait({life.task})
            if not life.task.cancelled():
                await clients.close(client)
                break
        else:
            raise AssertionError("never started")
        gc.collect()
        await asyncio.sleep(0)
    assert step > 3
    assert [str(each.message) for each in told if "AIOKafkaConnection" in str(each.message)] == []
