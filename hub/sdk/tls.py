"""TLS as connectors take it from a schema file."""

from __future__ import annotations

import ssl

from pydantic import model_validator

from hub.sdk.config import Config
from hub.sdk.errors import Permanent


class TLS(Config):
    """How the far side is verified, and how we prove who we are."""

    ca_file: str | None = None
    """PEM file with the authorities to trust; the system's own if not given."""
    cert_file: str | None = None
    """PEM file with our certificate."""
    key_file: str | None = None
    """PEM file with the certificate's key, where `cert_file` doesn't hold it."""
    verify: bool = True
    """Whether the far side's certificate and host name are checked."""

    @model_validator(mode="after")
    def _key_has_certificate(self) -> TLS:
        if self.key_file is not None and self.cert_file is None:
            raise ValueError("expected `cert_file` beside `key_file`")
        return self

    def context(self) -> ssl.SSLContext:
        """For a client's connections. Reads the files, so that renewed certificates count from the next call on.

        Raises:
            Permanent: a file can't be read, or holds something else.
        """
        try:
            context = ssl.create_default_context(cafile=self.ca_file)
            if self.cert_file is not None:
                # Without the password callback OpenSSL would ask for an encrypted key's password on the terminal.
                context.load_cert_chain(self.cert_file, self.key_file, password=lambda: b"")
        except OSError as error:
            files = ", ".join(each for each in (self.ca_file, self.cert_file, self.key_file) if each is not None)
            raise Permanent(
                f"expected readable PEM files with an unencrypted key in `tls` ({files}): {error}"
            ) from error
        if not self.verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context
