"""One version of a deployment's routes, fused by the topics that they read."""

from __future__ import annotations

from collections.abc import Mapping

from hub.contracts import ContractViolation
from hub.deployment import Deployment, RouteSpec
from hub.engine.contracts import ContractGate
from hub.routes import EvaluationError
from hub.routes.fusion import Fused, Outcome, compile_fused
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
    """

    def __init__(self, deployment: Deployment, environ: Mapping[str, str], renamed: Mapping[str, str]) -> None:
        self._readers: dict[str, tuple[Fused, list[str], list[RouteSpec]]] = {}
        self._tracers = Tracers(environ)
        self._gate = ContractGate.of(deployment.name, deployment.contracts)
        reading: dict[str, list[RouteSpec]] = {}
        for spec in deployment.routes.values():
            spec.program(environ)  # says what of the environment is missing
            for topic in spec.inputs:
                reading.setdefault(topic, []).append(spec)
        for topic, specs in reading.items():
            env, tables = specs[0].environment(environ), specs[0].scope.tables
            fused = compile_fused([spec.route for spec in specs], env=env, tables=tables)
            self._readers[topic] = fused, [renamed.get(spec.name, spec.name) for spec in specs], specs

    @property
    def topics(self) -> list[str]:
        """Topics that its routes read."""
        return list(self._readers)

    def run(self, sample: Sample) -> dict[str, Result]:
        """What each route that reads the topic makes of an event."""
        reader = self._readers.get(sample.topic)
        if reader is None:
            return {}
        fused, names, specs = reader
        results: dict[str, Result] = dict.fromkeys(names)
        if self._gate is not None:
            try:
                self._gate.consumed(sample.event)
            except ContractViolation as error:
                return dict.fromkeys(names, error)
        for index, outcome in fused(sample.event):
            results[names[index]] = self._result(specs[index], outcome)
        return results

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
        if name not in names:
            return None
        spec = specs[names.index(name)]
        return why_filtered(spec.route, self._tracers.trace(spec, sample.event))
