"""The lock file of schemas that a deployment takes from a registry: which version, its hash, and the schema itself.

So that what runs is what was checked, that a check needs no network, and that no outage of the registry stops the hub.
`hub schemas pull` writes it; it belongs into version control.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from hub.cache import written_whole
from hub.sdk.errors import ConfigError

if TYPE_CHECKING:
    from hub.contracts.registry import StoredSchema

Version = int | Literal["latest"]
"""A version of a subject, or the newest one."""

FILE = "schemas.lock.json"
"""Its name, in the deployment's directory."""


class RegistryReference(BaseModel):
    """What ``schema: { registry: … }`` names in a schema file."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, hide_input_in_errors=True)

    subject: str | None = Field(default=None, min_length=1)
    """The event type, if not given."""
    version: Version = "latest"
    """``latest`` is the newest one when ``hub schemas pull`` runs, and stays so until it runs again."""


class Locked(BaseModel):
    """A schema of the registry as it was taken.

    Attributes:
        subject: in the registry.
        wanted: version that the deployment names.
        version: the version that this was.
        id: of the schema in the registry.
        sha256: of the schema as JSON with sorted keys, in hexadecimal.
        schema_: JSON Schema, all references local.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    subject: str
    wanted: Version
    version: int
    id: int
    sha256: str
    schema_: dict[str, Any] = Field(alias="schema")

    @classmethod
    def of(cls, stored: StoredSchema, wanted: Version) -> Locked:
        """What the registry gave."""
        schema = dict(stored.schema)
        return cls(
            subject=stored.subject,
            wanted=wanted,
            version=stored.version,
            id=stored.id,
            sha256=digest(schema),
            schema_=schema,
        )

    @property
    def whole(self) -> bool:
        """Whether the schema is the one that was taken, and nobody has edited it."""
        return self.sha256 == digest(self.schema_)


@dataclass(frozen=True)
class Lock:
    """All locked schemas of a deployment.

    Attributes:
        entries: by subject and wanted version.
    """

    entries: Mapping[tuple[str, Version], Locked] = field(default_factory=dict)

    @classmethod
    def of(cls, locked: Iterable[Locked]) -> Lock:
        """A lock of these schemas."""
        return cls({(each.subject, each.wanted): each for each in locked})

    @classmethod
    def read(cls, directory: Path) -> Lock:
        """The lock of a deployment; an empty one where it has none.

        Raises:
            ConfigError: the file can't be read, or is no lock file.
        """
        path = directory / FILE
        try:
            listed = orjson.loads(path.read_bytes())
            entries = listed.get("schemas") if isinstance(listed, dict) else None
            if isinstance(entries, list):
                return cls.of(Locked.model_validate(each) for each in entries)
            reason = "it has no list of `schemas`"
        except FileNotFoundError:
            return cls()
        except ValidationError:
            reason = "an entry of it is wrong"
        except (OSError, ValueError) as error:
            reason = str(error)
        raise ConfigError(f"{path} is no lock file: {reason}. `hub schemas pull` writes it anew")

    def write(self, directory: Path) -> Path:
        """Writes the file.

        Raises:
            EnvironmentProblem: it can't be written.
        """
        path = directory / FILE
        ordered = sorted(self.entries.values(), key=lambda each: (each.subject, str(each.wanted)))
        document = {"schemas": [each.model_dump(by_alias=True) for each in ordered]}
        with written_whole(path) as temporary:
            temporary.write_bytes(orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
            temporary.chmod(0o644)  # a file of the project, to be read by all
        return path


def digest(schema: Mapping[str, Any]) -> str:
    """The hash of a schema, whatever the order of its keys."""
    return hashlib.sha256(orjson.dumps(schema, option=orjson.OPT_SORT_KEYS)).hexdigest()
