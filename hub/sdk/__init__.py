"""What a connector imports, and all that it imports of the hub.

A connector is a folder with a manifest (`Connector`), configuration models, and sources and sinks. See
``docs/writing-a-connector.md`` for how one is made, ``docs/connectors.md`` for what the engine adds, and
``hub.testing.conformance`` for its tests.
"""

from hub.sdk.auth import Auth
from hub.sdk.bulk import write_halving
from hub.sdk.config import Config, Duration, Mapped, SinkConfig, Size, SourceConfig
from hub.sdk.connector import Connector
from hub.sdk.consuming import ConsumingSource, Received, Unreadable
from hub.sdk.cursor import Cursor, CursorOptions, TimeCursor
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
from hub.sdk.failing import StreamsFailed
from hub.sdk.incremental import IncrementalSource
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
from hub.sdk.progress import Change, StreamsCursor, StreamState, Window
from hub.sdk.resource import ResourceKey, ResourceLookup, ResourceLookupConfig
from hub.sdk.service import Response, Service
from hub.sdk.sink import Sink, write_each
from hub.sdk.source import (
    Batch,
    PollingSource,
    Source,
    WebhookConfig,
    WebhookRequest,
    WebhookSource,
)
from hub.sdk.statuses import signal_of
from hub.sdk.tls import TLS
from hub.sdk.unit import UnitContext
from hub.sdk.values import Numbers, Texts, Times, Value, Values

__all__ = [
    "NOTHING",
    "TLS",
    "Auth",
    "Batch",
    "Cache",
    "Change",
    "CircuitBreaker",
    "Config",
    "ConfigError",
    "Connector",
    "ConsumingSource",
    "Cursor",
    "CursorOptions",
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
    "IncrementalSource",
    "InvalidEvent",
    "InvalidPayload",
    "Lookup",
    "LookupConfig",
    "Mapped",
    "NotConnected",
    "Numbers",
    "Permanent",
    "PollingSource",
    "Pool",
    "RateLimit",
    "Received",
    "ResourceKey",
    "ResourceLookup",
    "ResourceLookupConfig",
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
    "StreamState",
    "StreamsCursor",
    "StreamsFailed",
    "Texts",
    "TimeCursor",
    "Timeout",
    "Times",
    "Transient",
    "UnitContext",
    "Unreadable",
    "Usage",
    "Value",
    "Values",
    "WebhookConfig",
    "WebhookRejected",
    "WebhookRequest",
    "WebhookSource",
    "Window",
    "WriteFailed",
    "signal_of",
    "write_each",
    "write_halving",
]
