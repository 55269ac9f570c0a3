"""What belongs to what: which record came of which, by which unit; dead letters, and their replays."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from hub.deployment import Deployment, RouteSpec
from hub.deployment.specs import reads
from hub.engine.dlq.deadletter import Origin
from hub.engine.dlq.deadletters import queues_of
from hub.sdk.event import Event
from hub.workbench.journey.following import REPLY, Trail
from hub.workbench.journey.footprint import Footprint


class Judgement(NamedTuple):
    """What a route makes of an event today.

    Attributes:
        filtered: whether it keeps it out.
        text: why, for people; or why it can't be told.
        ids: of the events that it makes.
    """

    filtered: bool
    text: str
    ids: tuple[str, ...] = ()


Judge = Callable[[RouteSpec, Event], Judgement]


class Kinship:
    """How the records of a trail are related.

    Args:
        deployment: whose units.
        trail: what was found.
        judge: asks a route again.

    Attributes:
        every: all records, in the order of time.
        made: outputs by the record that they came of and the unit that made them.
        letters: dead letters by the record that failed; under None where that wasn't found.
        replays: by the dead letter that was replayed.
    """

    def __init__(self, deployment: Deployment, trail: Trail, judge: Judge) -> None:
        self._deployment = deployment
        self._judge = judge
        self._judged: dict[tuple[Origin, str], tuple[str, ...]] = {}
        queues = queues_of(deployment)
        self._dlqs = {topic for queue in queues for topic in queue.topics}
        self._units = {name: queue.unit for queue in queues for name in (queue.unit, *queue.former)}
        self.every = sorted(trail.footprints.values(), key=lambda each: (each.at, each.place))
        self.made: dict[tuple[Origin, str], list[Footprint]] = {}
        self.letters: dict[Origin | None, list[Footprint]] = {}
        self.replays: dict[Origin, list[Footprint]] = {}
        for each in self.every:
            if each.place.topic in self._dlqs and each.failure is not None:
                failed = each.failure.origin
                known = failed is not None and failed in trail.footprints
                self.letters.setdefault(failed if known else None, []).append(each)
            elif each.replay_of is not None:
                self.replays.setdefault(each.replay_of, []).append(each)
            else:
                maker = self._maker(each, self.every)
                if maker is not None:
                    self.made.setdefault(maker, []).append(each)

    @property
    def beginnings(self) -> list[Footprint]:
        """Records of which nothing before them was found."""
        known = {each.place for found in (*self.made.values(), *self.letters.values()) for each in found}
        known |= {each.place for place, found in self.replays.items() if place in known for each in found}
        return [each for each in self.every if each.place not in known]

    def unit_of(self, letter: Footprint) -> str:
        """The unit that a dead letter is of, by its name of today."""
        name = letter.failure.unit if letter.failure else ""
        return self._units.get(name, name)

    def _maker(self, made: Footprint, every: Iterable[Footprint]) -> tuple[Origin, str] | None:
        """The record and the unit that a record came of."""
        if made.origin is None:
            return self._answered(made, every)
        if not made.routes:
            return None
        *before, unit = made.routes
        unit = self._units.get(unit, unit)
        spec = self._deployment.routes.get(unit)
        fitting = [
            each
            for each in every
            if list(each.routes) == before
            and (each.origin or each.place) == made.origin
            and each.place.topic not in self._dlqs
        ]
        # It may have read other topics then, or be a route of another deployment.
        read = [each for each in fitting if spec is not None and each.place.topic in reads(spec)]
        chosen = self._likeliest(made, read or fitting, spec)
        return (chosen.place, unit) if chosen else None

    def _likeliest(self, made: Footprint, fitting: list[Footprint], spec: RouteSpec | None) -> Footprint | None:
        """Of the records that one may have come of: by its id, or by asking the route again; the last one before it."""
        derived = [each for each in fitting if made.id == each.id or made.id.startswith(f"{each.id}/")]
        if not derived and len(fitting) > 1 and spec is not None:
            derived = [each for each in fitting if made.id in self._ids_of(each, spec)]
        candidates = derived or fitting
        longest = max((len(each.id) for each in derived), default=0)
        candidates = [each for each in candidates if not derived or len(each.id) == longest]
        earlier = [each for each in candidates if each.at <= made.at]
        return earlier[-1] if earlier else next(iter(candidates), None)

    def _answered(self, made: Footprint, every: Iterable[Footprint]) -> tuple[Origin, str] | None:
        """The record and the sink whose far side answered with this one."""
        if REPLY not in made.id:
            return None
        id_ = made.id.rpartition(REPLY)[0]
        for sink in self._deployment.sinks.values():
            if sink.reply == made.place.topic:
                inputs = set(reads(sink))
                fitting = [each for each in every if each.id == id_ and each.place.topic in inputs]
                earlier = [each for each in fitting if each.at <= made.at]
                if fitting:
                    return (earlier or fitting)[-1 if earlier else 0].place, sink.name
        return None

    def _ids_of(self, found: Footprint, spec: RouteSpec) -> tuple[str, ...]:
        """The ids of the events that a route makes of a record."""
        key = found.place, spec.name
        if key not in self._judged:
            event = found.event
            self._judged[key] = self._judge(spec, event).ids if event else ()
        return self._judged[key]
