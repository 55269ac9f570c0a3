"""External APIs as units see them: one client per entry under ``services:``, shared by all units that name it.

The engine builds an `HttpService` from a service's configuration and hands it to sources and sinks; connectors know it
only as ``hub.sdk.Service``. It is a pipeline of policies (`hub.services.pipeline`) around one transport, one module
each. Here alone is decided what an HTTP client's failure or an answer's status means.
"""

from hub.services.http import HttpService

__all__ = ["HttpService"]
