"""Gives all tests, the hub's and the connectors', the same fixtures."""

pytest_plugins = ["hub.testing.fixtures"]
