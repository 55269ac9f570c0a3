"""TLS, mutual TLS and SASL against a real broker that asks for them."""

import os
import subprocess
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import NamedTuple

import pytest
import pytest_asyncio

from hub.kafka import broker, topics
from hub.kafka.embedded import EmbeddedKafka
from hub.kafka.jars import ensure_jars
from hub.kafka.java import find_java
from hub.kafka.publisher import Publisher, Record, RecordMetadata
from hub.kafka.settings import PREFIX, KafkaSettings
from hub.kafka.specs import TopicSpec
from hub.process import free_ports
from hub.sdk import ConfigError, HubError, NotConnected

CERTIFICATES = Path(__file__).with_name("certificates")
CLIENT = {
    "SSL_CERTFILE": str(CERTIFICATES / "client.pem"),
    "SSL_KEYFILE": str(CERTIFICATES / "client.encrypted.key"),
    "SSL_PASSWORD": "encrypted",
}
TRUST = {"SSL_CAFILE": str(CERTIFICATES / "ca.pem")}
PASSWORD = "alice-secret"

Environment = Callable[..., KafkaSettings]


class Secured(NamedTuple):
    """Addresses of the listeners of one broker, by what they ask for."""

    plain: str
    sasl: str
    mutual: str


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def secured(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Secured]:
    directory = tmp_path_factory.mktemp("kafka")
    identity = directory / "broker.pem"
    identity.write_text((CERTIFICATES / "broker.key").read_text() + (CERTIFICATES / "broker.pem").read_text())
    plain, controller, sasl, mutual = free_ports(4)
    listeners = f"PLAINTEXT://127.0.0.1:{plain},SASL://127.0.0.1:{sasl},MUTUAL://127.0.0.1:{mutual}"
    kafka = EmbeddedKafka(
        directory,
        plain,
        overrides={
            "listeners": f"{listeners},CONTROLLER://127.0.0.1:{controller}",
            "advertised.listeners": listeners,
            "controller.quorum.voters": f"1@127.0.0.1:{controller}",
            "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL:SASL_SSL,MUTUAL:SSL",
            "listener.name.mutual.ssl.client.auth": "required",
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": str(identity),
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": TRUST["SSL_CAFILE"],
            "sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-512",
            "listener.name.sasl.plain.sasl.jaas.config": (
                f'org.apache.kafka.common.security.plain.PlainLoginModule required user_alice="{PASSWORD}";'
            ),
            "listener.name.sasl.scram-sha-512.sasl.jaas.config": (
                "org.apache.kafka.common.security.scram.ScramLoginModule required;"
            ),
        },
    )
    try:
        await kafka.start()
        _add_alice(kafka.bootstrap)
        yield Secured(kafka.bootstrap, f"127.0.0.1:{sasl}", f"127.0.0.1:{mutual}")
    finally:
        kafka.kill()


def _add_alice(bootstrap: str) -> None:
    """Users of SCRAM stand in the cluster itself."""
    done = subprocess.run(
        broker.command(
            find_java(),
            ensure_jars(),
            *("kafka.admin.ConfigCommand", "--bootstrap-server", bootstrap, "--alter"),
            *(
                "--add-config",
                f"SCRAM-SHA-512=[password={PASSWORD}]",
                "--entity-type",
                "users",
                "--entity-name",
                "alice",
            ),
        ),
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> Environment:
    """Settings read from an environment with these variables alone."""

    def make(address: str, protocol: str, **variables: str) -> KafkaSettings:
        for name in os.environ:
            if name.startswith(PREFIX):
                monkeypatch.delenv(name)
        variables |= {"BOOTSTRAP_SERVERS": address, "SECURITY_PROTOCOL": protocol}
        for name, value in variables.items():
            monkeypatch.setenv(PREFIX + name, value)
        return KafkaSettings()

    return make


async def works(settings: KafkaSettings, topic: str) -> None:
    """Raises unless a topic can be made and written, over the listener that the settings name."""
    await topics.ensure_topics(settings, [TopicSpec(topic)])
    async with Publisher(settings) as publisher:
        (result,) = await publisher.send([Record(topic, b"k", b"v")])
    assert isinstance(result, RecordMetadata), result


def alice(mechanism: str, password: str = PASSWORD) -> dict[str, str]:
    return {"SASL_MECHANISM": mechanism, "SASL_USERNAME": "alice", "SASL_PASSWORD": password}


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-512"])
async def test_a_user_with_a_password_over_tls(secured: Secured, settings: Environment, unique: str, mechanism: str):
    await works(settings(secured.sasl, "SASL_SSL", **TRUST, **alice(mechanism)), unique)


async def test_mutual_tls_with_an_encrypted_key(secured: Secured, settings: Environment, unique: str):
    await works(settings(secured.mutual, "SSL", **TRUST, **CLIENT), unique)


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-512"])
async def test_a_wrong_password_is_a_mistake_in_the_configuration_and_not_shown(
    secured: Secured, settings: Environment, unique: str, mechanism: str, caplog: pytest.LogCaptureFixture
):
    with pytest.raises(ConfigError) as error:
        await works(settings(secured.sasl, "SASL_SSL", **TRUST, **alice(mechanism, "not-the-password")), unique)

    assert "not-the-password" not in str(error.value) + caplog.text


async def test_a_broker_whose_certificate_is_not_trusted_is_not_talked_to(
    secured: Secured, settings: Environment, unique: str
):
    with pytest.raises(ConfigError, match="certificate verify failed"):
        await works(settings(secured.sasl, "SASL_SSL", **alice("PLAIN")), unique)


async def test_a_certificate_must_name_the_host_unless_the_user_says_otherwise(
    secured: Secured, settings: Environment, unique: str
):
    """The certificate names 127.0.0.1 only, and brokers advertise their own addresses: so both are tried by name."""
    address = secured.sasl.replace("127.0.0.1", "localhost")
    with pytest.raises(ConfigError, match="certificate verify failed"):
        await works(settings(address, "SASL_SSL", **TRUST, **alice("PLAIN")), unique)

    await works(settings(address, "SASL_SSL", SSL_CHECK_HOSTNAME="false", **TRUST, **alice("PLAIN")), unique)


async def test_without_a_certificate_of_ones_own_mutual_tls_is_refused(
    secured: Secured, settings: Environment, unique: str
):
    with pytest.raises(HubError):
        await works(settings(secured.mutual, "SSL", **TRUST), unique)


async def test_tls_to_a_port_that_speaks_plain_text_ends_in_time(secured: Secured, settings: Environment, unique: str):
    with pytest.raises(NotConnected):
        await works(settings(secured.plain, "SSL", **TRUST), unique)


async def test_plain_text_to_a_port_that_speaks_tls_ends_in_time(secured: Secured, settings: Environment, unique: str):
    with pytest.raises(NotConnected):
        await works(settings(secured.sasl, "PLAINTEXT"), unique)
