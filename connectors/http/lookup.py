"""A look-up of whatever an API has under a path."""

from __future__ import annotations

from hub.sdk import ResourceLookup, ResourceLookupConfig


class HttpLookup(ResourceLookup[ResourceLookupConfig]):
    """GETs one resource for each key, from a service."""
