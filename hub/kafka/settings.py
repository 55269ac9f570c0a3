"""How to reach the user's Kafka cluster: from the environment, as ``HUB_KAFKA__BOOTSTRAP_SERVERS`` and so on."""

from __future__ import annotations

import difflib
import os
import ssl
from collections.abc import Mapping
from typing import Any, Literal, Self

from pydantic import SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from hub import secrecy
from hub.sdk import ConfigError

PREFIX = "HUB_KAFKA__"

Protocol = Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]
Mechanism = Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]


class KafkaSettings(BaseSettings):
    """Connection to a Kafka cluster. Each field is read from ``HUB_KAFKA__`` + its name in capitals.

    Raises:
        ConfigError: a value is of the wrong kind, a combination can't work, or a variable has an unknown name. No
            message holds a value of a secret.
    """

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        frozen=True,
        extra="forbid",
        env_ignore_empty=True,
        hide_input_in_errors=True,
        use_attribute_docstrings=True,
    )

    bootstrap_servers: str | None = None
    """``host:port``, several separated by commas; none means the embedded Kafka, where a command can start it."""
    security_protocol: Protocol = "PLAINTEXT"
    """``SSL`` for TLS and mutual TLS, ``SASL_SSL`` for a user name and password over TLS."""
    sasl_mechanism: Mechanism | None = None
    sasl_username: str | None = None
    sasl_password: SecretStr | None = None
    ssl_cafile: str | None = None
    """PEM file of the authorities that signed the brokers' certificates; none means the system's."""
    ssl_certfile: str | None = None
    """PEM file of the client's own certificate, for mutual TLS."""
    ssl_keyfile: str | None = None
    """PEM file of the client's key; none if it stands in ``ssl_certfile``."""
    ssl_password: SecretStr | None = None
    """Password of an encrypted key."""
    ssl_check_hostname: bool = True
    """Whether a broker's certificate must name the host that we connect to."""

    def __init__(self, **values: Any) -> None:
        _reject_unknown(os.environ)
        try:
            super().__init__(**values)
        except ValidationError as error:
            # The input is left out: it may hold the password of a sibling field.
            found = "; ".join(
                f"{_variable(str(each['loc'][0]) if each['loc'] else '')}: {each['msg']}"
                for each in error.errors(include_input=False, include_url=False, include_context=False)
            )
            raise ConfigError(f"Kafka's connection settings are wrong: {found}") from None
        secrecy.note(self)

    @classmethod
    def plain(cls, bootstrap_servers: str) -> KafkaSettings:
        """Settings of a cluster without encryption or password, whatever the environment says of another one."""
        return cls.model_construct(bootstrap_servers=bootstrap_servers)

    @model_validator(mode="after")
    def _combine(self) -> Self:
        if self.bootstrap_servers is not None:
            _check_servers(self.bootstrap_servers)
        if self.security_protocol.startswith("SASL_"):
            self._need("sasl_mechanism", "sasl_username", "sasl_password")
        else:
            self._refuse("SASL_PLAINTEXT or SASL_SSL", "sasl_mechanism", "sasl_username", "sasl_password")
        if not self.security_protocol.endswith("SSL"):
            self._refuse("SSL or SASL_SSL", "ssl_cafile", "ssl_certfile", "ssl_keyfile", "ssl_password")
        if self.ssl_certfile is None and (self.ssl_keyfile or self.ssl_password):
            raise ConfigError(
                f"a client key without its certificate: set {_variable('ssl_certfile')} to a PEM file, "
                f"or unset {_variable('ssl_keyfile')} and {_variable('ssl_password')}"
            )
        return self

    def _need(self, *fields: str) -> None:
        missing = [_variable(name) for name in fields if getattr(self, name) is None]
        if missing:
            raise ConfigError(
                f"{_variable('security_protocol')}={self.security_protocol} needs {' and '.join(missing)} as well"
            )

    def _refuse(self, protocols: str, *fields: str) -> None:
        given = [_variable(name) for name in fields if getattr(self, name) is not None]
        if given:
            raise ConfigError(
                f"{' and '.join(given)} would go unused with {_variable('security_protocol')}="
                f"{self.security_protocol}: set that to {protocols}, or unset the others"
            )

    def client_options(self) -> dict[str, Any]:
        """Keyword arguments that every aiokafka client takes.

        Raises:
            ConfigError: no server is given, or a certificate file can't be used.
        """
        if self.bootstrap_servers is None:
            raise ConfigError(
                f"no Kafka cluster is given: set {_variable('bootstrap_servers')} to host:port of yours, "
                "or start the embedded one with `hub kafka start` (`hub up` does so by itself)"
            )
        options: dict[str, Any] = {
            "bootstrap_servers": self.bootstrap_servers,
            "security_protocol": self.security_protocol,
        }
        if self.security_protocol.endswith("SSL"):
            options["ssl_context"] = self._ssl_context()
        if self.security_protocol.startswith("SASL_"):
            assert self.sasl_password is not None  # _combine
            options["sasl_mechanism"] = self.sasl_mechanism
            options["sasl_plain_username"] = self.sasl_username
            options["sasl_plain_password"] = self.sasl_password.get_secret_value()
        return options

    def _ssl_context(self) -> ssl.SSLContext:
        try:
            context = ssl.create_default_context(cafile=self.ssl_cafile)
        except (OSError, ssl.SSLError) as error:
            raise ConfigError(f"{_variable('ssl_cafile')}={self.ssl_cafile} can't be used: {error}") from error
        context.check_hostname = self.ssl_check_hostname
        if self.ssl_certfile is not None:
            password = self.ssl_password.get_secret_value() if self.ssl_password else ""
            try:
                # Always a password: without one OpenSSL would ask for it on the terminal and hang.
                context.load_cert_chain(self.ssl_certfile, self.ssl_keyfile, lambda: password)
            except (OSError, ssl.SSLError) as error:
                raise ConfigError(
                    f"{_variable('ssl_certfile')}={self.ssl_certfile} with its key "
                    f"{self.ssl_keyfile or '(in the same file)'} can't be used: {error}; an encrypted key needs "
                    f"{_variable('ssl_password')}"
                ) from error
        return context


def _variable(field: str) -> str:
    return PREFIX + field.upper()


def _check_servers(servers: str) -> None:
    for each in servers.split(","):
        host, colon, port = each.strip().rpartition(":")
        if not host or not colon or not port.isdecimal() or not 0 < int(port) < 65536:  # noqa: PLR2004  TCP's range
            raise ConfigError(
                f"{_variable('bootstrap_servers')}: expected host:port, several separated by commas; got {servers!r}"
            )


def _reject_unknown(environ: Mapping[str, str]) -> None:
    """A misspelt variable would otherwise be passed over in silence."""
    for name in environ:
        field = name.upper().removeprefix(PREFIX).lower()
        if name.upper().startswith(PREFIX) and field not in KafkaSettings.model_fields:
            # Compared without the prefix, which would make everything similar.
            close = difflib.get_close_matches(field, KafkaSettings.model_fields, n=1)
            raise ConfigError(
                f"the environment variable {name} is unknown; "
                + (
                    f"did you mean {_variable(close[0])}?"
                    if close
                    else f"known are {', '.join(map(_variable, KafkaSettings.model_fields))}"
                )
            )
