"""What a deployment gives its subscribers: models, schemas and an AsyncAPI document, as files."""

from __future__ import annotations

from pathlib import Path

import orjson

from hub.cache import written_whole
from hub.contracts import Contract
from hub.deployment import Deployment, survey
from hub.sdk.errors import EnvironmentProblem
from hub.workbench.asyncapi import document, read_types
from hub.workbench.models import modules


def export(deployment: Deployment, to: Path, *, every: bool = False) -> list[Path]:
    """Writes ``asyncapi.json``, ``schemas/<event type>.json`` and the package ``models``; other files stay as they are.

    Args:
        deployment: whose topics and contracts are exported.
        to: directory, made where it isn't there.
        every: makes models of all contracts, not only of those that the deployment declares, and of events that one of
            its routes or sinks reads.

    Returns:
        what was written.

    Raises:
        EnvironmentProblem: it can't be written, or datamodel-code-generator isn't installed.
    """
    files: dict[str, bytes] = {"asyncapi.json": _json(document(deployment))}
    files |= {f"schemas/{name}.json": _json(dict(each.schema)) for name, each in sorted(deployment.contracts.items())}
    files |= {f"models/{name}": code.encode() for name, code in modules(modelled(deployment, every=every)).items()}
    written: list[Path] = []
    for name, content in files.items():
        path = to / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise EnvironmentProblem(f"{path.parent} can't be made: {error.strerror}") from error
        with written_whole(path) as temporary:
            temporary.write_bytes(content)
            temporary.chmod(0o644)  # files of a project, to be read by all
        written.append(path)
    return written


def modelled(deployment: Deployment, *, every: bool = False) -> dict[str, Contract]:
    """The contracts that models are made of, by event type."""
    declared = {entry.name for entry in survey(deployment.directory).sections.of("event")}
    wanted = declared | read_types(deployment)
    return {name: each for name, each in sorted(deployment.contracts.items()) if every or name in wanted}


def _json(value: object) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
