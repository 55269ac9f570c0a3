"""The lock file of schemas that come from a registry."""

from __future__ import annotations

from pathlib import Path

import pytest

from hub.contracts.lock import FILE, Lock
from hub.sdk import ConfigError


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("{", "unexpected end"),
        ("{}", "it has no list of `schemas`"),
        ("[]", "it has no list of `schemas`"),
        ('{"schemas": {"a": 1}}', "it has no list of `schemas`"),
        ('{"schemas": [1]}', "an entry of it is wrong"),
    ],
)
def test_what_is_no_lock_file_is_told(tmp_path: Path, content: str, reason: str) -> None:
    """Whatever somebody wrote into it; with the command that writes it anew."""
    (tmp_path / FILE).write_text(content)
    with pytest.raises(ConfigError, match=r"is no lock file: .*`hub schemas pull` writes it anew") as raised:
        Lock.read(tmp_path)
    assert reason in str(raised.value)
