"""Exceptions of a connector's client library: which there are, and whether the connector knows what each means."""

from __future__ import annotations

import ast
import gc
import inspect
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from types import ModuleType

from hub.sdk import Connector, Signal

_OURS = frozenset({"hub", "connectors", "orjson", "pydantic", "pydantic_core", "yarl", "multidict"})
"""What raises nothing that comes from a far side, beside Python's own."""
_ARGUMENTS: tuple[tuple[object, ...], ...] = ((), ("words",), ("words", "more"), (1, "words"), (b"a", b"b", "host", 1))


def client_libraries(connector: Connector) -> set[str]:
    """Names of the packages that a connector's modules import and that talk to its far side, tests left out."""
    units = (*connector.sources.values(), *connector.sinks.values())
    modules = {each.__module__ for each in units}
    found = {name for each in modules for path in _sources(each) for name in _imports(path)}
    own = {each.partition(".")[0] for each in modules}
    return {each for each in found - own - _OURS if each not in sys.stdlib_module_names}


def _sources(module: str) -> list[Path]:
    """The files of a unit's connector: of the package that has the manifest, or of the unit's module alone."""
    parts = module.split(".")
    for length in range(len(parts), 0, -1):
        package = sys.modules.get(".".join(parts[:length]))
        if isinstance(getattr(package, "connector", None), Connector):
            folders = [Path(each) for each in getattr(package, "__path__", ())]
            files = [(folder, path) for folder in folders for path in folder.rglob("*.py")]
            return [path for folder, path in files if "tests" not in path.relative_to(folder).parts]
    file = getattr(sys.modules.get(module), "__file__", None)
    return [Path(file)] if file else []


@cache
def _imports(path: Path) -> frozenset[str]:
    collecting = gc.isenabled()
    # Whatever a destructor raises while Python 3.11 builds a tree ends that with a SystemError.
    gc.disable()
    try:
        return frozenset(_imported(ast.parse(path.read_text(encoding="utf-8"))))
    finally:
        if collecting:
            gc.enable()


def _imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (each.name.partition(".")[0] for each in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]


def exceptions_of(modules: Sequence[ModuleType]) -> list[type[BaseException]]:
    """All exceptions that packages define in these modules, and those below them."""
    packages = {each.__name__.partition(".")[0] for each in modules}
    found: set[type[BaseException]] = set()
    for module in modules:
        for each in vars(module).values():
            if inspect.isclass(each) and issubclass(each, BaseException):
                found |= _descendants(each)
    named = [each for each in found if each.__module__.partition(".")[0] in packages]
    return sorted((each for each in named if not issubclass(each, Warning)), key=lambda each: each.__qualname__)


def _descendants(kind: type[BaseException]) -> set[type[BaseException]]:
    if kind.__module__ == "builtins":
        return set()
    return {kind}.union(*(_descendants(each) for each in kind.__subclasses__()))


def example(kind: type[BaseException]) -> BaseException:
    """An instance.

    Raises:
        TypeError: it needs arguments that nobody can guess.
    """
    for arguments in _ARGUMENTS:
        try:
            made = kind(*arguments)
            str(made)
        except Exception:  # noqa: BLE001, S112  whatever a constructor makes of arguments that aren't for it
            continue
        return made
    raise TypeError(f"{kind.__module__}.{kind.__qualname__} can't be made by guessing: override `example` of the suite")


def unmapped(
    kinds: Sequence[type[BaseException]],
    make: Callable[[type[BaseException]], BaseException],
    mapped: Callable[[BaseException], object],
) -> list[str]:
    """What is wrong with a connector's mapping: exceptions for which it gives no signal."""
    wrong = []
    for kind in kinds:
        name = f"{kind.__module__}.{kind.__qualname__}"
        try:
            signal = mapped(make(kind))
        except Exception as error:  # noqa: BLE001  that is what is to be found
            wrong.append(f"{name}: gives no signal, but raises {type(error).__name__}")
        else:
            if not isinstance(signal, Signal):
                wrong.append(f"{name}: gives {signal!r} in place of a signal")
    return wrong
