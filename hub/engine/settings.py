"""Settings of a running hub that are the machine's and not the deployment's: from the environment."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class IngressSettings(BaseSettings):
    """Where webhooks are received: ``HUB_INGRESS__HOST``, ``HUB_INGRESS__PORT``."""

    model_config = SettingsConfigDict(env_prefix="HUB_INGRESS__", frozen=True)

    host: str = "127.0.0.1"
    port: int = Field(default=8080, ge=0, le=65535)
    """0 takes a free port."""


class AdminSettings(BaseSettings):
    """Where the admin API listens: ``HUB_ADMIN__HOST``, ``HUB_ADMIN__PORT``."""

    model_config = SettingsConfigDict(env_prefix="HUB_ADMIN__", frozen=True)

    host: str = "127.0.0.1"
    port: int = Field(default=8081, ge=0, le=65535)
    """0 takes a free port."""
