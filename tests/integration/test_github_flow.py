"""GitHub's connector from end to end on the real Kafka: a comment is read, looked up, and answered by an issue."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from connectors.github import connector
from connectors.github.tests.hosting import Hosting
from demo.githubapi import REPOSITORY
from hub.deployment import Registry, load
from hub.engine.runtime import Runtime
from hub.engine.settings import IngressSettings
from hub.kafka.settings import KafkaSettings
from hub.sdk import Event
from tests.integration.engine import records, settled, until

DEPLOYMENT = """
deployment: {name}
services:
  github: {{ use: github, with: {{ base_url: "{url}" }}, auth: {{ token: canary }} }}
sources:
  comments:
    use: github.comments
    with: {{ repository: octo-org/octo-repo, settle: 1s }}
    every: 200ms
topics:
  {name}.wanted: {{}}
  {name}.written: {{}}
routes:
  asked:
    from: github.comment
    start: earliest
    where: data.html_url.startsWith("https://github.com/octo-org/") && data.body.startsWith("/{name} ")
    enrich:
      who: {{ use: github.user, key: = data.user.login, cache: {{ ttl: 1h }} }}
    map:
      type: wanted
      data: {{ text: = data.body, by: '= who == null ? "nobody" : who.login', id: = data.id }}
    to: {name}.wanted
sinks:
  issues:
    use: github.issue
    from: {name}.wanted
    start: earliest
    with:
      repository: octo-org/octo-repo
      key: = data.id
      title: = data.text
      body: '= "By " + data.by'
    reply: {name}.written
"""


async def test_each_comment_leads_to_one_issue(tmp_path: Path, kafka: KafkaSettings, unique: str) -> None:
    """Over a restart, too; replies say which issue it is, and what it is an answer to."""
    beginning = datetime.now(UTC) - timedelta(minutes=5)
    moment = [beginning]
    api = Hosting(clock=lambda: moment[0])
    await api.start()
    try:
        (tmp_path / "hub.yaml").write_text(DEPLOYMENT.format(name=unique, url=api.url))
        for number in range(2):
            api.comment(1, f"/{unique} {number}")
            api.comment(1, "nothing to do")
        moment[0] = beginning + timedelta(seconds=30)
        for more in range(2):
            if more:
                api.comment(1, f"/{unique} 2")
                moment[0] = datetime.now(UTC)
            deployment = load(tmp_path, registry=Registry([connector]))
            runtime = Runtime(deployment, kafka, ingress=IngressSettings(port=0), environ={})
            await runtime.start()
            try:
                wanted = 2 + more

                async def opened(wanted: int = wanted) -> bool:
                    return len(api.repository.issues) >= wanted

                await until(opened, f"{wanted} issues")
                await settled(runtime, "issues", 1 if more else 2)  # of this life
            finally:
                await runtime.stop()
        issues = api.repository.issues
        assert sorted(each["title"] for each in issues.values()) == [f"/{unique} {number}" for number in range(3)]
        assert all(each["body"].startswith("By octocat\n") for each in issues.values())
        written = [
            Event.from_kafka(each.key, each.value, each.headers) for each in await records(kafka, f"{unique}.written")
        ]
        assert sorted(each.data["number"] for each in written) == [1, 2, 3]
        assert {each.data["action"] for each in written} == {"created"}
        assert all(each.type == "github.issue_written" and each.attributes["causationid"] for each in written)
        assert {each.data["repository"] for each in written} == {REPOSITORY}
        assert not api.wrong, "\n".join(dict.fromkeys(api.wrong))
    finally:
        await api.stop()
