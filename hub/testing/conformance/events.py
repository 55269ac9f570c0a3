"""Whether events are what their connector says that they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from hub.contracts import Contract
from hub.sdk import Event, InvalidPayload

_SHOWN = 3


def check_events(
    events: Sequence[Event], declared: Mapping[str, str | None], source: type, *, keyed: bool = True
) -> None:
    """Fails unless all events are of declared types, with strict JSON, a key, and data by the connector's schema.

    Args:
        events: of one source.
        declared: its event types, with their schemas below ``schemas/``.
        source: its class.
        keyed: whether each must have a key.
    """
    assert events, "there is no event to look at"
    contracts = _contracts(declared, source)
    for event in events:
        assert event.type in declared, f"{event!r}: its type isn't among the declared ones: {', '.join(declared)}"
        assert event.key or not keyed, (
            f"{event!r} has no key: set `partition_key`, so that events that belong together keep order"
        )
        try:
            event.checked()
        except InvalidPayload as error:
            raise AssertionError(f"{event!r}: its data is no strict JSON: {error}") from error
        if event.raw is not None and (contract := contracts.get(event.type)) is not None:
            violations = [str(each) for each in contract.check(event.data)][:_SHOWN]
            assert not violations, f"{event!r} breaks {contract.origin}: {'; '.join(violations)}"


def _contracts(declared: Mapping[str, str | None], source: type) -> dict[str, Contract]:
    from hub.deployment.contracts import shipped_schema  # noqa: PLC0415  what reads deployments is half of the hub

    found: dict[str, Contract] = {}
    for event_type, path in declared.items():
        if path is not None:
            schema = shipped_schema(source, path, Path.cwd())
            assert schema is not None, f"the schema {path} of {event_type} isn't there"
            found[event_type] = Contract(event_type, schema, path)
    return found
