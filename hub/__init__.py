"""An event-streaming integration hub on Kafka; see README.md.

For programs of users: `subscribe` to a topic's events, `tap` what flows by, and the errors that a handler may raise to
say what should follow. Everything is imported when it is first used. Connectors import `hub.sdk` instead.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hub.engine.programs.calls import subscribe, tap
    from hub.engine.programs.received import Delivery, PayloadMismatch
    from hub.engine.programs.subscription import NotEntered, Subscription
    from hub.engine.programs.tap import Sighting, Tap
    from hub.engine.sinks.attempts import RetryPolicy
    from hub.kafka.settings import KafkaSettings
    from hub.sdk.errors import HubError, InvalidEvent, NotConnected, Permanent, Transient
    from hub.sdk.event import Event

__all__ = [
    "Delivery",
    "Event",
    "HubError",
    "InvalidEvent",
    "KafkaSettings",
    "NotConnected",
    "NotEntered",
    "PayloadMismatch",
    "Permanent",
    "RetryPolicy",
    "Sighting",
    "Subscription",
    "Tap",
    "Transient",
    "subscribe",
    "tap",
]

_MODULES = {
    "hub.engine.sinks.attempts": ("RetryPolicy",),
    "hub.engine.programs.calls": ("subscribe", "tap"),
    "hub.engine.programs.received": ("Delivery", "PayloadMismatch"),
    "hub.engine.programs.subscription": ("NotEntered", "Subscription"),
    "hub.engine.programs.tap": ("Sighting", "Tap"),
    "hub.kafka.settings": ("KafkaSettings",),
    "hub.sdk.errors": ("HubError", "InvalidEvent", "NotConnected", "Permanent", "Transient"),
    "hub.sdk.event": ("Event",),
}
_HOME = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
