"""Where credentials are kept between two runs: the system's keyring, or encrypted files.

`login_store` is for what a person has signed in for, `token_store` for tokens that the hub can get again by itself,
which processes of one machine share. Stores are blocking: call them in a thread.
"""

from hub.services.auth.stores.choice import login_store, token_store
from hub.services.auth.stores.settings import CredentialSettings
from hub.services.auth.stores.store import Memory, Store

__all__ = ["CredentialSettings", "Memory", "Store", "login_store", "token_store"]
