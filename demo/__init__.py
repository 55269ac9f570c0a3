"""The demo: the hub's main job on real input, from signed deliveries to a queue, an API and a ledger that adds up.

Run it by ``make demo``. It uses the hub as its users do: the schema files under ``schemas/examples/quickstart``, real
servers, requests over HTTP. What it starts itself it ends itself.
"""
