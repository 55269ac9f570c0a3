"""How services sign in: signers for each way, tokens that are kept and renewed, stores for credentials, logins.

`authenticator` makes the policy of a service; ``hub auth`` uses `logins`. What one way needs is imported with it.
Secrets are `SecretStr` wherever they rest, and are taken out where they are sent.
"""

from hub.services.auth.authenticator import authenticator, credential_name
from hub.services.auth.errors import LoginFailed, NotSignedIn

__all__ = ["LoginFailed", "NotSignedIn", "authenticator", "credential_name"]
