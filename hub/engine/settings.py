"""Settings of a running hub that are the machine's and not the deployment's: from the environment."""

from __future__ import annotations

from typing import Any

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from hub.sdk.errors import ConfigError


class _Settings(BaseSettings):
    """Settings whose mistakes are the user's.

    Raises:
        ConfigError: names the variables that are wrong.
    """

    def __init__(self, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ValidationError as error:
            prefix = self.model_config.get("env_prefix", "")
            found = "; ".join(
                f"{prefix}{'.'.join(map(str, each['loc'])).upper()}: {each['msg']}, got {each['input']!r}"
                for each in error.errors(include_url=False)
            )
            raise ConfigError(f"wrong settings in the environment: {found}") from None


class IngressSettings(_Settings):
    """Where webhooks are received: ``HUB_INGRESS__HOST``, ``HUB_INGRESS__PORT``."""

    model_config = SettingsConfigDict(env_prefix="HUB_INGRESS__", frozen=True)

    host: str = "127.0.0.1"
    port: int = Field(default=8080, ge=0, le=65535)
    """0 takes a free port."""


class AdminSettings(_Settings):
    """Where the admin API listens: ``HUB_ADMIN__HOST``, ``HUB_ADMIN__PORT``."""

    model_config = SettingsConfigDict(env_prefix="HUB_ADMIN__", frozen=True)

    host: str = "127.0.0.1"
    port: int = Field(default=8081, ge=0, le=65535)
    """0 takes a free port."""
