"""The broker's answers, as aiormq hands them to what stands in the place of its futures."""

from __future__ import annotations

import tomllib
from collections.abc import AsyncIterator
from importlib.metadata import version
from pathlib import Path

import aio_pika
import aiormq
import pytest
from aiormq.abc import ChannelFrame
from aiormq.exceptions import ChannelNotFoundEntity, PublishError
from packaging.requirements import Requirement

from connectors.rabbitmq.confirms import Confirms
from connectors.rabbitmq.frames import Message, properties, published
from connectors.rabbitmq.tests.broker import Peer


def test_only_versions_are_installed_whose_inside_is_known() -> None:
    """A new minor version of either is for this file's other tests to look at first."""
    required = {}
    for text in tomllib.loads(Path("pyproject.toml").read_text())["project"]["dependencies"]:
        requirement = Requirement(text)
        required[requirement.name] = requirement.specifier
    for name, following in (("aio-pika", "10.3.0"), ("aiormq", "7.3.0")):
        assert version(name) in required[name]
        assert following not in required[name]


@pytest.fixture
async def channel(peer: Peer) -> AsyncIterator[aiormq.Channel]:
    """A channel with confirmations."""
    async with await aio_pika.connect(peer.url) as connection:
        opened = await connection.channel(publisher_confirms=True, on_return_raises=True)
        channel = await opened.get_underlay_channel()
        assert isinstance(channel, aiormq.Channel)
        yield channel


async def send(channel: aiormq.Channel, *routes: tuple[str, str], exchange: str = "") -> Confirms:
    """Publishes messages, each with a name and a routing key."""
    outgoing = [(Message(name, properties({}, message_id=name, app_id=None), b"x"), key) for name, key in routes]
    confirms = Confirms(channel, [name for name, _ in routes])
    payload = published(outgoing, channel=channel.number, exchange=exchange, mandatory=True, frame_max=4096)
    async with channel.lock:
        confirms.expect()
        await channel.write_queue.put(ChannelFrame(payload=payload, should_close=False))
    return confirms


async def test_each_message_has_its_own_answer(channel: aiormq.Channel, peer: Peer, unique: str) -> None:
    """Of many, those come back that no queue takes; nothing is left behind of any."""
    await peer.declare(unique, durable=True)
    confirms = await send(channel, *((str(n), unique if n % 10 else f"{unique}-nowhere") for n in range(200)))
    await confirms.complete
    errors = confirms.errors(None)
    assert set(errors) == set(range(0, 200, 10))
    assert {type(error) for error in errors.values()} == {PublishError}
    assert channel.message_id_delivery_tag == {}
    await (await send(channel, ("last", unique))).complete
    assert len(channel.confirmations) == 0
    assert len(await peer.take(unique)) == 181


async def test_what_was_withdrawn_leaves_the_count_as_it_was(channel: aiormq.Channel, peer: Peer, unique: str) -> None:
    """The broker counts what it gets: answers after that still belong to the right messages."""
    await peer.declare(unique, durable=True)
    await (await send(channel, ("a", unique))).complete
    confirms = Confirms(channel, ["b", "c"])
    async with channel.lock:
        confirms.expect()
        confirms.withdraw()
    assert channel.message_id_delivery_tag == {}
    assert set(confirms.errors(TimeoutError())) == {0, 1}
    after = await send(channel, ("d", unique), ("e", f"{unique}-nowhere"))
    await after.complete
    assert set(after.errors(None)) == {1}


async def test_the_end_of_the_channel_is_told_to_all_that_wait(channel: aiormq.Channel, unique: str) -> None:
    """The broker closes it for an exchange that isn't there; none of the messages has an answer."""
    confirms = await send(channel, ("a", "key"), ("b", "key"), exchange=unique)
    with pytest.raises(ChannelNotFoundEntity):
        await confirms.complete
    assert {index: type(error) for index, error in confirms.errors(confirms.complete.exception()).items()} == {
        0: ChannelNotFoundEntity,
        1: ChannelNotFoundEntity,
    }


async def test_an_answer_that_nobody_waits_for_any_more_is_passed_over(
    channel: aiormq.Channel, peer: Peer, unique: str, caplog: pytest.LogCaptureFixture
) -> None:
    """It comes late, after the caller has gone; the next messages have theirs."""
    await peer.declare(unique, durable=True)
    late = await send(channel, ("a", unique))
    late.complete.cancel()
    await (await send(channel, ("a", unique), ("b", unique))).complete
    assert set(late.errors(TimeoutError())) <= {0}
    assert not [each for each in caplog.records if each.levelname in ("WARNING", "ERROR")]
