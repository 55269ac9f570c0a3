"""Queries of GitHub's GraphQL API as a source: what the REST lists don't give, in the words of whoever asks.

`document` reads the query as far as need be, `answer` what came back, `source` polls. The manifest alone imports it.
"""

from connectors.github.graphql.source import Query

__all__ = ["Query"]
