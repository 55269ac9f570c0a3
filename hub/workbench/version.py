"""One version of a deployment's routes, fused by the topics that they read."""

from __future__ import annotations

from collections.abc import Mapping

from hub.contracts import ContractViolation
from hub.deployment import Deployment, RouteSpec
from hub.engine.contracts import ContractGate
from hub.routes import EvaluationError, Program
from hub.routes.enriching import Unanswered
from hub.routes.fusion import Fused, Outcome, compile_fused
from hub.sdk import Event
from hub.workbench.answers import GivenAnswers
from hub.workbench.deciding import Decision, why_filtered
from hub.workbench.differing import Output, Result, Sample
from hub.workbench.explanation import target_of
from hub.workbench.tracers import Tracers


class Version:
    """The routes of one version, those that read a topic fused.

    Args:
        deployment: the version.
        environ: environment variables.
        renamed: names of its routes → the name under which they are compared.
        answers: of look-ups; nobody outside is asked.
    """

    def __init__(
        self,
        deployment: Deployment,
        environ: Mapping[str, str],
        renamed: Mapping[str, str],
        answers: GivenAnswers | None = None,
    ) -> None:
        self._answers = answers or GivenAnswers()
        self._enriched: dict[str, list[tuple[str, RouteSpec, Program]]] = {}
        self._readers: dict[str, tuple[Fused, list[str], list[RouteSpec]]] = {}
        self._tracers = Tracers(environ)
        self._gate = ContractGate.of(deployment.name, deployment.contracts)
        reading: dict[str, list[RouteSpec]] = {}
        for spec in deployment.routes.values():
            program = spec.program(environ)  # says what of the environment is missing
            for topic in spec.inputs:
                if spec.route.lookups:
                    name = renamed.get(spec.name, spec.name)
                    self._enriched.setdefault(topic, []).append((name, spec, program))
                else:
                    reading.setdefault(topic, []).append(spec)
        for topic, specs in reading.items():
            env, tables = specs[0].environment(environ), specs[0].scope.tables
            fused = compile_fused([spec.route for spec in specs], env=env, tables=tables)
            self._readers[topic] = fused, [renamed.get(spec.name, spec.name) for spec in specs], specs

    @property
    def topics(self) -> list[str]:
        """Topics that its routes read."""
        return list(dict.fromkeys([*self._readers, *self._enriched]))

    def run(self, sample: Sample) -> dict[str, Result]:
        """What each route that reads the topic makes of an event."""
        fused, names, specs = self._readers.get(sample.topic, (None, [], []))
        enriched = self._enriched.get(sample.topic, [])
        results: dict[str, Result] = dict.fromkeys((*names, *(name for name, _, _ in enriched)))
        if self._gate is not None and results:
            try:
                self._gate.consumed(sample.event)
            except ContractViolation as error:
                return dict.fromkeys(results, error)
        for index, outcome in fused(sample.event) if fused is not None else ():
            results[names[index]] = self._result(specs[index], outcome)
        for name, spec, program in enriched:
            results[name] = self._asked(spec, program, sample.event)
        return results

    def _asked(self, spec: RouteSpec, program: Program, event: Event) -> Result:
        """What a route makes that looks something up."""
        ask = self._answers.asking(spec)
        try:
            return self._result(spec, ask.marked(program(event, ask)))
        except Unanswered as unanswered:
            return unanswered.error
        except EvaluationError as error:
            return error

    def _result(self, spec: RouteSpec, outcome: Outcome | EvaluationError) -> Result:
        if isinstance(outcome, EvaluationError):
            return outcome
        if isinstance(outcome, str):
            return None
        if self._gate is not None:
            try:
                for event, _ in outcome:
                    self._gate.produced(event)
            except ContractViolation as error:
                return error
        return tuple(Output(event, frozenset(target_of(spec, name) for name in names)) for event, names in outcome)

    def why(self, name: str, sample: Sample) -> list[Decision] | None:
        """What keeps an event out of a route; None where the route doesn't read its topic."""
        _, names, specs = self._readers.get(sample.topic, (None, [], []))
        known = dict(zip(names, specs, strict=True))
        known |= {each: spec for each, spec, _ in self._enriched.get(sample.topic, [])}
        if name not in known:
            return None
        spec = known[name]
        return why_filtered(spec.route, self._tracers.trace(spec, sample.event, self._answers.asking(spec)))
