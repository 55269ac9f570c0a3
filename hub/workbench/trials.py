"""The tests of a deployment, run: `run` gives a `Result` for each."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from hub.deployment import Deployment
from hub.deployment.trials import TrialSpec
from hub.routes import EvaluationError
from hub.sdk import ConfigError
from hub.workbench.answers import GivenAnswers
from hub.workbench.deciding import Decision, why_failed, why_filtered
from hub.workbench.rehearsal import Passage, Rehearsal, Step
from hub.workbench.tracers import Tracers
from hub.workbench.verdict import Miss, judge


@dataclass(frozen=True)
class Result:
    """What came of a test.

    Attributes:
        trial: the test.
        misses: what of it isn't met; none if it passed.
        passage: what became of its events.
        seconds: how long it took.
        tracers: of its routes, with its environment.
    """

    trial: TrialSpec
    misses: tuple[Miss, ...]
    passage: Passage = field(repr=False)
    seconds: float
    tracers: Tracers = field(repr=False)

    @property
    def passed(self) -> bool:
        """Whether all that it expects is so."""
        return not self.misses

    def why(self, step: Step) -> list[Decision]:
        """What kept an event out of a route; nothing for one that it let through."""
        if step.filtered is None:
            return []
        return why_filtered(step.route.route, self.tracers.trace(step.route, step.event, step.ask))

    def why_failed(self, step: Step) -> list[tuple[str, Any]]:
        """What the part of an expression looked at that has no value: texts and values."""
        if not isinstance(step.error, EvaluationError):
            return []
        return why_failed(step.route.route, self.tracers.trace(step.route, step.event, step.ask))


def select(trials: Iterable[TrialSpec], pattern: str | None) -> list[TrialSpec]:
    """The tests whose name a pattern fits: a part of it, or a whole with ``*`` and ``?``; case doesn't matter.

    Raises:
        ConfigError: there are tests, and it fits none of them.
    """
    trials = list(trials)
    if not pattern:
        return trials
    wanted = pattern.casefold()
    whole = wanted if any(each in wanted for each in "*?") else f"*{wanted.replace('[', '[[]')}*"
    found = [each for each in trials if fnmatchcase(each.name.casefold(), whole)]
    if trials and not found:
        raise ConfigError(f"expected a part of a test's name; none of {len(trials)} tests has `{pattern}` in its name")
    return found


class Runner:
    """Runs tests of a deployment. Routes are compiled when an event first comes to them, and kept.

    Args:
        deployment: whose tests.
    """

    def __init__(self, deployment: Deployment) -> None:
        self._deployment = deployment
        # By the environment, since programs hold its values.
        self._rehearsals: dict[tuple[tuple[str, str], ...], Rehearsal] = {}

    @property
    def trials(self) -> Iterable[TrialSpec]:
        """All tests of the deployment."""
        return self._deployment.tests.values()

    def run(self, trial: TrialSpec) -> Result:
        """Runs one."""
        env = trial.section.env
        known = tuple(sorted(env.items()))
        if known not in self._rehearsals:
            self._rehearsals[known] = Rehearsal(self._deployment, env)
        rehearsal = self._rehearsals[known]
        started = time.perf_counter()
        passage = rehearsal.run(trial.given, GivenAnswers(trial.section.lookups))
        misses = judge(trial, passage, rehearsal)
        return Result(trial, tuple(misses), passage, time.perf_counter() - started, rehearsal.tracers)


def run(deployment: Deployment, trials: Iterable[TrialSpec] | None = None) -> Iterator[Result]:
    """Runs tests, one after the other.

    Args:
        deployment: whose tests.
        trials: which; all of them if not given.
    """
    runner = Runner(deployment)
    for trial in deployment.tests.values() if trials is None else trials:
        yield runner.run(trial)
