"""What a test expects, held against what became of its events."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from hub.contracts import ContractViolation
from hub.deployment.expectation import Expectation, FailureHere, FilteredHere, Output
from hub.deployment.trials import TrialSpec
from hub.engine.lookups.enrichment import Refused
from hub.routes import EvaluationError
from hub.routes.errors import path_text
from hub.sdk import Event, InvalidEvent
from hub.workbench.answers import NoAnswer
from hub.workbench.matching import Difference, compare, differences
from hub.workbench.rehearsal import Passage, Rehearsal, Step, UnsetVariable, sent

Where = tuple[str | int, ...]
"""Path in a test's section, e.g. ``("expect", "review.wanted")``."""


@dataclass(frozen=True)
class Miss:
    """Something that was expected and isn't so.

    Attributes:
        where: in the test's section.
        message: what was expected and what came.
        differences: field by field, where an event came that is another; their ``written`` is in the test's section.
        events: what came instead, where that is the matter.
        steps: those on which it depends, for whoever wants to know why.
    """

    where: Where
    message: str
    differences: tuple[Difference, ...] = ()
    events: tuple[Event, ...] = ()
    steps: tuple[Step, ...] = ()


def judge(trial: TrialSpec, passage: Passage, rehearsal: Rehearsal) -> list[Miss]:
    """What of a test isn't met.

    Args:
        trial: the test.
        passage: what became of its events.
        rehearsal: where it happened.
    """
    return _Judge(trial, passage, rehearsal).run()


def stage(error: Exception) -> str:
    """What was under way when an error came, in the words of dead letters."""
    if isinstance(error, ContractViolation):
        return "contract"
    if isinstance(error, InvalidEvent):
        return "parse"
    if isinstance(error, Refused):
        return "enrich"
    path: tuple[str | int, ...] = getattr(error, "path", ())
    if path[:1] != ("enrich",) and path[-1:] == ("when",):
        return "switch"
    return str(path[0]) if path[:1] in (("where",), ("enrich",), ("split",), ("to",)) else "map"


@dataclass(frozen=True)
class _Part:
    """What an expectation is about: all that happened, or what happened in one route.

    Attributes:
        where: of the expectation.
        steps: that were taken.
        arrivals: what came, by topic or sink.
        sent: topics and sinks to which routes sent something.
    """

    where: Where
    steps: tuple[Step, ...]
    arrivals: Mapping[str, Sequence[Event]]
    sent: Mapping[str, Sequence[Event]]


class _Judge:
    def __init__(self, trial: TrialSpec, passage: Passage, rehearsal: Rehearsal) -> None:
        self._trial = trial
        self._passage = passage
        self._rehearsal = rehearsal
        self._misses: list[Miss] = []
        self._expected: set[int] = set()

    def run(self) -> list[Miss]:
        expect = self._trial.section.expect
        if self._unset():
            return self._misses
        passage = self._passage
        whole = _Part(("expect",), tuple(passage.steps), passage.arrivals, sent(passage.steps))
        self._failures([(("error", index), each, each.route) for index, each in enumerate(expect.error)], whole)
        parts = {name: self._part(name) for name in expect.routes}
        for name, each in expect.routes.items():
            if each.error is not None:
                self._failures([(("error",), each.error, None)], parts[name])
        self._unexpected(set(expect.routes) if _about_routes(expect) else None)
        self._filtered([(("filtered", index), each, each.route) for index, each in enumerate(expect.filtered)], whole)
        self._outputs(expect.outputs, whole, nothing_else=bool(expect.nothing_else))
        for name, each in expect.routes.items():
            part = parts[name]
            if not part.steps:
                self._miss(part.where, f"no event came to route `{name}`", steps=self._before(name))
                continue
            if each.filtered is not None:
                self._filtered([(("filtered",), each.filtered, None)], part)
            self._outputs(each.outputs, part, nothing_else=bool(each.nothing_else))
        return self._misses

    def _miss(
        self,
        where: Where,
        message: str,
        *,
        differences: Sequence[Difference] = (),
        events: Sequence[Event] = (),
        steps: Sequence[Step] = (),
    ) -> None:
        self._misses.append(Miss(where, message, tuple(differences), tuple(events), tuple(steps)))

    def _part(self, route: str) -> _Part:
        steps = tuple(step for step in self._passage.steps if step.route.name == route)
        made = sent(steps)
        return _Part(("expect", "routes", route), steps, made, made)

    # Errors

    def _unset(self) -> bool:
        """Whether a route couldn't run at all, for want of a variable or an answer; which is no result of a test."""
        errors = {error.name: error for step in self._passage.steps if isinstance(error := step.error, UnsetVariable)}
        for name, error in errors.items():
            self._miss((), f"{error}; give it one: `env: {{ {name}: … }}`")
        asked = {str(error): error for step in self._passage.steps if isinstance(error := step.error, NoAnswer)}
        for text, each in asked.items():
            wanted = ", ".join(f"{name}: {{ key: {key}, found: … }}" for name, key in each.questions)
            self._miss((), f"{text}; give one: `lookups: {{ {wanted} }}`")
        return bool(errors or asked)

    def _failures(self, wanted: Sequence[tuple[Where, FailureHere, str | None]], part: _Part) -> None:
        for where, failure, route in wanted:
            steps = [step for step in part.steps if route in (None, step.route.name)]
            failed = [step for step in steps if step.error is not None]
            met = [step for step in failed if step.error and not _unlike(failure, step.error)]
            self._expected |= {id(step) for step in met}
            if met:
                continue
            # What is said of it is said here, so that it isn't said again as unexpected.
            self._expected |= {id(step) for step in failed}
            if failed and failed[0].error:
                key, message = _unlike(failure, failed[0].error)[0]
                self._miss((*part.where, *where, key), f"route `{failed[0].route.name}`: {message}", steps=failed[:1])
            else:
                name = f" in route `{route}`" if route else ""
                self._miss((*part.where, *where), f"expected an error{name}; none came", steps=steps)

    def _unexpected(self, routes: Collection[str] | None) -> None:
        for step in self._passage.steps:
            judged = routes is None or step.route.name in routes
            if step.error is not None and id(step) not in self._expected and judged:
                where: Where = ("expect", "routes", step.route.name) if routes else ("expect",)
                self._miss(where, f"route `{step.route.name}` failed: {step.error}", steps=[step])

    # What is kept out

    def _filtered(self, wanted: Sequence[tuple[Where, FilteredHere, str | None]], part: _Part) -> None:
        anywhere = [(where, each) for where, each, route in wanted if route is None]
        if anywhere:
            self._all_filtered([each for _, each in anywhere], part.steps, (*part.where, *anywhere[0][0]))
        for where, each, route in wanted:
            if route is not None:
                steps = [step for step in part.steps if step.route.name == route]
                if not steps:
                    self._miss((*part.where, *where), f"no event came to route `{route}`", steps=self._before(route))
                self._all_filtered([each], steps, (*part.where, *where))

    def _all_filtered(self, wanted: Sequence[FilteredHere], steps: Sequence[Step], where: Where) -> None:
        reasons = [each.reason for each in wanted]
        for step in steps:
            name = step.route.name
            if step.made:
                targets = list(dict.fromkeys(target for _, names in step.made for target in names))
                message = f"expected it to be filtered; route `{name}` sent it to {_listed(targets)}"
                self._miss(where, message, events=[event for event, _ in step.made])
            elif step.filtered is not None and None not in reasons and step.filtered not in reasons:
                wish = " or ".join(f"`{each}`" for each in reasons)
                message = f"expected it to be filtered by {wish}; route `{name}` did by `{step.filtered}`"
                self._miss(where, message, steps=[step])

    # What comes out

    def _outputs(self, wanted: Mapping[str, Sequence[Output]], part: _Part, *, nothing_else: bool) -> None:
        for name, outputs in wanted.items():
            self._output(name, outputs, part)
        if not nothing_else:
            return
        named = {self._trial.scope.place(name) for name in wanted}
        for place, events in part.sent.items():
            if place not in named:
                message = f"expected nothing else to come out; {_count(events)} came to `{place}`"
                self._miss((*part.where, "nothing_else"), message, events=events)

    def _output(self, name: str, outputs: Sequence[Output], part: _Part) -> None:
        place = self._trial.scope.place(name)
        events = part.arrivals.get(place, ())
        where = (*part.where, name)
        if len(events) != len(outputs):
            wish = "nothing" if not outputs else "an event" if len(outputs) == 1 else f"{len(outputs)} events"
            steps = [step for step in part.steps if step.route.name in self._rehearsal.leading_to(place)]
            if not events and any(step.error and id(step) not in self._expected for step in steps):
                return  # the error, which has been told, is why
            came = "none came" if not events else f"{_count(events)} came"
            self._miss(where, f"expected {wish} at `{name}`; {came}", events=events, steps=[] if events else steps)
            return
        for index, (output, event) in enumerate(zip(outputs, events, strict=True)):
            found = differences(output, event) + self._settings(place, output, event, (*where, index))
            which = f"event {index + 1} at `{name}`" if len(outputs) > 1 else f"`{name}`"
            if found:
                changed = [_placed(each, (*where, index)) for each in found]
                self._miss(changed[0].written, f"{which} is not what is expected", differences=changed)

    def _settings(self, sink: str, output: Output, event: Event, where: Where) -> list[Difference]:
        if not output.with_:
            return []
        try:
            got = self._rehearsal.settings(sink, output.with_, event)
        except EvaluationError as error:
            self._miss((*where, "with"), f"sink `{sink}` failed: {error}")
            return []
        return compare(output.with_, got, exact=False, path=("with",))

    def _before(self, route: str) -> list[Step]:
        inputs = self._rehearsal.deployment.routes[route].inputs
        leading = {name for topic in inputs for name in self._rehearsal.leading_to(topic)}
        return [step for step in self._passage.steps if step.route.name in leading]


def _about_routes(expect: Expectation) -> bool:
    """Whether a test is about the routes that it names, and no others."""
    return bool(expect.routes) and not (expect.outputs or expect.filtered or expect.error or expect.nothing_else)


def _unlike(failure: FailureHere, error: Exception) -> list[tuple[str, str]]:
    """In what an error is another one than expected: the key, and a sentence."""
    found: list[tuple[str, str]] = []
    if failure.stage is not None and failure.stage != stage(error):
        found.append(("stage", f"expected an error at `{failure.stage}`; one came at `{stage(error)}`: {error}"))
    places = _places(error)
    if failure.path is not None and failure.path not in places:
        got = _listed(places) if places else "no place"
        found.append(("path", f"expected an error at `{failure.path}`; one came at {got}: {error}"))
    if failure.contains is not None and failure.contains not in str(error):
        found.append(("contains", f"expected an error with `{failure.contains}`; got: {error}"))
    return found


def _places(error: Exception) -> list[str]:
    if isinstance(error, ContractViolation):
        return [each.path for each in error.violations]
    path = getattr(error, "path", ())
    return [path_text(path)] if path else []


def _placed(difference: Difference, where: Where) -> Difference:
    return Difference(difference.path, difference.expected, difference.got, (*where, *difference.written))


def _count(events: Sequence[Event]) -> str:
    return "one" if len(events) == 1 else str(len(events))


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f"`{each}`" for each in names) or "nowhere"
