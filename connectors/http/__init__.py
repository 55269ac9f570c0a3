"""HTTP: a source of lists, a look-up of single resources, and a sink, for any API as a schema file says.

Imports only ``hub.sdk``, aiohttp and what comes with it. Nothing but ``connector`` is meant for others.
"""

from connectors.http.lookup import HttpLookup
from connectors.http.sink import HttpSink
from connectors.http.source import HttpSource
from connectors.http.streams import ApiConfig
from hub.sdk import Connector

connector = Connector(
    name="http",
    title="HTTP",
    sources={"": HttpSource},
    sinks={"": HttpSink},
    service=ApiConfig,
    lookups={"": HttpLookup},
)

__all__ = ["connector"]
