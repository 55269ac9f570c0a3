"""`hub lsp`: how it ends."""

from __future__ import annotations

import subprocess
import sys


def hub(code: str = "", **options: object) -> subprocess.CompletedProcess[bytes]:
    program = f"{code}\nfrom hub.cli import main; main()"
    return subprocess.run(
        [sys.executable, "-c", program, "lsp"], capture_output=True, timeout=60, check=False, **options
    )


def test_an_editor_that_hangs_up() -> None:
    """Ends the server, with exit code 1 and without a traceback."""
    result = hub(stdin=subprocess.DEVNULL)
    assert (result.returncode, result.stdout, result.stderr) == (1, b"", b"")


def test_without_the_extra_it_says_how_to_get_it() -> None:
    """Exit code 3."""
    result = hub("import sys; sys.modules['pygls'] = None")
    assert result.returncode == 3
    assert b"pip install 'integration-hub[editor]'" in result.stderr
