"""HTTP: a sink that sends each event as a request to an API.

Imports only ``hub.sdk`` and aiohttp. Nothing but ``connector`` is meant for others.
"""

from connectors.http.sink import HttpSink
from hub.sdk import Connector

connector = Connector(name="http", title="HTTP", sinks={"": HttpSink})

__all__ = ["connector"]
