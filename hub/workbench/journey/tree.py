"""Makes hops of what was found: what each unit that read a record has made of it, and how that ended."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from hub.deployment import Deployment, RouteSpec, SinkSpec
from hub.deployment.specs import reads, writes
from hub.engine.dlq.deadletter import Origin
from hub.engine.dlq.resolutions import Resolution
from hub.engine.sinks.attempts import Retrying
from hub.workbench.journey.following import Trail
from hub.workbench.journey.footprint import Footprint
from hub.workbench.journey.hop import Hop, Outcome
from hub.workbench.journey.kinship import Judge, Kinship
from hub.workbench.journey.standing import Standing

Reading = RouteSpec | SinkSpec


class Trees:
    """Builds the hops of one trail.

    Args:
        deployment: whose units.
        trail: what was found.
        standing: where the units are.
        resolutions: what was decided about dead letters, by place.
        judge: asks a route again.
    """

    def __init__(
        self,
        deployment: Deployment,
        trail: Trail,
        standing: Standing,
        resolutions: Mapping[Origin, Resolution],
        judge: Judge,
    ) -> None:
        self._deployment = deployment
        self._trail = trail
        self._standing = standing
        self._resolutions = resolutions
        self._judge = judge
        self._readers: dict[str, list[Reading]] = {}
        units: list[Reading] = [*deployment.routes.values(), *deployment.sinks.values()]
        for unit in units:
            for topic in dict.fromkeys(reads(unit)):
                self._readers.setdefault(topic, []).append(unit)
        self._kinship = Kinship(deployment, trail, judge)

    def build(self) -> list[Hop]:
        """One tree for each time that the event was published, in the order of time."""
        lone = self._kinship.letters.get(None, [])
        return [self._letter(each) for each in lone] + [self._root(each) for each in self._kinship.beginnings]

    def _root(self, root: Footprint) -> Hop:
        """A record of which nothing before it was found: the first one, or one whose origin is gone."""
        kind, unit = self._publisher(root)
        hop = Hop(kind, unit, Outcome.RECEIVED, *self._record(root), hops=self._read(root))
        if root.origin is not None or root.replay_of is not None:
            hop.kind, hop.unit = ("route", root.routes[-1]) if root.routes else ("", "")
            hop.outcome = Outcome.DELIVERED if root.routes else Outcome.REPLAYED
            gone = (
                "which retention has deleted"
                if root.root in self._trail.missing
                else "and what lies between was not found"
            )
            hop.detail = f"came of {root.root}, {gone}"
        return hop

    @staticmethod
    def _record(found: Footprint) -> tuple[str, Origin, datetime, str, str]:
        return "", found.place, found.at, found.id, found.type

    def _publisher(self, root: Footprint) -> tuple[str, str]:
        """The source that may have published a record: records don't name it."""
        sources = [
            source.name
            for source in self._deployment.sources.values()
            if root.place.topic in source.topics() and root.type in source.events
        ]
        return ("source", " or ".join(sources)) if sources else ("", "")

    def _read(self, found: Footprint) -> list[Hop]:
        """What the units that read a record have made of it."""
        readers = self._readers.get(found.place.topic, [])
        hops = [hop for unit in readers for hop in self._handled(unit, found)]
        known = {unit.name for unit in readers}
        strangers = {
            unit: made
            for (place, unit), made in self._kinship.made.items()
            if place == found.place and unit not in known
        }
        for unit, made in strangers.items():
            hops += [Hop("route", unit, Outcome.DELIVERED, *self._record(each), hops=self._read(each)) for each in made]
        return hops

    def _handled(self, unit: Reading, found: Footprint) -> list[Hop]:
        targets = writes(unit)
        made = sorted(self._kinship.made.get((found.place, unit.name), []), key=lambda each: _order(each, targets))
        letters = [
            each for each in self._kinship.letters.get(found.place, []) if self._kinship.unit_of(each) == unit.name
        ]
        if isinstance(unit, RouteSpec):
            hops = [
                Hop("route", unit.name, Outcome.DELIVERED, *self._record(each), hops=self._read(each)) for each in made
            ]
            seen: set[tuple[str, str]] = set()
            for hop, each in zip(hops, made, strict=True):
                hop.detail = "again" if (each.id, each.place.topic) in seen else ""
                seen.add((each.id, each.place.topic))
        else:
            answers = [Hop("", "", Outcome.ANSWERED, *self._record(each), hops=self._read(each)) for each in made]
            hops = [Hop("sink", unit.name, Outcome.DELIVERED, hops=answers)] if answers else []
        hops += [self._letter(each) for each in letters]
        return hops or [self._pending(unit, found)]

    def _letter(self, letter: Footprint) -> Hop:
        failure = letter.failure
        assert failure is not None
        unit = self._kinship.unit_of(letter)
        spec = self._deployment.units.get(unit)
        cause = failure.cause or failure.error
        if failure.status is not None and str(failure.status) not in cause:
            cause = f"{failure.status} {cause}"
        hop = Hop(
            spec.kind if spec else "",
            unit,
            Outcome.DEAD_LETTERED,
            cause,
            letter.place,
            letter.at,
            letter.id,
            letter.type,
        )
        replays = self._kinship.replays.get(letter.place, [])
        hop.hops = [Hop("", "", Outcome.REPLAYED, *self._record(each), hops=self._read(each)) for each in replays]
        resolution = self._resolutions.get(letter.place)
        if resolution is not None and not replays:
            text = f"by {resolution.by}" + (f": {resolution.reason}" if resolution.reason else "")
            hop.hops.append(Hop("", "", Outcome(resolution.kind), text, at=resolution.at))
        return hop

    def _pending(self, unit: Reading, found: Footprint) -> Hop:
        """A unit that has left no record: it has not come so far, or kept the event out, or wrote it elsewhere."""
        progress = self._standing.progress(unit.name, found.place)
        retrying = self._standing.retrying(unit.name, found.place)
        if retrying is not None and not progress.passed:
            return Hop(unit.kind, unit.name, Outcome.RETRYING, _attempts(retrying))
        if progress.before:
            return Hop(unit.kind, unit.name, Outcome.NOT_READ, f"{unit.kind} {unit.name} began to read behind it")
        if progress.passed:
            return self._passed(unit, found)
        waits = "its group has no position yet"
        if progress.ahead is not None:
            others = "1 other" if progress.ahead == 1 else f"{progress.ahead:,} others"
            waits = f"behind {others}" if progress.ahead else "it is next, or being handled"
        trouble = self._standing.trouble(unit.name)
        return Hop(unit.kind, unit.name, Outcome.IN_FLIGHT, "; ".join(filter(None, (trouble, waits))))

    def _passed(self, unit: Reading, found: Footprint) -> Hop:
        if isinstance(unit, SinkSpec):
            return Hop("sink", unit.name, Outcome.DELIVERED)
        event = found.event
        if event is None:
            text = "the record is too large to ask the route again" if found.record is None else "it holds no event"
            return Hop("route", unit.name, Outcome.UNKNOWN, text)
        judgement = self._judge(unit, event)
        if judgement.filtered:
            return Hop("route", unit.name, Outcome.FILTERED, judgement.text)
        if self._trail.cut and not judgement.text:
            text = "there are more records of this event than are looked at; what came of this one is among the others"
            return Hop("route", unit.name, Outcome.UNKNOWN, text)
        text = judgement.text or (
            "as the route is now it would pass, and nothing came of it: the route was another then, or what came of it "
            "lies outside of what was searched"
        )
        return Hop("route", unit.name, Outcome.UNKNOWN, text)


def _order(made: Footprint, targets: list[str]) -> tuple[int, datetime, int, Origin]:
    """By target as the route names them, then as they were made: those of a split by their numbers."""
    topic, number = made.place.topic, made.id.rpartition("/")[2]
    place = targets.index(topic) if topic in targets else len(targets)
    return place, made.at, int(number) if number.isascii() and number.isdecimal() else 0, made.place


def _attempts(retrying: Retrying) -> str:
    seconds = (retrying.again - datetime.now(UTC)).total_seconds()
    following = f"next in {seconds:.0f} s" if seconds >= 1 else "the next is due"
    return f"attempt {retrying.attempt}: {retrying.cause}, {following}"
