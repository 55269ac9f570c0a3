"""Fixtures of this connector's tests."""

from collections.abc import AsyncIterator

import pytest_asyncio

from connectors.github.tests.reading import World, world


@pytest_asyncio.fixture(name="world")
async def _world() -> AsyncIterator[World]:
    async with world() as one:
        yield one
