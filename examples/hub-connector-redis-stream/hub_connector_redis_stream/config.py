"""What a schema file says of a stream."""

from __future__ import annotations

from datetime import timedelta

from hub.sdk import Config, Duration, Mapped, SinkConfig, SourceConfig
from pydantic import Field, SecretStr, field_validator


class StreamConfig(Config):
    """Which Redis, and which stream of it."""

    url: SecretStr
    """Where Redis is: `redis://user:password@host:6379/0`, or `rediss://` for TLS."""
    stream: str = Field(min_length=1)
    """The stream's key."""
    timeout: Duration = Field(default=timedelta(seconds=5), ge=timedelta(milliseconds=100))
    """How long Redis may take to answer."""
    ca_file: str | None = None
    """PEM file with the authorities to trust with `rediss://`; the system's own if not given."""

    @field_validator("url")
    @classmethod
    def _is_of_redis(cls, url: SecretStr) -> SecretStr:
        if not url.get_secret_value().startswith(("redis://", "rediss://")):
            raise ValueError("expected redis://HOST:PORT/DATABASE, or rediss:// for TLS")
        return url


class EntriesConfig(StreamConfig, SourceConfig):
    """Which entries are read, and how."""

    key: str | None = Field(default=None, min_length=1)
    """Field whose value is the partition key: entries that share it stay in order. The stream's own key if not given,
    so that all stay in order."""
    wait: Duration = Field(default=timedelta(seconds=2), ge=timedelta(milliseconds=10))
    """How long Redis holds a request until there is a new entry."""
    count: int = Field(default=500, ge=1, le=10_000)
    """Entries in a batch at most."""


class AddingConfig(StreamConfig, SinkConfig):
    """What becomes of an event."""

    fields: Mapped[dict[str, str]]
    """The entry's fields."""
    max_length: int | None = Field(default=None, ge=1)
    """How many entries the stream keeps, about; all if not given."""
    remember: Duration = Field(default=timedelta(days=1), ge=timedelta(seconds=1))
    """How long a delivery that comes again is known, and makes no second entry."""
