"""The directory ``.hub`` here: data of the embedded servers, and what `hub up` runs, so that other commands find it."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import typer

from hub.cache import written_whole
from hub.deployment import Deployment, load
from hub.kafka.embedded import DIRECTORY
from hub.sdk import ConfigError, EnvironmentProblem

Here = Annotated[
    Path | None,
    typer.Argument(
        metavar="[DIR]",
        help="Directory of the schema files; by default the one that `hub up` runs here, or this one.",
        show_default=False,
    ),
]
"""The deployment that a command looks at."""
HOME = DIRECTORY.parent
_UP = HOME / "up.json"


@dataclass(frozen=True)
class Up:
    """What `hub up` runs here, or ran last.

    Args:
        directory: of the deployment, absolute.
        pid: of the process.
        admin: base URL of its admin API.
    """

    directory: str
    pid: int
    admin: str

    def write(self) -> None:
        """Remembers it."""
        prepare()
        with written_whole(_UP) as path:
            path.write_text(json.dumps(asdict(self)), encoding="utf-8")

    @classmethod
    def read(cls) -> Up | None:
        """What was remembered; ``None`` if there is nothing, or nothing that can be read."""
        try:
            return cls(**json.loads(_UP.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None


def prepare() -> Path:
    """Makes ``.hub``, which Git shall not take for a part of the user's project.

    Raises:
        EnvironmentProblem: it can't be written.
    """
    try:
        HOME.mkdir(exist_ok=True)
        ignore = HOME / ".gitignore"
        if not ignore.exists():
            ignore.write_text("*\n", encoding="utf-8")
    except OSError as error:
        raise EnvironmentProblem(
            f"the directory {HOME.absolute()} can't be written ({error.strerror}): the hub keeps the data of its "
            "servers there; change to a directory of yours"
        ) from error
    return HOME


def deployment(given: Path | None = None) -> Deployment:
    """The deployment that a command is about.

    Args:
        given: its directory; if not given, the one that `hub up` runs here or ran last, else this directory where it
            holds schema files.

    Raises:
        InvalidDeployment: with all findings.
        ConfigError: none was given and none is found.
    """
    return load(directory(given))


def directory(given: Path | None = None) -> Path:
    """As `deployment`, without reading it."""
    if given is not None:
        return given
    up = Up.read()
    if up is not None and Path(up.directory).is_dir():
        return Path(os.path.relpath(up.directory))
    here = Path()
    if any(each.suffix in (".yaml", ".yml") for each in here.iterdir()):
        return here
    raise ConfigError(
        "which deployment? This directory holds no schema files (*.yaml), and `hub up` has not run here. "
        "Name the deployment's directory: --dir DIR, or HUB_DIR in the environment"
    )
