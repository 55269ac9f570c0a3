"""The deployment in ``deployments/shop``, which uses all that routes can do, and pictures made up by chance."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from hub.deployment import Deployment, load
from hub.workbench.graph import Branch, Edge, Graph, Node

SHOP = Path(__file__).parents[1] / "deployments" / "shop"


@pytest.fixture(scope="session")
def shop() -> Deployment:
    return load(SHOP)


def made_up(seed: int, routes: int = 30) -> Graph:
    """A picture of sources, topics, routes with branches, and sinks; with circles, and with nodes of no edge."""
    chance = random.Random(seed)
    nodes: dict[str, Node] = {}
    edges: dict[Edge, None] = {}

    def add(kind: str, name: str, **details: object) -> str:
        return nodes.setdefault(f"{kind}:{name}", Node(f"{kind}:{name}", kind, name, **details)).id

    topics = [add("topic", f"{chance.choice(['orders', 'users', 'payments'])}.{number}") for number in range(routes)]
    for number in range(routes // 3):
        source = add("source", f"source_{number}", detail="github.webhook", notes=("and 54 event types",))
        edges.update((Edge(source, each), None) for each in chance.sample(topics, 2))
    sinks = [add("sink", f"sink_{number}", detail="http") for number in range(max(routes // 4, 1))]
    for number in range(routes):
        branches = (Branch("1", "data.total > 1000"), Branch("2", "otherwise")) if number % 4 == 0 else ()
        detail = chance.choice(["", 'where data.status == "open" && data.total > 100 && has(data.customer.email)'])
        route = add("route", f"route_{number}", detail=detail, branches=branches, dlq=f"made.route_{number}.dlq")
        edges[Edge(chance.choice(topics), route)] = None
        for _ in range(chance.randint(1, 3)):
            branch = chance.choice(branches).name if branches else None
            edges[Edge(route, chance.choice([*topics, *sinks]), branch=branch)] = None
    edges[Edge(sinks[0], topics[0], "reply")] = None
    return Graph("made up", "Made up.", nodes, tuple(edges))
