"""Which ports the embedded Kafka listens on."""

from __future__ import annotations

import errno
import socket

from hub.kafka.broker import HOST
from hub.kafka.instance import Instance
from hub.process import free_ports
from hub.sdk import EnvironmentProblem


def choose_ports(wanted: int | None, last: Instance | None) -> tuple[int, int]:
    """A port for clients and one for the controller.

    Args:
        wanted: for clients; any if not given.
        last: the instance before, whose port for clients is kept where it is still free.

    Raises:
        EnvironmentProblem: the one that is wanted can't be had.
    """
    controller, free = free_ports(2)
    if wanted is not None:
        if problem := _taken(wanted):
            raise EnvironmentProblem(
                f"port {wanted} on {HOST} can't be used: {problem}; name another one, or none to get one that is free"
            )
        return wanted, free if wanted == controller else controller
    if last is not None and last.port != controller and _taken(last.port) is None:
        return last.port, controller
    return free, controller


def _taken(port: int) -> str | None:
    """Why a port can't be listened on; ``None`` if it can."""
    if not 0 < port < 65536:  # noqa: PLR2004  TCP's range
        return "ports go from 1 to 65535"
    with socket.socket() as trial:
        # As Java does, so that connections of an earlier broker that linger are no hindrance.
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind((HOST, port))
            trial.listen(1)
        except OSError as error:
            return "another program has it" if error.errno == errno.EADDRINUSE else str(error.strerror)
    return None
