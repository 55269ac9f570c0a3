"""Dispatches: what starts workflows."""

from __future__ import annotations

from typing import Any

from connectors.github.sinks.config import DispatchConfig, WorkflowConfig
from connectors.github.sinks.writing import RepositorySink, document, done, given
from hub.sdk import Delivery, Event

TYPE = "github.dispatched"
SCHEMA = "github/dispatched/v1.json"


class DispatchSink(RepositorySink[DispatchConfig]):
    """Sends a ``repository_dispatch``, at least once: nothing at GitHub says whether one was sent."""

    events = {TYPE: SCHEMA}

    async def deliver(self, delivery: Delivery) -> Event | None:
        """Sends it."""
        event, config = delivery.event, self.config
        repository, name = config.repository(event), config.event_type(event)
        payload: dict[str, Any] = dict(given(config.client_payload, event) or {})
        if config.key_as is not None:
            payload[config.key_as] = delivery.idempotency_key
        sent = {"event_type": name, "client_payload": payload}
        done(await self.call("POST", repository, "dispatches", json=sent))
        return delivery.reply(TYPE, {"repository": repository, "event_type": name})


class WorkflowSink(RepositorySink[WorkflowConfig]):
    """Runs a workflow, at least once: nothing at GitHub says by which dispatch a run was started."""

    events = {TYPE: SCHEMA}

    async def deliver(self, delivery: Delivery) -> Event | None:
        """Has it run."""
        event, config = delivery.event, self.config
        repository, workflow, ref = config.repository(event), config.workflow(event), config.ref(event)
        inputs = {name: _text(each) for name, each in (given(config.inputs, event) or {}).items() if each is not None}
        if config.key_as is not None:
            inputs[config.key_as] = delivery.idempotency_key
        answer = await self.call(
            "POST",
            repository,
            f"actions/workflows/{workflow}/dispatches",
            json={"ref": ref, "inputs": inputs, "return_run_details": True},
        )
        data: dict[str, Any] = {"repository": repository, "workflow": str(workflow), "ref": ref}
        if answer.body:  # servers that don't tell which run it is answer 204
            run = document(answer, "workflow_run_id")
            data |= {"run": run["workflow_run_id"], "url": run.get("html_url")}
        else:
            done(answer)
        return delivery.reply(TYPE, data)


def _text(value: Any) -> str:
    """An input as GitHub takes it."""
    return str(value).lower() if isinstance(value, bool) else str(value)
