"""pydantic models of events' data, for subscribers: one module per event type, made by datamodel-code-generator."""

from __future__ import annotations

import importlib
import keyword
import re
from collections.abc import Mapping
from typing import Any

import orjson

from hub.contracts import Contract
from hub.contracts.keywords import transform
from hub.contracts.validation import FORMATS
from hub.sdk.errors import EnvironmentProblem

_WORD = re.compile(r"[^a-zA-Z0-9]+")
_HEAD = "# Made by `hub schemas export` from the contract of {event_type}; don't edit it.\n"


def modules(contracts: Mapping[str, Contract]) -> dict[str, str]:
    """Python modules by file name, with an ``__init__.py`` that has all models by event type.

    Raises:
        EnvironmentProblem: datamodel-code-generator isn't installed.
    """
    made: dict[str, str] = {}
    names: dict[str, tuple[str, str]] = {}
    for event_type, contract in contracts.items():
        module, class_name = _names(event_type, {each for each, _ in names.values()})
        names[event_type] = module, class_name
        made[f"{module}.py"] = _HEAD.format(event_type=event_type) + _code(contract, class_name)
    made["__init__.py"] = _init(names)
    return made


def _names(event_type: str, taken: set[str]) -> tuple[str, str]:
    """Module and class: ``github.pull_request`` becomes ``github_pull_request`` and ``GithubPullRequest``."""
    words = [each for each in _WORD.split(event_type) if each] or ["event"]
    module = "_".join(words).lower()
    if module[0].isdigit() or keyword.iskeyword(module):
        module = f"event_{module}"
    number, unique = 1, module
    while unique in taken:
        number += 1
        unique = f"{module}_{number}"
    name = "".join(word[0].upper() + word[1:] for word in unique.split("_"))
    return unique, name


def _code(contract: Contract, class_name: str) -> str:
    generator: Any
    try:
        generator = importlib.import_module("datamodel_code_generator")
    except ImportError as error:
        raise EnvironmentProblem(
            "models are made by datamodel-code-generator, which isn't installed: pip install 'integration-hub[models]'"
        ) from error
    schema = transform(contract.schema, _plain)
    code = generator.generate(
        orjson.dumps({**schema, "title": class_name}).decode(),
        input_filename=contract.event_type,
        input_file_type=generator.InputFileType.JsonSchema,
        output_model_type=generator.DataModelType.PydanticV2BaseModel,
        target_python_version=generator.PythonVersion.PY_311,
        class_name=class_name,
        formatters=[],
        disable_timestamp=True,
        strict_nullable=True,
        use_standard_collections=True,
        use_union_operator=True,
        use_schema_description=True,
        use_double_quotes=True,
        enum_field_as_literal=generator.LiteralType.All,
        allow_population_by_field_name=True,
    )
    return str(code).rstrip() + "\n"


def _plain(schema: dict[str, Any]) -> dict[str, Any]:
    """A schema without formats that contracts don't check: a model must not refuse what a contract takes."""
    if schema.get("format") not in FORMATS:
        schema.pop("format", None)
    return schema


def _init(names: Mapping[str, tuple[str, str]]) -> str:
    imports = "".join(f"from .{module} import {name}\n" for module, name in sorted(names.values()))
    listed = "".join(f'    "{event_type}": {name},\n' for event_type, (_, name) in names.items())
    exported = "".join(f'    "{name}",\n' for name in sorted(["MODELS", *(name for _, name in names.values())]))
    return (
        '"""Models of events\' data, by event type in `MODELS`. Made by `hub schemas export`; don\'t edit it."""\n\n'
        f"from pydantic import BaseModel\n\n{imports}\n"
        f"MODELS: dict[str, type[BaseModel]] = {{\n{listed}}}\n\n__all__ = [\n{exported}]\n"
    )
