"""Nothing is skipped: a test that needs a disk of its own gets one, also where we are not root."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos import disks
from tests.chaos.scale import scaled

SIZE = scaled(400, 1500) * 2**20


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small disk of its own."""
    path = tmp_path / "disk"
    if disks.refusal():
        yield path  # for nobody: see below
        return
    with disks.disk(path, SIZE) as made:
        yield made


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Has a test that wants a disk run once more, in a user namespace, where we may not mount one."""
    if "disk" not in pyfuncitem.fixturenames or not disks.refusal():
        return None
    disks.run_inside(pyfuncitem.nodeid, scaled(590.0, 1700.0))
    return True
