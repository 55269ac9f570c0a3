"""Choosing ports."""

import socket

import pytest

from hub.kafka.instance import Instance
from hub.kafka.ports import choose_ports
from hub.process import free_ports
from hub.sdk import EnvironmentProblem


@pytest.fixture
def taken():
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        yield listening.getsockname()[1]


def test_free_ones_where_nobody_minds():
    port, controller = choose_ports(None, None)

    assert port != controller


def test_the_last_one_where_it_is_free():
    (last,) = free_ports(1)

    assert choose_ports(None, Instance(1, last, 1, 0))[0] == last


def test_another_one_where_the_last_is_taken(taken):
    assert choose_ports(None, Instance(1, taken, 1, 0))[0] != taken


def test_the_one_that_is_wanted():
    (wanted,) = free_ports(1)

    assert choose_ports(wanted, Instance(1, 9, 1, 0))[0] == wanted


def test_a_port_that_is_taken_is_an_error_that_says_so(taken):
    with pytest.raises(EnvironmentProblem, match=f"port {taken} .*another program has it"):
        choose_ports(taken, None)


@pytest.mark.parametrize("port", [0, -1, 65536])
def test_a_number_that_is_no_port_is_an_error(port):
    with pytest.raises(EnvironmentProblem, match="1 to 65535"):
        choose_ports(port, None)


def test_a_port_that_was_just_closed_can_be_used_again():
    with socket.socket() as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as Java does
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        port = listening.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)) as client:
            accepted, _ = listening.accept()
            accepted.close()  # leaves the server's side in TIME_WAIT
            assert client.recv(1) == b""

    assert choose_ports(port, None)[0] == port
