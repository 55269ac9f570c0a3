"""The one place where redis-py's exceptions become signals of the hub."""

from __future__ import annotations

from hub.sdk import NotConnected, Permanent, Signal, Transient
from redis import exceptions

# Redis is there, and what we ask won't work until somebody changes something. Some are kinds of ConnectionError.
_FOR_GOOD = (
    exceptions.AuthenticationError,
    exceptions.AuthenticationWrongNumberOfArgsError,
    exceptions.AuthorizationError,
    exceptions.NoPermissionError,
    exceptions.ModuleError,
    exceptions.DataError,
    exceptions.RedisClusterException,
    exceptions.ChildDeadlockedError,
    exceptions.IncorrectPolicyType,
)
# It isn't there, or not able to work for now: also without memory it is of use to nobody until it has some.
_AWAY = (
    exceptions.ConnectionError,
    exceptions.TimeoutError,
    exceptions.ReadOnlyError,
    exceptions.OutOfMemoryError,
    exceptions.ClusterDownError,
    exceptions.MasterDownError,
    exceptions.TryAgainError,
    OSError,
)


def signal(error: BaseException, shown: str) -> Signal:
    """The signal for an exception of redis-py.

    Args:
        error: as it was raised.
        shown: what was asked, for people.

    Raises:
        BaseException: it is none of redis-py's, so it is a fault of this connector.
    """
    said = f"{shown}: {str(error).strip() or type(error).__name__}"
    if isinstance(error, _FOR_GOOD):
        return Permanent(said)
    if isinstance(error, _AWAY):
        return NotConnected(said)
    if isinstance(error, exceptions.ResponseError):
        return Permanent(said)  # such as WRONGTYPE: the key holds something else than a stream
    if isinstance(error, exceptions.RedisError):
        return Transient(said)
    raise error
