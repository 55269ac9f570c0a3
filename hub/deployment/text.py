"""Text of files, as far as it can be read."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TypeAlias

from hub.deployment.finding import Findings, Span

BOM = b"\xef\xbb\xbf"
"""What some editors put before UTF-8; read over, and kept where a file is written."""


Overlay: TypeAlias = Mapping[Path, str]
"""Texts that count instead of what the files hold, by resolved path: what an editor hasn't saved yet."""


def read_text(path: Path, limit: int, span: Span, findings: Findings, overlay: Overlay | None = None) -> str | None:
    """The content of a file; ``None`` where it can't be read, which is noted.

    Args:
        path: the file.
        limit: largest size, in bytes.
        span: place to note it at.
        findings: where to note it.
        overlay: texts that count instead.
    """
    try:
        text = overlay.get(path.resolve()) if overlay else None
        size = path.stat().st_size if text is None else len(text)
        if size > limit:
            findings.error("file.too_large", f"expected at most {limit:,} bytes; got {size:,}", span)
            return None
        if text is not None:
            return text
        # No more than was announced, for a file that grows.
        with path.open("rb") as file:
            return file.read(limit + 1).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        findings.error("file.encoding", f"expected UTF-8; byte {error.start:,} isn't", span, "save the file as UTF-8")
    except OSError as error:
        findings.error("file.unreadable", f"can't read {path.name}: {error.strerror or error}", span)
    return None
