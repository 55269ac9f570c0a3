"""Files that a command writes for people to go on with: all of them or none, and nothing is overwritten."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from hub.sdk import ConfigError, EnvironmentProblem


def write_new(directory: Path, files: Mapping[PurePosixPath, str]) -> None:
    """Writes files into a directory, which is made where it isn't there. What fails leaves nothing behind.

    Args:
        directory: where.
        files: text by path, relative to the directory.

    Raises:
        ConfigError: a file is there already.
        EnvironmentProblem: the files can't be written.
    """
    made: list[Path] = []
    written: list[Path] = []
    try:
        for path, text in files.items():
            target = directory / path
            _make(target.parent, made)
            # "x": a file that came to be since somebody looked is not overwritten either.
            with target.open("x", encoding="utf-8") as out:
                written.append(target)
                out.write(text)
    except OSError as error:
        _undo(written, made)
        if isinstance(error, FileExistsError):
            raise ConfigError(f"{error.filename} has just come to be; nothing was written") from error
        raise EnvironmentProblem(f"can't write {error.filename or directory}: {error.strerror}") from error


def _make(folder: Path, made: list[Path]) -> None:
    """Makes a folder and those above it, and notes which it made."""
    missing = []
    while not folder.exists():
        missing.append(folder)
        folder = folder.parent
    for each in reversed(missing):
        each.mkdir(exist_ok=True)
        made.append(each)


def _undo(written: list[Path], made: list[Path]) -> None:
    for file in written:
        file.unlink(missing_ok=True)
    for folder in reversed(made):
        try:
            folder.rmdir()
        except OSError:  # somebody else has put something into it
            return
