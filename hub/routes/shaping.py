"""The code of a route: whether an event passes, what is looked up for it, what is made of it, and where that goes."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence

from hub.routes.editing import plan
from hub.routes.enriching import Asking, rounds
from hub.routes.generator import Generator
from hub.routes.kinds import Kind
from hub.routes.output import json_bytes
from hub.routes.paths import path_name
from hub.routes.program import Branch, Choice, Route, Shaping, Target
from hub.routes.syntax import Expr, Literal, Logical, Name, walk
from hub.routes.template import at, fill
from hub.routes.tree import Tree
from hub.routes.writer import Code, Source
from hub.sdk.event import CHECKED, Header, header_name
from hub.sdk.payload import JSON

# What `attribute_value` checks of these is more than that they can be printed.
_SPECIAL = frozenset(("time", "source"))

Finish = Callable[[ast.expr], ast.stmt]
"""The statement that hands over a result: a reason as text, or a list of events with their targets."""


class RouteWriter:
    """Writes the code of a route.

    Args:
        route: what it does.
        generator: where the code goes.
        finish: see `Finish`.
    """

    def __init__(self, route: Route, generator: Generator, finish: Finish) -> None:
        self._route = route
        self._generator = generator
        self._finish = finish
        self._made: str | None = None  # name of the list of a split's events
        self._index: ast.expr | None = None

    def write(self) -> None:
        """Appends the code; where the predicate is false it does nothing."""
        self._if_all(conditions(self._route.where, self._generator), self._passed)

    def _if_all(self, trees: Sequence[Expr], then: Callable[[], None]) -> None:
        """Nested, so that nothing after a condition that doesn't hold is even looked at."""
        generator = self._generator
        if not trees:
            then()
            return
        assert self._route.where
        generator.source = self._route.where
        test = generator.truth(generator.emit(trees[0]), trees[0])
        with generator.branch() as body:
            self._if_all(trees[1:], then)
        generator.statement(at(ast.If(test, body, []), 1))

    def _passed(self) -> None:
        for together in rounds(self._route.lookups):
            self._look_up(together)
        if self._route.split is None:
            self._branches(self._route.branches)
        else:
            self._split(self._route.split)

    # What is looked up

    def _look_up(self, together: Sequence[Asking]) -> None:
        """Asks for what can be asked for at once; expressions from here on see the answers."""
        generator = self._generator
        questions = [
            at(ast.Tuple([generator.constant(each.name), self._key(each)], ast.Load()), 1) for each in together
        ]
        answers = generator.fresh()
        generator.assign(answers, fill("variables(a)", 1, a=at(ast.Tuple(questions, ast.Load()), 1)))
        for index, each in enumerate(together):
            name = generator.fresh()
            parts = {"a": generator.variable(answers), "i": generator.constant(index)}
            generator.assign(name, fill("a[i]", 1, **parts))
            generator.variables[each.name] = Code(generator.variable(name), json=True, chain=(f"{each.name}${name}",))

    def _key(self, asking: Asking) -> ast.expr:
        """The key's JSON, under a name; None where the event needs no answer."""
        generator = self._generator
        name = generator.fresh()
        with generator.branch() as wanted:
            if asking.key.constant:
                key = generator.constant(json_bytes(asking.key.plain()))
            else:
                # Its first line stands for the key as a whole.
                line = len(generator.lines) + 1
                value = asking.key.code(generator, own=False)
                key = fill("json_bytes(a)", line, a=value)
            generator.assign(name, key)
        if asking.when is None:
            generator.block.extend(wanted)
            return generator.variable(name)
        generator.source = asking.when
        test = generator.truth(generator.emit(asking.when.tree), asking.when.tree)
        with generator.branch() as otherwise:
            generator.assign(name, generator.constant(None))
        generator.statement(at(ast.If(test, wanted, otherwise), 1))
        return generator.variable(name)

    # One event of each element

    def _split(self, split: Source) -> None:
        generator = self._generator
        code = generator.expression(split)
        line = generator.line(split.tree)
        items = generator.named(Code(fill("split_items(a)", line, a=code.expr)))
        self._made, item, index = generator.fresh(), generator.fresh(), generator.fresh()
        generator.assign(self._made, at(ast.List([], ast.Load()), line))
        generator.assign(index, generator.constant(0))
        self._index = generator.variable(index)
        with generator.nested():
            with generator.branch() as body:
                generator.variables["item"] = Code(generator.variable(item), Kind.DYN, code.json, (f"item${item}",))
                generator.variables["index"] = Code(self._index, Kind.INT)
                self._branches(self._route.branches)
                del generator.variables["item"], generator.variables["index"]
                target = at(ast.Name(index, ast.Store()), line)
                generator.statement(ast.AugAssign(target, ast.Add(), generator.constant(1)))
            generator.statement(ast.For(at(ast.Name(item, ast.Store()), line), items, body, []))
        parts = {"r": generator.variable(self._made), "i": self._index}
        generator.statement(self._finish(fill('r or ("switch" if i else "split")', line, **parts)))

    # The branches of a switch

    def _branches(self, branches: Sequence[Branch]) -> None:
        generator = self._generator
        if not branches:
            if self._made is None:
                generator.statement(self._finish(generator.constant("switch")))
            return
        branch = branches[0]
        if branch.when is None:
            self._deliver(branch)
            return
        generator.source = branch.when
        test = generator.truth(generator.emit(branch.when.tree), branch.when.tree)
        with generator.branch() as body:
            self._deliver(branch)
        with generator.branch() as otherwise:
            self._branches(branches[1:])
        generator.statement(at(ast.If(test, body, otherwise), 1))

    def _deliver(self, branch: Branch) -> None:
        generator = self._generator
        event = self._event(branch.shaping)
        output = at(ast.Tuple([event, self._targets(branch.to)], ast.Load()), 1)
        if self._made is None:
            generator.statement(self._finish(at(ast.List([output], ast.Load()), 1)))
        else:
            made = generator.variable(self._made)
            generator.statement(ast.Expr(fill("r.append(a)", 1, r=made, a=output)))

    def _targets(self, targets: Sequence[Target]) -> ast.expr:
        generator = self._generator
        if all(isinstance(each, str) for each in targets):
            return generator.constant(tuple(targets))
        names: list[ast.expr] = []
        for each in targets:
            if isinstance(each, Choice):
                code = generator.expression(each.source)
                line = generator.line(each.source.tree)
                names.append(fill("chosen(a, n)", line, a=code.expr, n=generator.constant(each.names)))
            else:
                names.append(generator.constant(each))
        return at(ast.Tuple(names, ast.Load()), 1)  # type: ignore[no-any-return]

    # The event

    def _event(self, shaping: Shaping) -> ast.expr:
        if self._made is None and not shaping.changes:
            return fill("event", 1)  # type: ignore[no-any-return]
        raw = self._raw(shaping)
        new_data = raw is not None
        changed = {name: self._attribute(name, tree) for name, tree in shaping.attributes.items()}
        if self._made is not None and "id" not in changed:
            changed["id"] = self._derived_id()
        return self._derived(shaping, changed, raw if raw is not None else fill("event.raw", 1), new_data=new_data)

    def _derived(self, shaping: Shaping, changed: dict[str, ast.expr], raw: ast.expr, *, new_data: bool) -> ast.expr:
        """A copy of the event whose other headers aren't even read."""
        generator = self._generator
        # The schema that an event names is that of the data it had.
        gone = {*shaping.dropped, *(("dataschema", "datacontenttype") if new_data else ())}
        fixed: list[Header] = [(header_name("datacontenttype"), JSON.encode()), CHECKED] if new_data else []
        computed: list[ast.expr] = []
        for name, value in changed.items():
            if isinstance(value, ast.Constant):
                fixed.append((header_name(name), str(value.value).encode()))
            else:
                computed.append(at(ast.Tuple([generator.constant(header_name(name)), value], ast.Load()), 1))
        removed = {header_name(name) for name in (*gone, *changed)} | ({CHECKED[0]} if new_data else set())
        parts = {
            "b": raw,
            "r": generator.constant(frozenset(removed)),
            "f": generator.constant(tuple(fixed)),
            "c": at(ast.Tuple(computed, ast.Load()), 1),
        }
        if "partitionkey" in changed or "partitionkey" in shaping.dropped:
            # Evaluated twice: a name or a constant by then.
            key = changed.get("partitionkey", generator.constant(None))
            return fill("event.derived(b, r, f, c, k)", 1, k=key, **parts)  # type: ignore[no-any-return]
        return fill("event.derived(b, r, f, c)", 1, **parts)  # type: ignore[no-any-return]

    def _derived_id(self) -> ast.expr:
        """``id/route/n``, by which a replayed event has the same ids as before."""
        generator = self._generator
        assert self._index is not None
        parts = {"a": generator.attributes().expr, "n": generator.constant(f"/{self._route.name}/"), "i": self._index}
        return fill('a["id"] + n + str(i)', 1, **parts)  # type: ignore[no-any-return]

    def _attribute(self, name: str, tree: Tree) -> ast.expr:
        generator = self._generator
        if not isinstance(tree.value, Source):
            return generator.constant(tree.value)
        code = generator.expression(tree.value)
        value = generator.named(code)
        line = generator.line(tree.value.tree)
        checked = fill("attribute_value(n, a)", line, a=value, n=generator.constant(name))
        if generator.careful or name in _SPECIAL:
            return checked  # type: ignore[no-any-return]
        text = "a if type(a) is str and a.isprintable() and a else c"
        if code.kind is Kind.STRING:
            text = "a if a.isprintable() and a else c"
        return fill(text, line, a=value, c=checked)  # type: ignore[no-any-return]

    # The payload

    def _raw(self, shaping: Shaping) -> ast.expr | None:
        """The payload's bytes; ``None`` where they stay as they are. A literal ``data: null`` is a tombstone."""
        generator = self._generator
        if shaping.edits:
            return self._edited(shaping)
        if shaping.data is None:
            if self._made is None:
                return None
            item = generator.variables["item"]
            text = "json_bytes(a)" if item.json else "json_bytes(json_value(a))"
            return fill(text, 1, a=item.expr)  # type: ignore[no-any-return]
        data = shaping.data
        if data.constant:
            return generator.constant(None if data.value is None else json_bytes(data.plain()))
        return fill("json_bytes(a)", self._line_of(data), a=data.code(generator, own=False))  # type: ignore[no-any-return]

    def _edited(self, shaping: Shaping) -> ast.expr:
        generator = self._generator
        drop = shaping.dropped_fields
        first = shaping.set[0] if shaping.set else None
        text = path_name(first[0] if first else drop[0])
        # An error of an edit is shown where the first of them stands: they are done together.
        generator.source = Source(text, Literal(0, len(text), None), first[1].path if first else ("drop",))
        line = generator.line(generator.source.tree)
        values = [tree.code(generator, own=False) for _, tree in shaping.set]
        parts = {
            "p": generator.constant(plan(drop, [path for path, _ in shaping.set], shaping.trimmed)),
            "v": at(ast.Tuple(values, ast.Load()), line),
        }
        if shaping.data is not None:
            base = shaping.data.code(generator, own=False)
        elif self._made is not None:
            item = generator.variables["item"]
            base = item.expr if item.json else fill("json_value(a)", line, a=item.expr)
        else:
            return fill("edited_payload(event, p, v)", line, **parts)  # type: ignore[no-any-return]
        return fill("json_bytes(edited(b, p, v))", line, b=base, **parts)  # type: ignore[no-any-return]

    def _line_of(self, data: Tree) -> int:
        """A line that stands for a payload as a whole."""
        generator = self._generator
        source = next(each for each in self._route.sources.found if each.path[: len(data.path)] == data.path)
        generator.source = source
        return generator.line(source.tree)


def conditions(where: Source | None, generator: Generator) -> Sequence[Expr]:
    """The conditions that all must hold. Where errors are not explained, those that need no parsing come first.

    CEL allows any order: ``false && error`` is false both ways round.
    """
    if where is None:
        return ()
    tree = where.tree
    if generator.careful or not isinstance(tree, Logical) or tree.operator != "&&":
        return (tree,)
    return sorted(tree.operands, key=reads_data)


def reads_data(tree: Expr) -> bool:
    """Whether an expression may look at the payload."""
    return any(isinstance(node, Name) and node.name == "data" for node in walk(tree))
