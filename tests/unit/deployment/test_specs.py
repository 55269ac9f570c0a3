"""Specs: what the engine is handed, and what happens when a unit starts."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hub.cli.findings import render
from hub.deployment import Deployment, InvalidDeployment, Registry, check, load
from hub.sdk import ConfigError, Event, Permanent

Write = Callable[..., Path]

HUB = """
deployment: demo
env: [REGION]
services:
  github:
    use: github
    with: { base_url: "${env:API:-https://api.example}" }
    auth: { token: "${env:TOKEN}" }
sources:
  hook: { use: github.webhook, with: { path: /hooks, secret: "${file:secret.txt}" } }
  polls: { use: github.issues, with: { repository: "${env:REPO}" }, every: 5s }
topics:
  in: { partitions: 6, retention: 7d, max_message: 2MiB }
events:
  seen: { schema: {}, topic: seen-v1 }
  asked: { schema: {}, topic: asked-v1 }
routes:
  work:
    from: [in, github.issue, asked]
    where: data.region == env.REGION
    map: { type: seen, data: { n: = data.n, key: = data.key, text: = data.text, hops: = data.hops, fixed: "=" } }
    to: [seen, queue]
  free: { from: in, to: queue }
sinks:
  queue:
    use: rabbitmq
    with: { url: "${env:AMQP_URL}", exchange: work, routing_key: = data.key, priority: "${env:PRIORITY:-5}" }
    on_error: { dlq: queue.dead }
  call:
    use: http
    with: { url: "${env:URL}", json: { text: = data.text, token: "${env:TOKEN}" }, hops: = data.hops }
    from: seen
    reply: asked
"""
ENVIRON = {
    "TOKEN": "canary-token",
    "REPO": "apache/kafka",
    "REGION": "eu",
    "AMQP_URL": "amqp://guest:canary-password@localhost",
    "URL": "= data.secret",
}


@pytest.fixture
def deployment(write: Write, registry: Registry) -> Deployment:
    return load(write(HUB, **{"secret.txt": "canary-secret\n"}), registry=registry)


def event(data: Any, type_: str = "in") -> Event:
    return Event(type=type_, source="/test", data=data)


def message(call: Callable[[], object]) -> str:
    with pytest.raises(InvalidDeployment) as error:
        call()
    return str(error.value)


def test_names_are_looked_up(deployment: Deployment) -> None:
    """Event types stand for their topics, sinks for their inboxes; defaults are filled in."""
    work, queue, call, hook = (deployment.units[name] for name in ("work", "queue", "call", "hook"))
    assert (work.inputs, work.outputs) == (["in", "github.issue", "asked-v1"], ["seen-v1", "hub.demo.inbox.queue"])
    assert (work.inbox, work.dlq) == ("hub.demo.inbox.work", "demo.work.dlq")
    assert (queue.inputs, queue.inbox, queue.dlq) == ([], "hub.demo.inbox.queue", "queue.dead")
    assert (call.inputs, call.reply) == (["seen-v1"], "asked-v1")
    assert (hook.topics(), hook.dlq) == (["github.push", "github.pull_request"], "demo.hook.dlq")
    assert str(work.position) == "hub.yaml:18:3"
    assert [each.use for each in deployment.sinks.values()] == ["rabbitmq", "http"]


def test_every_topic_has_a_spec(deployment: Deployment) -> None:
    """Declared topics, written and read ones, inboxes, DLQs and the hub's own; each once."""
    specs = {each.name: each for each in deployment.topic_specs()}
    assert len(specs) == len(deployment.topic_specs())
    assert set(specs) == {
        "in", "seen-v1", "asked-v1", "github.push", "github.pull_request", "github.issue",
        "hub.demo.inbox.work", "hub.demo.inbox.free", "hub.demo.inbox.queue", "hub.demo.inbox.call",
        "demo.hook.dlq", "demo.polls.dlq", "demo.work.dlq", "demo.free.dlq", "queue.dead", "demo.call.dlq",
        "hub.demo.cursors", "hub.demo.status", "hub.demo.deliveries", "hub.demo.dlq",
    }  # fmt: skip
    assert specs["in"].partitions == 6
    assert specs["in"].config["retention.ms"] == str(7 * 86_400_000)
    assert specs["in"].config["max.message.bytes"] == str(2 * 2**20)
    for name in ("hub.demo.inbox.work", "hub.demo.inbox.queue", "demo.work.dlq"):
        assert specs[name].partitions == 6
        assert specs[name].max_message > 2 * 2**20
    assert specs["queue.dead"].max_message > specs["hub.demo.inbox.queue"].max_message


def test_references_are_resolved_at_the_start(deployment: Deployment) -> None:
    """Environment, files and defaults; text becomes a number where one is expected."""
    assert deployment.sources["hook"].config(ENVIRON).secret.get_secret_value() == "canary-secret"
    assert deployment.sources["polls"].config(ENVIRON).repository == "apache/kafka"
    assert deployment.sinks["queue"].config(ENVIRON).priority == 5
    service = deployment.services["github"].config(ENVIRON)
    assert service.base_url == "https://api.example"
    assert service.auth.token is not None
    assert service.auth.token.get_secret_value() == "canary-token"


def test_what_a_reference_gives_is_never_an_expression(deployment: Deployment) -> None:
    """A variable that holds an expression is text, by itself and within a mapping that holds others."""
    config = deployment.sinks["call"].config({**ENVIRON, "TOKEN": "= data.secret"})
    incoming = event({"text": "hello", "hops": 3, "secret": "leaked"})
    assert config.url(incoming) == "= data.secret"
    assert config.body(incoming) == {"text": "hello", "token": "= data.secret"}


def test_expressions_give_the_type_that_was_declared(deployment: Deployment) -> None:
    """An expression whose value doesn't fit the connector's field fails that one event, without showing the value."""
    queue, call = deployment.sinks["queue"].config(ENVIRON), deployment.sinks["call"].config(ENVIRON)
    assert queue.routing_key(event({"key": "a"})) == "a"
    assert call.hops(event({"hops": 3})) == 3
    with pytest.raises(Permanent, match="expected text from this expression; got a whole number"):
        queue.routing_key(event({"key": 12345}))
    wrong = event({"hops": "canary"})
    with pytest.raises(Permanent, match="gave text, which doesn't fit") as error:
        call.hops(wrong)
    assert "canary" not in "".join(traceback.format_exception(error.value))


def test_a_missing_variable_is_named_with_its_place(deployment: Deployment) -> None:
    """Unit, key, file, line, column and variable; all that are missing at once."""
    assert message(lambda: deployment.sinks["call"].config({})) == (
        "hub.yaml:31:19  error  reference.unresolved: sink `call`: `url`: the environment variable URL isn't set\n"
        "hub.yaml:31:67  error  reference.unresolved: sink `call`: `json.token`: "
        "the environment variable TOKEN isn't set"
    )
    assert "`auth.token`: the environment variable TOKEN" in message(lambda: deployment.services["github"].config({}))


def test_a_missing_file_is_named(deployment: Deployment) -> None:
    """The path that was looked for is part of the error."""
    (deployment.directory / "secret.txt").rename(deployment.directory / "gone")
    assert f"can't read {deployment.directory}/secret.txt" in message(lambda: deployment.sources["hook"].config({}))


def test_routes_compile(deployment: Deployment) -> None:
    """A route is a function of an event; `env` holds what is listed and set."""
    route = deployment.routes["work"].program(ENVIRON)
    outcome = route(event({"region": "eu", "n": 1, "key": "k", "text": "t", "hops": 1}))
    assert isinstance(outcome, list)
    ((made, _),) = outcome
    assert (made.type, made.data["n"]) == ("seen", 1)
    assert route(event({"region": "us", "n": 1})) == "where"
    assert message(lambda: deployment.routes["work"].program({})) == (
        "hub.yaml:20:27  error  reference.unresolved: route `work`: the environment variable REGION isn't set"
    )
    assert deployment.routes["free"].program({})(event(1)) != "where"


@pytest.mark.parametrize(
    ("unit", "environ"),
    [
        ("polls", {"REPO": "canary no repository"}),
        ("queue", {"AMQP_URL": "amqp://canary", "PRIORITY": "canary"}),
        ("queue", {"AMQP_URL": "amqp://canary", "PRIORITY": "10"}),
    ],
)
def test_a_wrong_value_from_a_reference_is_not_shown(
    deployment: Deployment, unit: str, environ: dict[str, str]
) -> None:
    """The error says what was expected and where the reference stands, also in its traceback and repr."""
    with pytest.raises(ConfigError) as error:
        deployment.units[unit].config(environ)  # type: ignore[union-attr]  these are no routes
    shown = "".join(traceback.format_exception(error.value)) + repr(error.value) + repr(error.value.findings)
    assert "canary" not in shown
    assert "got something else from the reference in it" in str(error.value)
    assert error.value.__context__ is None


def test_secrets_appear_in_no_repr(write: Write, registry: Registry) -> None:
    """Neither values of references nor secrets written out are in the repr of anything that is loaded."""
    text = HUB.replace("${env:TOKEN}", "canary-written").replace("${env:AMQP_URL}", "canary-url")
    loaded = load(write(text, **{"secret.txt": "canary-secret"}), registry=registry)
    configs = [each.config(ENVIRON) for each in (*loaded.sources.values(), *loaded.services.values())]
    assert "canary" not in repr(loaded) + repr(list(loaded.units.values())) + repr(configs)
    assert "canary" not in repr(loaded.sinks["queue"].config(ENVIRON))
    everything = {**ENVIRON, "URL": "canary-url", "REPO": "canary/name", "API": "https://canary"}
    configs = [each.config(everything) for each in (*loaded.sinks.values(), *loaded.sources.values())]
    configs += [each.config(everything) for each in loaded.services.values()]
    assert "canary" not in repr(configs) + " ".join(map(str, configs))


def test_an_invalid_deployment_tells_all(write: Write, registry: Registry) -> None:
    """`load` raises what `check` finds: errors in the text, warnings too in the list."""
    with pytest.raises(InvalidDeployment) as error:
        load(write("deployment: d\nrotues: {}\ntopics: { x: { config: { a: =b } } }\nx: 1"), registry=registry)
    assert [each.code for each in error.value.findings] == ["section.unknown", "expression.no_space", "section.unknown"]
    assert str(error.value).count("\n") == 1


def test_a_deployment_with_warnings_loads(write: Write, registry: Registry) -> None:
    """What only looks wrong keeps nothing from running."""
    directory = write("deployment: d\nsinks: { s: { use: http, with: { url: http://x } } }")
    assert list(load(directory, registry=registry).sinks) == ["s"]


def test_all_references_are_checked_at_once(deployment: Deployment) -> None:
    """Before anything starts: what any chosen unit and the services that it calls lack, in one error."""
    (deployment.directory / "secret.txt").unlink()
    everything = message(lambda: deployment.check_references({}))
    assert [line.split("  ")[0] for line in everything.splitlines()] == [
        "hub.yaml:10:63", "hub.yaml:11:53", "hub.yaml:20:27", "hub.yaml:27:19", "hub.yaml:31:19", "hub.yaml:31:67",
    ]  # fmt: skip
    only = message(lambda: deployment.check_references({"REPO": "apache/kafka"}, only=["polls", "free"]))
    assert "service `github`: `auth.token`: the environment variable TOKEN isn't set" in only
    assert only.count("\n") == 0
    deployment.check_references(ENVIRON, only=["polls", "free", "work", "queue", "call"])


@pytest.mark.parametrize(
    "entry",
    [
        "github: { use: github, auth: { token: canary }, unknown: 1 }",
        "github: { use: nothing, auth: { token: canary }, unknown: 1 }",
        "github: { use: github, auth: { token: [canary] }, with: { base_url: 5, password: canary } }",
        "github: { use: github, auth: { token: canary }, with: { base_url: = a ? 1 : 2 } }",
        "github: { use: github, auth: canary }",
    ],
)
def test_secrets_written_out_are_hidden_in_what_is_shown(write: Write, registry: Registry, entry: str) -> None:
    """A line that is shown for another mistake on it has dots in place of the secret, known connector or not."""
    findings = check(write(f"deployment: d\nservices:\n  {entry}"), registry=registry).findings
    assert findings
    for finding in findings:
        assert "canary" not in "".join(line.plain for line in render(finding)) + str(finding.to_json()) + repr(finding)
