"""The deployment in ``deployments/shop``, which uses all that routes can do."""

from __future__ import annotations

from pathlib import Path

import pytest

from hub.deployment import Deployment, load
from hub.workbench.lineage import Tracer

SHOP = Path(__file__).parents[1] / "deployments" / "shop"


@pytest.fixture(scope="session")
def shop() -> Deployment:
    return load(SHOP)


@pytest.fixture(scope="session")
def tracer(shop: Deployment) -> Tracer:
    return Tracer(shop)
