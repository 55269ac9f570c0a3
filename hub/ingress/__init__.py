"""Inbound HTTP: one small server that reads whole requests within limits and hands them to handlers by path.

It knows nothing of events or units: the engine gives it handlers for webhooks, `hub.operate` for the admin API.
"""

from hub.ingress.answer import Answer, problem
from hub.ingress.server import HttpServer, Route, listening_socket

__all__ = ["Answer", "HttpServer", "Route", "listening_socket", "problem"]
