"""Connection settings from the environment."""

import os
import ssl
import subprocess
import sys
import traceback
from pathlib import Path

import pytest

from hub.kafka.settings import PREFIX, KafkaSettings
from hub.sdk import ConfigError

PASSWORD = "correct-horse-battery-staple"
CERTIFICATES = Path(__file__).parents[2] / "integration" / "certificates"


@pytest.fixture
def set_(monkeypatch):
    for name in os.environ:
        if name.startswith(PREFIX):
            monkeypatch.delenv(name)

    def set_variables(**variables: str) -> None:
        for name, value in variables.items():
            monkeypatch.setenv(PREFIX + name, value)

    return set_variables


def message(**variables: str) -> str:
    with pytest.raises(ConfigError) as error:
        KafkaSettings(**variables)
    return str(error.value)


def test_without_a_cluster_the_error_says_how_to_get_one(set_):
    settings = KafkaSettings()

    assert settings.bootstrap_servers is None
    with pytest.raises(ConfigError, match=r"HUB_KAFKA__BOOTSTRAP_SERVERS.*hub kafka start"):
        settings.client_options()


def test_a_plain_cluster_needs_its_address_only(set_):
    set_(BOOTSTRAP_SERVERS="one:9092, two:9093")

    assert KafkaSettings().client_options() == {
        "bootstrap_servers": "one:9092, two:9093",
        "security_protocol": "PLAINTEXT",
    }


@pytest.mark.parametrize(
    "servers", ["broker", "broker:", ":9092", "broker:0", "broker:65536", "a:1,b", "a:http", "a:1,,b:2"]
)
def test_an_address_without_host_or_port_is_refused(set_, servers):
    set_(BOOTSTRAP_SERVERS=servers)

    assert "expected host:port" in message()


def test_a_user_name_and_password_over_tls(set_):
    set_(
        BOOTSTRAP_SERVERS="b:1",
        SECURITY_PROTOCOL="SASL_SSL",
        SASL_MECHANISM="SCRAM-SHA-512",
        SASL_USERNAME="alice",
        SASL_PASSWORD=PASSWORD,
    )
    options = KafkaSettings().client_options()

    assert options["sasl_mechanism"] == "SCRAM-SHA-512"
    assert (options["sasl_plain_username"], options["sasl_plain_password"]) == ("alice", PASSWORD)
    assert options["ssl_context"].verify_mode is ssl.CERT_REQUIRED
    assert options["ssl_context"].check_hostname


@pytest.mark.parametrize(
    ("variables", "missing"),
    [
        ({}, ["SASL_MECHANISM", "SASL_USERNAME", "SASL_PASSWORD"]),
        ({"SASL_MECHANISM": "PLAIN", "SASL_USERNAME": "alice"}, ["SASL_PASSWORD"]),
        ({"SASL_PASSWORD": PASSWORD, "SASL_MECHANISM": "PLAIN"}, ["SASL_USERNAME"]),
    ],
)
def test_what_is_missing_for_sasl_is_named(set_, variables, missing):
    set_(BOOTSTRAP_SERVERS="b:1", SECURITY_PROTOCOL="SASL_PLAINTEXT", **variables)
    text = message()

    assert all(PREFIX + name in text for name in missing)
    assert all(PREFIX + name not in text for name in variables)


@pytest.mark.parametrize(
    ("variables", "hint"),
    [
        ({"SASL_USERNAME": "alice", "SASL_PASSWORD": PASSWORD}, "SASL_PLAINTEXT or SASL_SSL"),
        ({"SSL_CAFILE": "/ca.pem"}, "SSL or SASL_SSL"),
        ({"SECURITY_PROTOCOL": "SSL", "SSL_KEYFILE": "/key.pem"}, "SSL_CERTFILE"),
        ({"SECURITY_PROTOCOL": "SSL", "SSL_PASSWORD": PASSWORD}, "SSL_CERTFILE"),
        ({"SECURITY_PROTOCOL": "SSL", "SASL_MECHANISM": "PLAIN"}, "SASL_PLAINTEXT or SASL_SSL"),
    ],
)
def test_what_would_go_unused_is_an_error_and_not_a_silent_downgrade(set_, variables, hint):
    set_(BOOTSTRAP_SERVERS="b:1", **variables)

    assert hint in message()


@pytest.mark.parametrize(
    ("name", "value", "hint"),
    [
        ("SECURITY_PROTOCOL", "TLS", "'SASL_SSL'"),
        ("SASL_MECHANISM", "GSSAPI", "'SCRAM-SHA-256'"),
        ("SSL_CHECK_HOSTNAME", "perhaps", "boolean"),
    ],
)
def test_a_value_of_the_wrong_kind_names_its_variable_and_what_is_possible(set_, name, value, hint):
    set_(BOOTSTRAP_SERVERS="b:1", **{name: value})
    text = message()

    assert PREFIX + name in text
    assert hint in text


def test_a_misspelt_variable_is_an_error_with_a_suggestion(set_):
    set_(BOOTSTRAP_SERVER="b:1")

    assert message() == (
        "the environment variable HUB_KAFKA__BOOTSTRAP_SERVER is unknown; did you mean HUB_KAFKA__BOOTSTRAP_SERVERS?"
    )


def test_an_unknown_variable_that_resembles_none_gets_the_list(set_):
    set_(COLOUR="red")

    assert "known are HUB_KAFKA__BOOTSTRAP_SERVERS, " in message()


def test_an_empty_variable_is_as_good_as_none(set_):
    set_(BOOTSTRAP_SERVERS="b:1", SASL_PASSWORD="", SSL_CAFILE="")

    assert KafkaSettings().sasl_password is None


def test_no_password_is_shown_by_anything_that_fails_or_prints(set_):
    set_(BOOTSTRAP_SERVERS="b:1", SECURITY_PROTOCOL="SASL_SSL", SASL_MECHANISM="WRONG", SASL_PASSWORD=PASSWORD)
    with pytest.raises(ConfigError) as error:
        KafkaSettings()
    assert PASSWORD not in "".join(traceback.format_exception(error.value))

    set_(SASL_MECHANISM="PLAIN", SASL_USERNAME="alice")
    settings = KafkaSettings()
    assert PASSWORD not in f"{settings} {settings!r} {settings.model_dump()} {settings.model_dump_json()}"


def test_the_embedded_kafka_is_plain_whatever_the_environment_says_of_another_one(set_):
    set_(BOOTSTRAP_SERVERS="b:1", SECURITY_PROTOCOL="SSL")

    assert KafkaSettings.plain("127.0.0.1:9").client_options() == {
        "bootstrap_servers": "127.0.0.1:9",
        "security_protocol": "PLAINTEXT",
    }


def test_a_certificate_and_an_encrypted_key_make_a_context(set_):
    set_(
        BOOTSTRAP_SERVERS="b:1",
        SECURITY_PROTOCOL="SSL",
        SSL_CAFILE=str(CERTIFICATES / "ca.pem"),
        SSL_CERTFILE=str(CERTIFICATES / "client.pem"),
        SSL_KEYFILE=str(CERTIFICATES / "client.encrypted.key"),
        SSL_PASSWORD="encrypted",
        SSL_CHECK_HOSTNAME="false",
    )
    context = KafkaSettings().client_options()["ssl_context"]

    assert len(context.get_ca_certs()) == 1
    assert not context.check_hostname
    assert context.verify_mode is ssl.CERT_REQUIRED


@pytest.mark.parametrize("password", ["", "wrong"])
def test_an_encrypted_key_without_its_password_is_an_error_and_never_a_prompt(set_, password):
    set_(
        BOOTSTRAP_SERVERS="b:1",
        SECURITY_PROTOCOL="SSL",
        SSL_CERTFILE=str(CERTIFICATES / "client.pem"),
        SSL_KEYFILE=str(CERTIFICATES / "client.encrypted.key"),
        SSL_PASSWORD=password,
    )
    with pytest.raises(ConfigError, match="HUB_KAFKA__SSL_PASSWORD"):
        KafkaSettings().client_options()


@pytest.mark.parametrize("name", ["SSL_CAFILE", "SSL_CERTFILE"])
def test_a_file_that_is_not_there_is_named_with_its_variable(set_, name):
    set_(BOOTSTRAP_SERVERS="b:1", SECURITY_PROTOCOL="SSL", **{name: "/nowhere/file.pem"})

    with pytest.raises(ConfigError, match=rf"{PREFIX}{name}=/nowhere/file\.pem can't be used|/nowhere/file\.pem with"):
        KafkaSettings().client_options()


def test_settings_and_names_are_read_without_a_kafka_client_being_imported():
    code = "import sys, hub.kafka.names, hub.kafka.specs, hub.kafka.settings; sys.exit('aiokafka' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
