"""The JSON Schema of AsyncAPI 3.0 documents, from AsyncAPI's own npm package ``@asyncapi/specs`` (Apache-2.0).

Fetched once with ``npm pack`` as GitHub's payloads are, and read as data.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hub.testing.octokit import Package

SPECS = Package(
    "@asyncapi/specs",
    "6.11.1",
    "sha512-A3WBLqAKGoJ2+6FWFtpjBlCQ1oFCcs4GxF7zsIGvNqp/klGUHjlA3aAcZ9XMMpLGE8zPeYDz2x9FmO6DSuKraQ==",
    "package/schemas/3.0.0.json",
    "1 MB",
    "AsyncAPI's schemas",
)


def asyncapi_schema(progress: Callable[[str], None] = print) -> dict[str, Any]:
    """The schema of AsyncAPI 3.0.0 documents, of JSON Schema draft 7.

    Args:
        progress: told in a sentence what takes time.

    Raises:
        EnvironmentProblem: npm is missing, can't reach its registry, or gives another file than the one we know.
    """
    schema: dict[str, Any] = SPECS.document(progress)
    return schema
