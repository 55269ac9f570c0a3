"""Derives ``schemas/github``: the contracts of GitHub's events, from what GitHub publishes of them.

``make contracts`` (``python -m connectors.github.contracts``) writes the files anew; with ``--check`` it only says
whether they are as it would write them. It belongs to development: nothing that runs imports it, and it alone of a
connector may use `hub.testing`, which fetches GitHub's OpenAPI description and its published payloads.

The way of one event: the description of each of its actions is read as a tree (`openapi`), the trees are joined into
one (`node`), the published payloads correct it (`payloads`), objects that are alike within the file become one
definition (`sharing`), and the whole is written as JSON Schema 2020-12 (`schema`, `layout`).
"""
