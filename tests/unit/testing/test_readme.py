"""The table of settings in a README comes from the model, and a difference fails."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Literal

import pytest
from pydantic import Field, SecretStr

from hub.sdk import Config, Duration, Mapped, Size
from hub.testing.readme import check_settings, settings_table


class Door(Config):
    """A nested section."""

    key: SecretStr | None = None
    """How to open it."""


class HouseConfig(Config):
    """All kinds of settings."""

    name: str
    """What it is called."""
    colour: Literal["red", "blue"] = "red"
    """One | of two."""
    greeting: Mapped[str | int] = Mapped("hello")
    """Said at
    the ``door``."""
    door: Door | None = None
    """Its door."""
    rooms: dict[str, list[int]] = Field(default={}, alias="with_rooms")
    """Rooms by floor."""
    wait: Duration = timedelta(milliseconds=1500)
    """How long to wait."""
    rest: Duration = timedelta(days=2)
    """How long to rest."""
    space: Size = 2**21
    """How much fits in."""
    open: bool = False
    """Whether it is open."""


def test_a_readme_without_a_place_for_the_table_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the table was to be written: only what is between the two lines is."""
    monkeypatch.setenv("UPDATE_GOLDEN", "1")
    readme = tmp_path / "README.md"
    readme.write_text("# House\n")
    with pytest.raises(AssertionError, match="add them where it shall stand"):
        check_settings(readme, HouseConfig)


TABLE = r"""| setting | value | default | meaning |
| --- | --- | --- | --- |
| `name` | text | required | What it is called. |
| `colour` | `red`, `blue` | red | One \| of two. |
| `greeting` | text or whole number; or an expression | hello | Said at the `door`. |
| `door` | section |  | Its door. |
| `door.key` | secret |  | How to open it. |
| `with_rooms` | mapping to list of whole number |  | Rooms by floor. |
| `wait` | duration | 1500ms | How long to wait. |
| `rest` | duration | 2d | How long to rest. |
| `space` | size | 2MiB | How much fits in. |
| `open` | true, false | false | Whether it is open. |
"""


def test_table_says_what_users_need() -> None:
    """Names as in the file, kinds of values in words, defaults as they are written, nested sections by their path."""
    assert settings_table(HouseConfig) == TABLE


def test_table_behind_the_model_fails_until_it_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The text around the table stays."""
    readme = tmp_path / "README.md"
    readme.write_text("# House\n<!-- settings: HouseConfig -->\nold\n<!-- end -->\nbye\n")
    with pytest.raises(AssertionError, match=r"README\.md is behind HouseConfig"):
        check_settings(readme, HouseConfig)
    monkeypatch.setenv("UPDATE_GOLDEN", "1")
    check_settings(readme, HouseConfig)
    monkeypatch.delenv("UPDATE_GOLDEN")
    check_settings(readme, HouseConfig)
    assert readme.read_text() == f"# House\n<!-- settings: HouseConfig -->\n{TABLE}<!-- end -->\nbye\n"


def test_readme_without_a_place_for_the_table_is_told(tmp_path: Path) -> None:
    """The markers are named."""
    readme = tmp_path / "README.md"
    readme.write_text("# House\n")
    with pytest.raises(AssertionError, match="<!-- settings: HouseConfig -->"):
        check_settings(readme, HouseConfig)
