"""What routes make, against the contracts of what they call it; and who reads what would be missing or wrong."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

from hub.contracts import Contract, Mismatch, Mode, Shape, accepts
from hub.contracts.shape_accepts import EACH
from hub.deployment.binding import span_at
from hub.deployment.expressions import reads_of
from hub.deployment.finding import Findings, Span
from hub.deployment.nodes import Scalar
from hub.deployment.specs import RouteSpec, SinkSpec, UnitSpec, reads
from hub.deployment.streams import Stream
from hub.routes.checker import Output
from hub.routes.program import Branch
from hub.routes.tree import Tree
from hub.routes.writer import Source

_MOST_READERS = 3
_MOST_FIELDS = 4


class Promises:
    """Compares outputs with contracts.

    Args:
        units: of the deployment, by name.
        contracts: by event type.
        findings: where to note what doesn't fit.
    """

    def __init__(self, units: Mapping[str, UnitSpec], contracts: Mapping[str, Contract], findings: Findings) -> None:
        self._units = units
        self._contracts = contracts
        self._findings = findings

    def check(self, unit: RouteSpec, output: Output, made: Sequence[Stream]) -> Shape:
        """Notes what the contract of an event type doesn't admit of what a branch of a route makes.

        Args:
            unit: the route.
            output: of one of its branches.
            made: the same as the streams that it becomes, one for each topic.

        Returns:
            The data as those see it who read them: what was promised, where what is made is wrong or unknown.
        """
        contract = self._contracts.get(made[0].event_type or "")
        branch = next(each for each in unit.route.branches if each.path == output.branch)
        if contract is None or contract.produce is Mode.TRUST or not _touched(unit, branch):
            return output.data
        mismatches = accepts(contract.shape, output.data)
        if contract.produce is Mode.EVOLVE:
            mismatches = [each for each in mismatches if each.kind != "unexpected"]
        for group in _grouped(mismatches):
            self._note(unit, branch, contract, group, {each.topic for each in made})
        if "type" not in branch.shaping.attributes:
            return output.data
        wrong = output.data.unknown or any(each.certain for each in mismatches)
        return contract.shape if wrong else output.data

    def _note(
        self, unit: RouteSpec, branch: Branch, contract: Contract, group: Sequence[Mismatch], topics: AbstractSet[str]
    ) -> None:
        first = group[0]
        write = self._findings.error
        if not first.certain and not (first.kind == "value" or (first.kind == "type" and "null" in first.got)):
            write = self._findings.doubt
        elif not first.certain or contract.produce is Mode.WARN:
            write = self._findings.warning
        advice = [self._read_by(topics, group), f"the contract is in {contract.origin}"]
        remade = branch.shaping.data is not None or unit.route.split is not None
        if "type" not in branch.shaping.attributes and remade:
            advice = ["give these events a type of their own, with `type` under `map`"]
        place = self._place(unit, branch, first)
        write("route.contract", _message(group, contract), place, "\n".join(filter(None, advice)))

    def _read_by(self, topics: AbstractSet[str], group: Sequence[Mismatch]) -> str:
        readers = list(dict.fromkeys(each for mismatch in group for each in self._readers(topics, mismatch)))
        shown = readers[:_MOST_READERS] + (["others"] if len(readers) > _MOST_READERS else [])
        what = "it" if len(group) == 1 else "them"
        return f"{' and '.join(shown)} {'reads' if len(shown) == 1 else 'read'} {what}" if shown else ""

    def _readers(self, topics: AbstractSet[str], mismatch: Mismatch) -> Iterator[str]:
        """Who reads the field, and where."""
        wanted = _up_to_list(mismatch.path)
        for unit in self._units.values():
            if topics.isdisjoint(reads(unit)) or not isinstance(unit, RouteSpec | SinkSpec):
                continue
            for source, node, path in reads_of(unit):
                if path[: len(wanted)] == wanted[: len(path)]:
                    span = span_at(unit.entry.place, source.path, source.text, node.start, node.end)
                    yield f"{unit.kind} `{unit.name}` ({span.start})" if span else f"{unit.kind} `{unit.name}`"
                    break

    def _place(self, unit: RouteSpec, branch: Branch, mismatch: Mismatch) -> Span:
        place = unit.entry.place
        tree = _tree(branch, mismatch.path)
        if tree is None:
            tree = branch.shaping.attributes.get("type")
        if tree is None:
            _, node = place.find(branch.path or ("to",))
            return place.document.at(node) if isinstance(node, Scalar) else place.find(branch.path or ("to",))[0]
        return _span(unit, tree)


def _touched(unit: RouteSpec, branch: Branch) -> bool:
    """Whether the route makes data of its own, or calls what it keeps something else."""
    if unit.route.split is not None:
        return True
    return branch.shaping.data is not None or branch.shaping.edits or "type" in branch.shaping.attributes


def _tree(branch: Branch, path: tuple[str, ...]) -> Tree | None:
    """What gives the field at a path, or what it should be in."""
    for target, tree in reversed(branch.shaping.set):
        steps = tuple(each if isinstance(each, str) else EACH for each in target[1:])
        if steps == path[: len(steps)]:
            return _below(tree, path[len(steps) :])
    return _below(branch.shaping.data, path) if branch.shaping.data is not None else None


def _below(tree: Tree, path: tuple[str, ...]) -> Tree:
    for step in path:
        if not isinstance(tree.value, dict) or step not in tree.value:
            break
        tree = tree.value[step]
    return tree


def _span(unit: RouteSpec, tree: Tree) -> Span:
    place = unit.entry.place
    if isinstance(tree.value, Source):
        found = span_at(place, tree.path, tree.value.text, tree.value.tree.start, tree.value.tree.end)
        return found or place.span
    span, node = place.find(tree.path)
    return place.document.at(node) if isinstance(node, Scalar) and node.text else span


def _grouped(mismatches: Sequence[Mismatch]) -> Iterator[list[Mismatch]]:
    """What is missing in one object is one thing to tell."""
    missing: dict[tuple[str, ...], list[Mismatch]] = {}
    for each in mismatches:
        if each.kind == "missing" and each.certain:
            missing.setdefault(each.path[:-1], []).append(each)
        else:
            yield [each]
    yield from missing.values()


def _message(group: Sequence[Mismatch], contract: Contract) -> str:
    first = group[0]
    where = f"`{first.place}`" if first.path else "its data"
    wants = f"the contract of {contract.event_type} wants"
    if len(group) > 1:
        names = [f"`{each.place}`" for each in group[:_MOST_FIELDS]]
        more = len(group) - len(names)
        listed = ", ".join(names) + f" and {more} more" if more else " and ".join([", ".join(names[:-1]), names[-1]])
        return f"{wants} {listed}, which aren't here"
    match first.kind:
        case "missing" if first.certain:
            return f"{wants} {where}, {first.expected}, which isn't here"
        case "missing":
            return f"{wants} {where}, {first.expected}, which may be missing here"
        case "unexpected":
            close = _close(first, contract)
            hint = f"; did you mean `{close}`?" if close else ""
            return f"the contract of {contract.event_type} has no {where}" + hint
    return f"{wants} {first.expected} in {where}; this {'is' if first.certain else 'may be'} {first.got}"


def _close(mismatch: Mismatch, contract: Contract) -> str | None:
    shape: Any = contract.shape
    for step in mismatch.path[:-1]:
        shape = (shape.items if step == EACH else shape.fields.get(step)) if shape is not None else None
    close = difflib.get_close_matches(mismatch.path[-1], list(shape.fields), 1) if shape is not None else []
    return close[0] if close else None


def _up_to_list(path: tuple[str, ...]) -> tuple[str, ...]:
    return path[: path.index(EACH)] if EACH in path else path
