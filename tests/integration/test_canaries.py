"""No secret comes out: canaries wherever secrets live, failures wherever they can be had, and all that is said is read.

The hub runs as a process at DEBUG. Its far sides echo all that they get, in errors of every kind; a connector crashes.
"""

# ruff: noqa: E501  schema files and tables of them

from __future__ import annotations

import asyncio
import base64
import contextlib
import logging
import os
import signal
import traceback
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import NamedTuple

import aiohttp
import orjson
import pytest
from aiohttp import web
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from typer.testing import CliRunner

from hub.cli import app
from hub.kafka.clients import admin
from hub.kafka.clients import running as connected
from hub.kafka.settings import KafkaSettings
from hub.process import free_ports, listens
from hub.testing.oidc import SECRET, PrivateProvider
from tests.integration.canaries import Canaries
from tests.integration.commands import Command, command, environment
from tests.integration.engine import event, publish, records, until

pytestmark = pytest.mark.timeout(600)

WAYS = ("token", "header", "query", "basic", "hmac", "oauth", "refusedoauth", "app", "redis")
STATUSES = (500, 503, 429, 302, 0, 403, 400, 401)
"""What a far side answers, in this order; 0 breaks the answer off. All that it got stands in each of them."""

SERVICES = """
  token: {{ use: github, with: {{ base_url: "{url}/token" }}, auth: {{ token: "${{env:TOKEN}}" }}, circuit_breaker: {{ breaker_timeout: 100ms }} }}
  header: {{ use: github, with: {{ base_url: "{url}/header" }}, auth: {{ api_key: {{ header: X-Key, value: "${{file:key.txt}}" }} }} }}
  query: {{ use: github, with: {{ base_url: "{url}/query" }}, auth: {{ api_key: {{ query: key, value: "${{exec:cat query.txt}}" }} }} }}
  basic: {{ use: github, with: {{ base_url: "{url}/basic" }}, auth: {{ basic: {{ username: me, password: "${{env:PASSWORD}}" }} }} }}
  hmac: {{ use: github, with: {{ base_url: "{url}/hmac" }}, auth: {{ hmac: {{ secret: "${{env:HMAC}}" }} }} }}
  oauth: {{ use: github, with: {{ base_url: "{url}/oauth" }}, auth: {{ oauth2: {{ issuer: "{issuer}", client_id: robot, client_secret: "${{env:ROBOT}}", scopes: [read] }} }} }}
  refusedoauth: {{ use: github, with: {{ base_url: "{url}/refusedoauth" }}, auth: {{ oauth2: {{ token_url: "{url}/tokens", client_id: me, client_auth: post, client_secret: "${{env:CLIENT}}" }} }} }}
  app: {{ use: github, with: {{ base_url: "{url}/app" }}, auth: {{ github_app: {{ app_id: 1, installation_id: 2, private_key: "${{file:app.pem}}" }} }} }}
  redis: {{ use: github, with: {{ base_url: "{url}/redis" }}, auth: {{ token: "${{env:TOKEN}}" }}, rate_limit: {{ count: 100, interval: 1s, redis: "${{env:REDIS}}" }} }}
"""
TEXT = """
deployment: {name}
topics:
  {name}.in: {{ partitions: 1 }}
  {name}.hooks: {{ partitions: 1 }}
  {name}.polled: {{ partitions: 1 }}
events:
  github.push: {{ schema: {{}}, topic: {name}.hooks }}
  github.issue: {{ schema: {{}}, topic: {name}.polled }}
  crash.event: {{ schema: {{}}, topic: {name}.polled }}
services:
{services}
sources:
  hook: {{ use: github.webhook, with: {{ path: /hook, secret: "${{env:WEBHOOK}}", previous_secret: "${{env:WEBHOOK_BEFORE}}" }} }}
  crash: {{ use: crash, every: 1s, with: {{ password: "${{env:CRASH}}", note: "${{env:NOTE}}" }} }}
{sources}
routes:
  broken: {{ from: {name}.in, start: earliest, map: {{ data: {{ n: = data.n / 0 }} }}, to: {name}.hooks }}
sinks:
  urls: {{ use: http, from: {name}.in, start: earliest, with: {{ url: "${{env:HOOK_URL}}", json: = data }}, on_error: {{ retry: {{ max_retries: 1, initial_interval: 20ms }} }} }}
  bearer: {{ use: http, from: {name}.in, start: earliest, with: {{ url: "{url}/bearer", auth: {{ bearer: "${{env:BEARER}}" }} }}, on_error: {{ retry: {{ max_retries: 1, initial_interval: 20ms }} }} }}
  user: {{ use: http, from: {name}.in, start: earliest, with: {{ url: "{url}/user", auth: {{ basic: {{ username: me, password: "${{env:SINK_PASSWORD}}" }} }} }}, on_error: {{ retry: {{ max_retries: 1, initial_interval: 20ms }} }} }}
  headers: {{ use: http, from: {name}.in, start: earliest, with: {{ url: "{url}/headers", auth: {{ headers: {{ X-Secret: "${{env:HEADER}}" }} }} }}, on_error: {{ retry: {{ max_retries: 1, initial_interval: 20ms }} }} }}
  proxy: {{ use: http, from: {name}.in, start: earliest, with: {{ url: "http://far.example/x", proxy: "${{env:PROXY}}" }} }}
  nobody: {{ use: rabbitmq, from: {name}.in, start: earliest, with: {{ url: "${{env:AMQP_AWAY}}", queue: q }} }}
  refused: {{ use: rabbitmq, from: {name}.in, start: earliest, with: {{ url: "${{env:AMQP}}", queue: q }} }}
  bug: {{ use: crash, from: {name}.in, start: earliest, with: {{ password: "${{env:CRASH}}", note: "${{env:NOTE}}" }} }}
"""
CRASH = '''
"""A connector of somebody else's, with bugs, and a vendor's client that says what it was called with."""
import logging

from pydantic import SecretStr

from hub.sdk import Connector, Cursor, Permanent, PollingSource, Sink, SinkConfig, SourceConfig

class From(SourceConfig):
    password: SecretStr
    note: str

class To(SinkConfig):
    password: SecretStr
    note: str

class Nothing(Cursor):
    pass

class Client:
    def __init__(self, url): self.url = url
    def __repr__(self): return f"<Client {self.url}>"

def call(client, password, note):
    raise RuntimeError(f"could not log in at {client!r} with {password} for {note}")

class Poll(PollingSource[From, Nothing]):
    events = {"crash.event": None}
    async def poll(self, cursor):
        password = self.config.password.get_secret_value()
        self.log.debug("polling as %s with %s", self.config, password)
        call(Client(f"far://me:{password}@host"), password, self.config.note)
        yield

class Write(Sink[To]):
    async def write(self, batch):
        password = self.config.password.get_secret_value()
        if batch[0].event.data["n"] % 2:
            raise Permanent(f"refused: Authorization: {password} for {self.config.note}")
        call(Client(f"far://me:{password}@host"), password, self.config.note)

connector = Connector("crash", "Crash", sources={"": Poll}, sinks={"": Write})
'''


class Echo:
    """A far side that says all that it got."""

    def __init__(self) -> None:
        self.seen: Counter[str] = Counter()
        self.tokens: set[str] = set()

    @contextlib.asynccontextmanager
    async def listening(self) -> AsyncIterator[str]:
        app = web.Application()
        app.router.add_route("*", "/{rest:.*}", self._handle)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        try:
            yield f"http://127.0.0.1:{runner.addresses[0][1]}"
        finally:
            await runner.cleanup()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        who = request.path.split("/")[1]
        said = " ".join((request.path_qs, *(f"{k}: {v}" for k, v in request.headers.items()), await request.text()))
        authorization = request.headers.get("authorization", "")
        if authorization.startswith("Basic "):
            said += base64.b64decode(authorization[6:]).decode()
        elif who in ("oauth", "app") and authorization:
            self.tokens.add(authorization.removeprefix("Bearer "))
        status = STATUSES[self.seen[who] % len(STATUSES)]
        self.seen[who] += 1
        headers = {"x-echo": said.encode("ascii", "replace").decode().replace("\n", " ")[:4000]}
        if status in (429, 503):
            headers["retry-after"] = "0"
        if status == 302:
            headers["location"] = f"http://elsewhere.example/?{request.query_string}"
        if status == 0:
            answer = web.StreamResponse(status=200, headers={**headers, "content-length": "100000"})
            await answer.prepare(request)
            await answer.write(said.encode())
            assert request.transport is not None
            request.transport.abort()
            return answer
        document = {"message": said, "error": "invalid_client", "error_description": said, "error_code": 40401}
        return web.json_response(document, status=status, headers=headers)


class Planted:
    """A deployment full of canaries, and the environment that gives them to it."""

    def __init__(self, directory: Path, name: str, url: str, issuer: str, rabbitmq: str, redis: str) -> None:
        self.canaries = it = Canaries()
        self.control = Canaries()
        self.directory = directory / "deployment"
        self.directory.mkdir()
        self.name = name
        self.url = url
        [closed] = free_ports(1)
        host = rabbitmq.rpartition("@")[2].removeprefix("amqp://").rstrip("/")
        self._site(directory / "site")
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        for number, line in enumerate(key.decode().splitlines()[1:-1]):
            it.add(f"appkey{number}", line)
        it.add("robot", SECRET)
        store = base64.b64encode(it.plant("store").ljust(32)[:32].encode()).decode()
        it.add("storekey", store)
        self.environ = {
            "TOKEN": it.plant("token"),
            "PASSWORD": it.plant("password", ' "ü\\/+&='),
            "HMAC": it.plant("hmac"),
            "ROBOT": SECRET,
            "CLIENT": it.plant("client", "/+&= x"),
            "WEBHOOK": it.plant("webhook"),
            "WEBHOOK_BEFORE": it.plant("webhookbefore"),
            "HOOK_URL": f"{url}/urls/{it.plant('path')}?key={it.plant('urlkey')}",
            "BEARER": it.plant("bearer"),
            "SINK_PASSWORD": it.plant("sinkpassword", ' "\\/+'),
            "HEADER": it.plant("headersecret"),
            "PROXY": f"http://me:{it.plant('proxy')}@127.0.0.1:{closed}",
            "AMQP_AWAY": f"amqp://me:{it.plant('amqpaway')}@127.0.0.1:{closed}/",
            "AMQP": f"amqp://me:{it.plant('amqp')}@{host}/",
            "REDIS": f"redis://me:{it.plant('redis')}@{redis.removeprefix('redis://')}",
            "CRASH": it.plant("crash"),
            "NOTE": self.control.plant("note"),  # no secret by its type: it comes out wherever one would
            "HUB_CREDENTIALS__STORE": "file",
            "HUB_CREDENTIALS__DIRECTORY": str(directory / "credentials"),
            "HUB_CREDENTIALS__KEY": store,
            "HUB_REGISTRY__URL": f"{url}/registry",
            "HUB_REGISTRY__USERNAME": "me",
            "HUB_REGISTRY__PASSWORD": it.plant("registry"),
            "PYTHONPATH": f"{directory / 'site'}{os.pathsep}{Path.cwd()}",
            "PYTHONASYNCIODEBUG": "1",
        }
        (self.directory / "key.txt").write_text(it.plant("file", "/+"))
        (self.directory / "query.txt").write_text(it.plant("exec", " /+&="))
        (self.directory / "app.pem").write_bytes(key)
        sources = "\n".join(
            f"  poll-{way}: {{ use: github.issues, every: 200ms, with: {{ service: {way}, repository: o/r }} }}"
            for way in WAYS
        )
        services = SERVICES.format(url=url, issuer=issuer)
        text = TEXT.format(name=name, url=url, services=services, sources=sources)
        (self.directory / "deployment.yaml").write_text(text)

    def _site(self, site: Path) -> None:
        """Installs the connector with bugs, as pip would."""
        about = site / "crash-1.0.dist-info"
        about.mkdir(parents=True)
        (site / "crash.py").write_text(CRASH)
        (about / "METADATA").write_text("Metadata-Version: 2.1\nName: crash\nVersion: 1.0\n")
        (about / "entry_points.txt").write_text("[hub.connectors]\ncrash = crash:connector\n")


@pytest.fixture
async def provider() -> AsyncIterator[PrivateProvider]:
    server = PrivateProvider()
    try:
        await server.start()
        yield server
    finally:
        server.close()


async def test_no_secret_comes_out(tmp_path, kafka, rabbitmq, redis, unique, provider, monkeypatch):
    """Not in logs, errors, metrics, the admin API, dead letters, topics or any command's output."""
    echo, said = Echo(), dict[str, str]()
    async with echo.listening() as url:
        it = Planted(tmp_path, unique, url, provider.issuer, str(rabbitmq), str(redis))
        monkeypatch.syspath_prepend(tmp_path / "site")
        monkeypatch.setattr(logging, "raiseExceptions", False)  # what commands have logged to is gone by then
        for form in ("plain", "json"):
            ports = Ports(*free_ports(2))
            env = environment(kafka, **it.environ, **ports.environ)
            options = ("--log-level", "debug", "--log-format", form, "--json")
            async with command("run", str(it.directory), *options, directory=tmp_path / form, env=env) as hub:
                await ports.open(hub)
                await until(lambda: _has_topic(kafka, f"{unique}.in"), "the topics being made")
                await publish(kafka, f"{unique}.in", [event(n, key=f"k{n}") for n in range(6)])
                await _knock(ports, said)
                await until(lambda: _all_seen(echo, hub), "all far sides having answered in all ways")
                await _look(ports, said, form)
                if form == "json":
                    await _commands(it, env, tmp_path, said)
                hub.signal(signal.SIGTERM)
                await hub.ended()
            said[f"{form} stdout"], said[f"{form} stderr"] = hub.out, hub.err
        await _bad_configurations(it, env, tmp_path, said)
        await _bad_connections(it, env, tmp_path, said)
    for name in await _topics(kafka, unique):
        for number, each in enumerate(await records(kafka, name)):
            said[f"{name} {number}"] = repr((each.key, each.value, each.headers))
    # That there was something to find: what was provoked has been told of.
    everything = "\n".join(said.values())
    for told in ("answered 400", "answered 401", "answered 500", "Traceback", "refused", "dead", "could not log in"):
        assert told in everything, told
    assert any(name.endswith(".dlq") or ".dlq." in name or "dlq" in name for name in said)
    assert echo.tokens, "the provider's tokens were used"
    assert any("hub dlq replay" in name and "replayed 2 events" in text for name, text in said.items())
    for number, token in enumerate(sorted(echo.tokens)):
        it.canaries.add(f"accesstoken{number}", token)
    (tmp_path / "said.json").write_bytes(orjson.dumps(said))
    found = it.canaries.found(said)
    assert not found, "\n".join(found)
    # The same way as theirs, what nobody knows to be a secret has come out, and the look has found it.
    seen = " ".join(it.control.found(said))
    for place in (
        "plain stderr", "json stderr", "json admin /connectors/crash/status",
        f"{unique}.bug.dlq 0", f"hub.{unique}.status", "hub dlq show", "hub dlq list", "hub status", "hub tap",
    ):  # fmt: skip
        assert place in seen, place


def test_the_look_finds_what_is_there():
    """A secret as it is, cut off, in a URL, and in base64 at every place: each is found, and named with its place."""
    canaries = Canaries()
    secret = canaries.plant("one", ' "/+ü')
    planted = {
        "plain": f"x {secret} y",
        "cut off": secret[: len(secret) * 3 // 4],
        "a URL": str(aiohttp.client.URL.build(path="/", query={"k": secret})).replace("+", "%20"),
        **{f"base64 at {n}": base64.b64encode(b"me:x"[:n] + secret.encode() + b"!").decode() for n in range(5)},
    }
    for place, text in planted.items():
        found = canaries.found({place: text, "beside": "nothing"})
        assert found, place
        assert all(each.startswith(f"one in {place}: ") for each in found)
    assert canaries.found({"another": "canarytwo7f3a9c"}) == []


def _all_seen(echo: Echo, hub: Command) -> bool:
    assert hub.process.poll() is None, hub.err[-3000:]
    counts = [
        echo.seen[each] for each in ("token", "header", "query", "basic", "hmac", "oauth", "redis", "urls", "bearer")
    ]
    return min(counts) >= 6 and echo.seen["tokens"] > 0


class Ports(NamedTuple):
    """Where a worker listens."""

    admin: int
    ingress: int

    @property
    def environ(self) -> dict[str, str]:
        return {"HUB_ADMIN__PORT": str(self.admin), "HUB_INGRESS__PORT": str(self.ingress)}

    async def open(self, hub: Command) -> None:
        """Waits until it does."""

        async def listening() -> bool:
            assert hub.process.poll() is None, hub.err[-3000:]
            return all([await listens("127.0.0.1", port) for port in self])

        await until(listening, "the worker listening")


async def _knock(ports: Ports, said: dict[str, str]) -> None:
    """Webhooks that are refused."""
    async with aiohttp.ClientSession() as session:
        base = f"http://127.0.0.1:{ports.ingress}"
        for path, headers in (
            ("/hook", {"x-hub-signature-256": "sha256=00", "x-github-event": "push", "x-github-delivery": "1"}),
            ("/hook", {}),
            ("/elsewhere", {}),
        ):
            async with session.post(base + path, data=b'{"a": 1}', headers=headers) as answer:
                said[f"webhook {path} {len(headers)}"] = f"{answer.headers} {await answer.text()}"


async def _look(ports: Ports, said: dict[str, str], form: str) -> None:
    """All that the admin API tells."""
    async with aiohttp.ClientSession() as session:
        base = f"http://127.0.0.1:{ports.admin}"

        async def get(path: str) -> str:
            async with session.get(base + path) as answer:
                said[f"{form} admin {path}"] = f"{answer.headers} {await answer.text()}"
                return await answer.text()

        names = orjson.loads(await get("/connectors"))
        for path in ("/healthz", "/readyz", "/metrics", "/connectors?expand=status", "/services", "/nothing"):
            await get(path)
        for name in names:
            for below in ("", "/config", "/status", "/offsets", "/contracts"):
                await get(f"/connectors/{name}{below}")

        async def failed() -> bool:
            return "FAILED" in await get("/connectors/crash/status")

        await until(failed, "the source that crashes being seen so")
        assert "PAUSED" in said[f"{form} admin /connectors?expand=status"]


async def _commands(it: Planted, env: Mapping[str, str], directory: Path, said: dict[str, str]) -> None:
    """All that commands say of a deployment that is at work."""
    here = str(it.directory)
    event_file = directory / "event.json"
    event_file.write_text(orjson.dumps({"specversion": "1.0", **event(3).attributes, "data": {"n": 3}}).decode())
    lines = [
        ["validate", here], ["graph", here], ["test", here], ["status", here], ["ledger", here], ["topics", here],
        ["dlq", "list", "--dir", here], ["dlq", "show", "--dir", here, "--full", "--limit", "99"],
        ["cursors", "list", "--dir", here], ["auth", "list", "--dir", here], ["doctor"],
        ["schemas", "push", here], ["schemas", "list", "--dir", here],
        *(["auth", "test", way, "--dir", here] for way in WAYS),
        ["auth", "logout", "oauth", "--dir", here], ["auth", "login", "token", "--dir", here],
        ["explain", here, str(event_file)], ["explain", here, "--id", "3"],
        ["dlq", "replay", "--all-units", "--dir", here, "--dry-run"],
        ["dlq", "replay", "urls", "bug", "--dir", here, "--limit", "2"],
        ["dlq", "replay", "--all-units", "--dir", here, "--where", "data.n / 0 == 1"],
        ["tap", f"{it.name}.bug.dlq", "--dir", here, "--from", "earliest", "--limit", "2"],
        ["tap", f"{it.name}.bug.dlq", "--dir", here, "--from", "earliest", "--limit", "2", "--full"],
        ["tap", "urls", "--dir", here, "--from", "earliest", "--limit", "2", "--where", "data.n % 2 == 0"],
        ["tap", "urls", "--dir", here, "--where", "data.n / "],
    ]  # fmt: skip
    span = ["--from", "2026-01-01", "--to", "2026-01-03"]
    for way in ("token", "oauth", "query"):
        await _run(["backfill", f"poll-{way}", "--dir", here, *span], env, directory, said, limit=8)
    for line in lines:
        for more in ([], ["--json"]):
            await _run([*line, *more], env, directory, said)


async def _bad_configurations(it: Planted, env: Mapping[str, str], directory: Path, said: dict[str, str]) -> None:
    """Secrets at the wrong place, or that don't fit where they are."""
    text = (it.directory / "deployment.yaml").read_text()
    literal = it.canaries.plant("literal")
    changed = {
        "no section": ('auth: { bearer: "${env:BEARER}" }', f"auth: {literal}"),
        "a list": ('bearer: "${env:BEARER}"', f"bearer: [{literal}]"),
        "unknown key": ('bearer: "${env:BEARER}"', f"baerer: {literal}"),
        "a number": ('auth: { token: "${env:TOKEN}" }', f"auth: {{ token: {{ it: {literal} }} }}"),
        "no URL": ('"${env:AMQP}"', f'"amqp//me:{literal}@host"'),
        "credentials in a URL": ('"${env:HOOK_URL}"', f'"http://me:{literal}@host/x"'),
        "no expression": ('"${env:BEARER}"', f'"= {literal} +"'),
        "two ways": ('auth: { hmac: { secret: "${env:HMAC}" } }', f"auth: {{ token: {literal}, bearer: {{ token: {literal} }} }}"),
        "no YAML": ("sinks:", f'sinks: "{literal}'),
    }  # fmt: skip
    for name, (before, after) in changed.items():
        assert before in text, name
        broken = directory / f"broken-{name.replace(' ', '-')}"
        broken.mkdir()
        (broken / "deployment.yaml").write_text(text.replace(before, after, 1))
        for more in ([], ["--json"]):
            await _run(["validate", str(broken), *more], env, directory, said)
        await _run(["run", str(broken), "--log-level", "debug"], env, directory, said, limit=20)
    for name, value in {
        "AMQP": f"amqp//me:{it.canaries.plant('badamqp')}@host",
        "HOOK_URL": f"htp:{it.canaries.plant('badurl')}",
        "PROXY": f"{it.canaries.plant('badproxy')}",
        "REDIS": f"radish://me:{it.canaries.plant('badredis')}@host",
        "TOKEN": f"{it.canaries.plant('badtoken')}\nü",
    }.items():
        changed_env = {**env, name: value}
        line = ["run", str(it.directory), "--only", "refused,urls,proxy,poll-redis,poll-token", "--log-level", "debug"]
        await _run(line, changed_env, directory, said, limit=5, name=f"bad {name}")
        for service in ("redis", "token"):
            await _run(
                ["auth", "test", service, "--dir", str(it.directory)], changed_env, directory, said, name=f"bad {name}"
            )


async def _bad_connections(it: Planted, env: Mapping[str, str], directory: Path, said: dict[str, str]) -> None:
    """A Kafka that doesn't take the password, one that isn't there, settings that are wrong."""
    [closed] = free_ports(1)
    secret = {"HUB_KAFKA__SASL_USERNAME": "me", "HUB_KAFKA__SASL_PASSWORD": it.canaries.plant("sasl")}
    keys = {"HUB_KAFKA__SSL_PASSWORD": it.canaries.plant("ssl")}
    for name, more in {
        "no SASL there": {**secret, "HUB_KAFKA__SASL_MECHANISM": "PLAIN", "HUB_KAFKA__SECURITY_PROTOCOL": "SASL_PLAINTEXT"},
        "nobody": {**secret, "HUB_KAFKA__SASL_MECHANISM": "PLAIN", "HUB_KAFKA__SECURITY_PROTOCOL": "SASL_PLAINTEXT",
                   "HUB_KAFKA__BOOTSTRAP_SERVERS": f"127.0.0.1:{closed}"},
        "wrong": {**secret, "HUB_KAFKA__SASL_MECHANISM": "SECRET"},
        "unknown": {**secret, **keys, "HUB_KAFKA__PASSWROD": it.canaries.plant("unknown")},
        "store": {"HUB_CREDENTIALS__KEY": it.canaries.plant("badstorekey")},
        "registry": {"HUB_REGISTRY__TOKEN": it.canaries.plant("registrytoken"), "HUB_REGISTRY__USERNAME": "", "HUB_REGISTRY__PASSWORD": ""},
    }.items():  # fmt: skip
        for line in (["run", str(it.directory), "--log-level", "debug"], ["status", str(it.directory)],
                     ["schemas", "push", str(it.directory)], ["auth", "list", "--dir", str(it.directory)]):  # fmt: skip
            if name in ("store", "registry") and line[0] in ("run", "status"):
                continue
            await _run(line, {**env, **more}, directory, said, limit=8, name=name)


async def _run(
    line: list[str], env: Mapping[str, str], directory: Path, said: dict[str, str], *, limit: float = 60, name: str = ""
) -> None:
    """Runs a command to its end, or for so long, and keeps what it said."""
    place = f"{name} hub {' '.join(line)}"
    if line[0] not in ("run", "backfill", "tap"):
        clean: dict[str, str | None] = {name: None for name in os.environ if name.startswith("HUB_")}
        result = await asyncio.to_thread(CliRunner(env=clean | env).invoke, app, line, "typed-in")
        trace = "".join(traceback.format_exception(result.exception)) if result.exception else ""
        said[place] = f"{result.stdout}\n{result.stderr}\n{trace}"
        return
    async with command(*line, directory=directory / "command", env=env) as hub:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(limit):
                while hub.process.poll() is None:  # noqa: ASYNC110  there is no event for it
                    await asyncio.sleep(0.05)
        if hub.process.poll() is None:
            hub.signal(signal.SIGTERM)
            await hub.ended()
    said[place] = f"{hub.out}\n{hub.err}"


async def _has_topic(kafka: KafkaSettings, name: str) -> bool:
    return name in await _topics(kafka, name)


async def _topics(kafka: KafkaSettings, name: str) -> list[str]:
    async with connected(admin(kafka)) as client:
        return [each for each in await client.list_topics() if name in each]
