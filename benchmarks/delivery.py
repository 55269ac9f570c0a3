"""Routes beside a bare aiokafka loop and other frameworks: CPU-seconds per million events, and events per second.

Three tasks on events of about a kilobyte, on one partition and on eight: ``copy`` forwards every event; ``filter_map``
keeps one half and makes six fields of each; ``fan_out`` copies to five topics. The hub's routes are exactly-once. The
bare loops are what one would write by hand: read_committed, acks=all, idempotent, offsets committed after the
acknowledgements, aiokafka's batch interface; at least once. The peers do what their documentation shows (see
`benchmarks.peers`); slow ones get a sample of the events.

Every program is a process of its own. Its clock runs from the first record that it takes in, so that starting counts
for nobody. In each round they take turns; figures are medians of the rounds, with the least and the most beside them,
and ratios are medians of the rounds' ratios. What came out is counted in the first round: a program that leaves
something out is refused. Brokers and programs share the machine, so events per second are those of both together.
"""

from __future__ import annotations

import asyncio
import os
import uuid
from collections.abc import Mapping, Sequence

from benchmarks import events, programs, report
from benchmarks.loops import FAN_OUT
from benchmarks.peers.environments import PEERS, NotInstalled, Peer
from hub.kafka import clients
from hub.kafka.settings import KafkaSettings
from hub.testing.servers import kafka_server

EVENTS = int(os.environ.get("BENCH_EVENTS", "200000"))
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "5"))
PEERS_WANTED = os.environ.get("BENCH_PEERS", "1") != "0"
PARTITIONS = (1, 8)
TASKS = {"copy": 1, "filter_map": 1, "fan_out": FAN_OUT}
OWN = ("bare", "bare_tuned", "hub")
KEPT = {"copy": 1.0, "filter_map": 0.5, "fan_out": float(FAN_OUT)}
"""Records out for each one in."""
Rounds = dict[tuple[str, str, int], list[dict[str, float]]]
"""By program, task and number of partitions."""


async def main() -> None:
    """Runs all programs in turn and reports."""
    peers, missing = installed() if PEERS_WANTED else ([], {})
    rounds: Rounds = {}
    async with kafka_server(private=True) as server:
        bench = Bench(KafkaSettings(bootstrap_servers=server.url), server.url, EVENTS, rounds)
        size = len(events.payload(1))
        print(f"delivery: {EVENTS:,} events of {size:,} bytes and headers, {ROUNDS} rounds, load {report.load():.1f}")
        for partitions in PARTITIONS:
            await bench.fill(partitions, peers)
        for round_ in range(ROUNDS):
            for partitions in PARTITIONS:
                for task in TASKS:
                    for name in OWN:
                        await bench.own(name, task, partitions, round_)
                    for peer in peers:
                        if peer.name not in missing:
                            await bench.peer(peer, task, partitions, round_, missing)
    report_(rounds, missing)


def installed() -> tuple[list[Peer], dict[str, str]]:
    """Peers that can be run, and why the others can't."""
    missing: dict[str, str] = {}
    for peer in PEERS:
        try:
            peer.python()
        except NotInstalled as error:
            missing[peer.name] = str(error)
            print(f"not measured: {error}")
    return [peer for peer in PEERS if peer.name not in missing], missing


class Bench:
    """Runs one program after the other on one broker."""

    def __init__(self, kafka: KafkaSettings, url: str, count: int, rounds: Rounds) -> None:
        self._count = count
        self._kafka = kafka
        self._url = url
        self._rounds = rounds
        self._run = uuid.uuid4().hex[:8]

    async def fill(self, partitions: int, peers: Sequence[Peer]) -> None:
        """Makes the input topics: peers that get a sample have one of their own, which ends with it."""
        for share in {1.0, *(peer.share for peer in peers)}:
            await events.preload(self._kafka, self._source(partitions, share), int(self._count * share), partitions)

    async def own(self, name: str, task: str, partitions: int, round_: int) -> None:
        """The hub, or a bare loop."""
        arguments = [self._url, self._source(partitions, 1.0)]
        async with self._outputs(name, task, partitions, round_) as targets:
            figures = await programs.run(
                "benchmarks.loops", name, task, *arguments, ",".join(targets), str(self._count)
            )
            await self._check(name, task, targets, self._count, round_)
        self._note(name, task, partitions, round_, figures)

    async def program(self, module: str, name: str, task: str, partitions: int, round_: int) -> None:
        """Another program, on one partition; it is told its task, and noted under as many partitions as are given."""
        async with self._outputs(f"{name}-{task}", "copy", 1, round_) as targets:
            arguments = [self._url, self._source(1, 1.0), targets[0], str(self._count)]
            figures = await programs.run(module, name, task, *arguments)
        self._note(name, task, partitions, round_, figures)

    async def peer(self, peer: Peer, task: str, partitions: int, round_: int, missing: dict[str, str]) -> None:
        """A peer; one that fails is reported and left out from then on."""
        count = int(self._count * peer.share)
        arguments = [task, self._url, self._source(partitions, peer.share)]
        async with self._outputs(peer.name, task, partitions, round_) as targets:
            try:
                figures = await programs.run_script(
                    str(peer.python()), peer.source, *arguments, ",".join(targets), str(count)
                )
                await self._check(peer.name, task, targets, count, round_)
            except programs.Failed as error:
                missing[peer.name] = str(error)
                print(f"  left out: {error}")
                return
        self._note(peer.name, task, partitions, round_, figures)

    async def _check(self, name: str, task: str, targets: list[str], count: int, round_: int) -> None:
        """Counts what came out, once: no program stops within what it was given, so all must be there, and no more.

        Raises:
            programs.Failed: it isn't.
        """
        if round_:
            return
        found, wanted = await events.count(self._kafka, targets), int(count * KEPT[task])
        if found != wanted:
            raise programs.Failed(f"{name}, {task}: expected {wanted:,} records in its outputs; found {found:,}")

    def _source(self, partitions: int, share: float) -> str:
        return f"bench-{self._run}-{partitions}-{share:g}"

    def _outputs(self, name: str, task: str, partitions: int, round_: int) -> _Outputs:
        prefix = f"out-{self._run}-{name.replace('_', '-')}-{task.replace('_', '-')}-{partitions}-{round_}"
        return _Outputs(self._kafka, [f"{prefix}-{number}" for number in range(TASKS[task])], partitions)

    def _note(self, name: str, task: str, partitions: int, round_: int, figures: dict[str, float]) -> None:
        self._rounds.setdefault((name, task, partitions), []).append(figures)
        cpu, rate = figures["cpu_s_per_million"], figures["events_per_s"]
        print(f"  {round_ + 1} {task} on {partitions}, {name}: {cpu:.1f} CPU-s/million, {rate:,.0f}/s", flush=True)


class _Outputs:
    """Output topics for one run: they would fill the disk."""

    def __init__(self, kafka: KafkaSettings, names: list[str], partitions: int) -> None:
        self._kafka = kafka
        self._names = names
        self._partitions = partitions

    async def __aenter__(self) -> list[str]:
        await events.make_topics(self._kafka, self._names, self._partitions)
        return self._names

    async def __aexit__(self, *_: object) -> None:
        async with clients.running(clients.admin(self._kafka)) as admin:
            await admin.delete_topics(self._names)


def report_(rounds: Rounds, missing: Mapping[str, str]) -> None:
    """Prints and writes the figures."""
    figures: dict[str, float | str] = {}
    rows = []
    for (name, task, partitions), each in rounds.items():
        middle = programs.medians(each)
        versus = programs.ratio(each, rounds["bare", "copy", partitions], "cpu_s_per_million")
        same = programs.ratio(each, rounds["bare", task, partitions], "cpu_s_per_million")
        label = f"{task}" if name == "hub" else f"{name}_{task}"
        suffix = "" if partitions == 1 else f"_{partitions}_partitions"
        figures[f"{label}_cpu_s_per_million{suffix}"] = middle["cpu_s_per_million"]
        figures[f"{label}_cpu_s_per_million_least{suffix}"] = min(figure["cpu_s_per_million"] for figure in each)
        figures[f"{label}_cpu_s_per_million_most{suffix}"] = max(figure["cpu_s_per_million"] for figure in each)
        figures[f"{label}_events_per_s{suffix}"] = middle["events_per_s"]
        if name == "hub":
            figures[f"{label}_vs_copy_loop{suffix}"] = versus
            figures[f"{label}_vs_bare_{task}{suffix}"] = same
            tuned = rounds["bare_tuned", task, partitions]
            figures[f"{label}_vs_bare_tuned_{task}{suffix}"] = programs.ratio(each, tuned, "cpu_s_per_million")
        cpu, rate = f"{middle['cpu_s_per_million']:.1f}", f"{middle['events_per_s']:,.0f}"
        rows.append([f"{task}, {partitions} partitions, {name}", cpu, rate, f"{versus:.2f}", f"{same:.2f}"])
    print()
    report.table(["", "CPU-s per million", "events/s", "beside bare copy", "beside the bare same"], sorted(rows))
    figures |= {f"{name}_missing": reason for name, reason in missing.items()}
    report.write("delivery", figures | {"events": EVENTS, "rounds": ROUNDS, "load_average": report.load()})


if __name__ == "__main__":
    asyncio.run(main())
