"""TLS settings become a context, or say what is wrong with the files."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
from pydantic import ValidationError

from hub.sdk import TLS, Permanent


def test_verifies_by_default() -> None:
    """Without settings, certificate and host name are checked against the system's authorities."""
    context = TLS().context()
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname


def test_checks_nothing_where_that_is_asked_for() -> None:
    """`verify: false` turns both checks off."""
    context = TLS(verify=False).context()
    assert context.verify_mode is ssl.CERT_NONE
    assert not context.check_hostname


@pytest.mark.parametrize("field", ["ca_file", "cert_file"])
@pytest.mark.parametrize("content", [None, "no certificate"])
def test_unusable_file_is_permanent_and_named(tmp_path: Path, field: str, content: str | None) -> None:
    """A missing file, or one that holds something else, is an error with its name."""
    file = tmp_path / "x.pem"
    if content is not None:
        file.write_text(content)
    with pytest.raises(Permanent, match=r"expected readable PEM files.*x\.pem"):
        TLS.model_validate({field: str(file)}).context()


def test_key_without_certificate_is_refused() -> None:
    """A key proves nothing alone."""
    with pytest.raises(ValidationError, match="expected `cert_file` beside `key_file`"):
        TLS(key_file="key.pem")
