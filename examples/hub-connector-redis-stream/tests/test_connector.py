"""The connector as a whole: its errors, its README, its use in a deployment."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest
from hub.deployment import Registry, check
from hub.sdk import NotConnected, Permanent, Signal, Transient
from hub.testing.readme import check_settings
from pydantic import BaseModel, ValidationError
from redis import exceptions

from hub_connector_redis_stream import connector
from hub_connector_redis_stream.config import AddingConfig, EntriesConfig
from hub_connector_redis_stream.errors import signal
from tests.conftest import exception

README = Path(__file__).parents[1] / "README.md"
MEANING: dict[str, type[Signal]] = {
    "RedisError": Transient,
    "ConnectionError": NotConnected,
    "TimeoutError": NotConnected,
    "AuthenticationError": Permanent,
    "AuthorizationError": Permanent,
    "BusyLoadingError": NotConnected,
    "InvalidResponse": Transient,
    "ResponseError": Permanent,
    "DataError": Permanent,
    "PubSubError": Transient,
    "WatchError": Transient,
    "NoScriptError": Permanent,
    "OutOfMemoryError": NotConnected,
    "ExecAbortError": Permanent,
    "ReadOnlyError": NotConnected,
    "NoPermissionError": Permanent,
    "ModuleError": Permanent,
    "NoSuchFieldsetError": Permanent,
    "LockError": Transient,
    "LockNotOwnedError": Transient,
    "ChildDeadlockedError": Permanent,
    "AuthenticationWrongNumberOfArgsError": Permanent,
    "RedisClusterException": Permanent,
    "ClusterError": Transient,
    "ClusterDownError": NotConnected,
    "AskError": Permanent,
    "TryAgainError": NotConnected,
    "ClusterCrossSlotError": Permanent,
    "MovedError": Permanent,
    "MasterDownError": NotConnected,
    "SlotNotCoveredError": Permanent,
    "MaxConnectionsError": NotConnected,
    "CrossSlotTransactionError": Permanent,
    "InvalidPipelineStack": Permanent,
    "ExternalAuthProviderError": NotConnected,
    "IncorrectPolicyType": Permanent,
}
KINDS = [each for each in vars(exceptions).values() if inspect.isclass(each) and issubclass(each, Exception)]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_exception_of_redis_has_a_meaning(kind: type[Exception]) -> None:
    """One that a new version adds fails here until somebody has thought about it."""
    assert type(signal(exception(kind), "x")) is MEANING[kind.__name__]


def test_a_fault_of_our_own_is_not_hidden() -> None:
    """It is raised as it is."""
    with pytest.raises(AttributeError):
        signal(AttributeError("a bug"), "x")


@pytest.mark.parametrize("model", [EntriesConfig, AddingConfig], ids=lambda model: model.__name__)
def test_the_readme_has_the_settings(model: type[BaseModel]) -> None:
    """UPDATE_GOLDEN=1 writes the table anew."""
    check_settings(README, model)


def test_the_readme_s_example_is_valid(tmp_path: Path) -> None:
    """The hub finds nothing wrong with it."""
    (example,) = re.findall(r"```yaml\n(.*?)```", README.read_text(), re.DOTALL)
    (tmp_path / "hub.yaml").write_text(example)
    assert not check(tmp_path, registry=Registry([connector])).findings


def test_settings_that_make_no_sense_are_refused() -> None:
    """And don't show the URL."""
    with pytest.raises(ValidationError) as refused:
        EntriesConfig.model_validate({"url": "http://ada:s3cret@host", "stream": "orders"})
    assert "expected redis://" in str(refused.value)
    assert "s3cret" not in str(refused.value)
