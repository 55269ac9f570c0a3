"""Redis streams: their entries as events, and events as entries.

Imports ``hub.sdk`` and redis. Nothing but ``connector`` is meant for others.
"""

from hub.sdk import Connector

from hub_connector_redis_stream.sink import Adding
from hub_connector_redis_stream.source import Entries

connector = Connector(name="redis_stream", title="Redis streams", sources={"": Entries}, sinks={"": Adding})

__all__ = ["connector"]
