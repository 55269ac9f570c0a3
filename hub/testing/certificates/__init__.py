"""Certificates for tests of TLS: files of an authority, and of a server and a client that it vouches for.

They are made for 127.0.0.1 and localhost, last until 2126, and protect nothing: their keys are here for all to see. The
authority's key is gone. Made by ``openssl req -x509`` and ``openssl x509 -req`` with P-256 keys.
"""

from pathlib import Path

_HERE = Path(__file__).parent

AUTHORITY = str(_HERE / "ca.pem")
"""The authority's certificate."""
SERVER = str(_HERE / "server.pem")
"""Key and certificate of a server."""
CLIENT = str(_HERE / "client.pem")
"""Key and certificate of a client, with the common name ``integration-hub test client``."""

__all__ = ["AUTHORITY", "CLIENT", "SERVER"]
