"""Fetches ahead of time what tests and the demo would fetch when they first need it.

The set-up runs it as ``python -m hub.testing.prefetch demo|test``.
"""

from __future__ import annotations

import sys

from hub.kafka.jars import ensure_jars
from hub.sdk.errors import EnvironmentProblem
from hub.testing import jsonserver, oidc
from hub.testing.asyncapi import SPECS
from hub.testing.containers import docker_wanted, ensure_image
from hub.testing.octokit import PACKAGES
from hub.testing.registry import ensure_distribution
from hub.testing.servers import KAFKA_IMAGE, RABBITMQ_IMAGE, REDIS_IMAGE, REGISTRY_IMAGE


def main(purpose: str) -> int:
    """Fetches what a purpose needs; tells it line by line.

    Args:
        purpose: ``demo`` or ``test``; the demo does without GitHub's payloads where there is no npm.

    Returns:
        exit status: 3 if something can't be had.
    """
    try:
        ensure_jars(_tell)
        if docker_wanted():
            more = (REDIS_IMAGE, REGISTRY_IMAGE) if purpose == "test" else ()
            for image in (KAFKA_IMAGE, RABBITMQ_IMAGE, *more):
                ensure_image(image, _tell)
        elif purpose == "test":
            ensure_distribution(_tell)
        if purpose == "test":
            for package in (*PACKAGES, SPECS):
                package.fetch(_tell)
            for server in (oidc, jsonserver):
                server.ensure_packages(_tell)
    except EnvironmentProblem as problem:
        sys.stderr.write(f"{problem}\n")
        return 3
    return 0


def _tell(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
