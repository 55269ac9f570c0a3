"""HTTP: a source that reads lists of any API as a schema file says, and a sink that sends events to one.

Imports only ``hub.sdk``, aiohttp and what comes with it. Nothing but ``connector`` is meant for others.
"""

from connectors.http.sink import HttpSink
from connectors.http.source import HttpSource
from connectors.http.streams import ApiConfig
from hub.sdk import Connector

connector = Connector(name="http", title="HTTP", sources={"": HttpSource}, sinks={"": HttpSink}, service=ApiConfig)

__all__ = ["connector"]
