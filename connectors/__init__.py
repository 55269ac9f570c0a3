"""The connectors: one folder for each system, found by its name.

A connector imports ``hub.sdk`` and the client library of its system, and nothing of other connectors; nothing imports a
connector. ``docs/writing-a-connector.md`` says how to write one.
"""
