"""What a connector imports, and all that it imports of the hub.

A connector is a folder with a manifest (`Connector`), configuration models, and sources and sinks. See
``docs/connectors.md`` for the guarantees that the engine adds, and ``hub.testing`` for its tests.
"""

from hub.sdk.auth import Auth
from hub.sdk.config import Config, Duration, Mapped, SinkConfig, Size, SourceConfig
from hub.sdk.connector import Connector
from hub.sdk.consuming import ConsumingSource, Received, Unreadable
from hub.sdk.cursor import Cursor, TimeCursor
from hub.sdk.delivery import Delivery
from hub.sdk.errors import (
    ConfigError,
    EndOfInput,
    EnvironmentProblem,
    HubError,
    InvalidEvent,
    InvalidPayload,
    NotConnected,
    Permanent,
    Signal,
    Transient,
    WebhookRejected,
    WriteFailed,
)
from hub.sdk.event import Event
from hub.sdk.lookup import NOTHING, Found, Lookup, LookupConfig
from hub.sdk.policies import (
    Cache,
    CircuitBreaker,
    Endpoints,
    Fallback,
    HealthCheck,
    Pool,
    RateLimit,
    ServiceConfig,
    ServiceRetry,
    Timeout,
    Usage,
)
from hub.sdk.service import Response, Service
from hub.sdk.sink import Sink
from hub.sdk.source import (
    Batch,
    PollingSource,
    Source,
    WebhookConfig,
    WebhookRequest,
    WebhookSource,
)
from hub.sdk.tls import TLS
from hub.sdk.unit import UnitContext

__all__ = [
    "NOTHING",
    "TLS",
    "Auth",
    "Batch",
    "Cache",
    "CircuitBreaker",
    "Config",
    "ConfigError",
    "Connector",
    "ConsumingSource",
    "Cursor",
    "Delivery",
    "Duration",
    "EndOfInput",
    "Endpoints",
    "EnvironmentProblem",
    "Event",
    "Fallback",
    "Found",
    "HealthCheck",
    "HubError",
    "InvalidEvent",
    "InvalidPayload",
    "Lookup",
    "LookupConfig",
    "Mapped",
    "NotConnected",
    "Permanent",
    "PollingSource",
    "Pool",
    "RateLimit",
    "Received",
    "Response",
    "Service",
    "ServiceConfig",
    "ServiceRetry",
    "Signal",
    "Sink",
    "SinkConfig",
    "Size",
    "Source",
    "SourceConfig",
    "TimeCursor",
    "Timeout",
    "Transient",
    "UnitContext",
    "Unreadable",
    "Usage",
    "WebhookConfig",
    "WebhookRejected",
    "WebhookRequest",
    "WebhookSource",
    "WriteFailed",
]
