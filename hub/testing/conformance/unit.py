"""What every unit's suite has: how it is built, and the checks that sources and sinks share."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from types import ModuleType
from typing import Any, ClassVar, Generic, NoReturn, TypeVar

import pytest
from pydantic import ValidationError

from hub.deployment.binding import compiler
from hub.sdk import Connector, ServiceConfig, Signal, UnitContext
from hub.sdk.config import has_expression
from hub.sdk.unit import Component
from hub.services import HttpService
from hub.testing.conformance import vendor
from hub.testing.conformance.farside import FarSide
from hub.testing.conformance.faults import BY_NAME, Fault
from hub.testing.conformance.secrets import Overheard, secrets_in, shown

F = TypeVar("F", bound=FarSide)

_WAITING = ("rate_limit", "circuit_breaker", "retry", "cache")

NOT_APPLICABLE = "not applicable: "
"""What the reason of a skipped test begins with where its check has no meaning for a unit."""
DEPLOYMENT = "conformance"


class UnitSuite(Generic[F]):
    """The base of all suites. A connector's test module derives a class from one of them, and gives what stands here.

    Attributes:
        connector: the manifest.
        kind: which of its sources or sinks.
        rejected: settings that must be refused: why → what is changed in `settings`; ``None`` takes a setting away.
        vendor: modules of the client library that define its exceptions; none where the unit asks a `Service` alone.
        unraised: exceptions of these that the unit never meets: class → why.
        exempt: checks and faults that have no meaning for this unit: name → why, for the documentation.
        far_side: a fixture that gives the far side, started.
    """

    pytestmark = pytest.mark.asyncio

    suite: ClassVar[str] = ""
    connector: ClassVar[Connector]
    kind: ClassVar[str] = ""
    rejected: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    vendor: ClassVar[Sequence[ModuleType]] = ()
    unraised: ClassVar[Mapping[type[BaseException], str]] = {}
    exempt: ClassVar[Mapping[str, str]] = {}

    # What a connector's tests override

    def settings(self, far_side: F) -> dict[str, Any]:
        """The ``with:`` section for a far side, with a secret wherever there may be one, and short timeouts."""
        raise NotImplementedError("override `settings`: the unit's `with:` section")

    def services(self, far_side: F) -> dict[str, dict[str, Any]]:
        """The section ``services:`` for a far side: name → its configuration; likewise."""
        del far_side
        return {}

    def signal(self, error: BaseException) -> Signal:
        """What the connector makes of an exception of its client library."""
        raise NotImplementedError("override `signal`: the connector's own mapping of its client's exceptions")

    def example(self, kind: type[BaseException]) -> BaseException:
        """An exception of the client library, for `signal`; override it for those that take special arguments."""
        return vendor.example(kind)

    # Building

    @classmethod
    def use(cls) -> str:
        """The unit as schema files name it."""
        return f"{cls.connector.name}.{cls.kind}" if cls.kind else cls.connector.name

    @classmethod
    def unit_class(cls) -> type[Component[Any]]:
        """The class under test."""
        raise NotImplementedError

    def configured(self, settings: Mapping[str, Any]) -> Any:
        """The configuration that settings make.

        Raises:
            ValidationError: they don't fit.
        """
        context = {"compile": compiler({})} if has_expression({**settings}) else None
        return self.unit_class().config_type().model_validate({**settings}, context=context)

    @asynccontextmanager
    async def connected(self, far_side: F, *, for_deliveries: bool = False) -> AsyncIterator[UnitContext]:
        """A unit's context, with the services that reach the far side."""
        services = {
            name: HttpService(name, self._service(config), deployment=DEPLOYMENT)
            for name, config in self.services(far_side).items()
        }
        given = {name: each.for_deliveries() if for_deliveries else each for name, each in services.items()}
        try:
            yield UnitContext(name="unit", deployment=DEPLOYMENT, services=given)
        finally:
            for each in services.values():
                await each.close()

    def secrets(self, far_side: F) -> set[str]:
        """All secrets that the unit is told."""
        found = set(secrets_in(self.configured(self.settings(far_side))))
        for config in self.services(far_side).values():
            found |= set(secrets_in(self._service(config)))
        return found

    def _service(self, config: Mapping[str, Any]) -> ServiceConfig:
        """Without the policies that wait and try again, which `hub.services` answers for: here each failure is seen."""
        model = self.connector.service or ServiceConfig
        return model.model_validate({**dict.fromkeys(_WAITING), **config})

    def make(self, far_side: F, context: UnitContext, **changes: Any) -> Any:
        """A unit, configured for a far side."""
        return self.unit_class()(self.configured({**self.settings(far_side), **changes}), context)

    # Exemptions

    @pytest.fixture(autouse=True)
    def _applies(self, request: pytest.FixtureRequest) -> None:
        name = request.node.originalname.removeprefix("test_")
        fault = getattr(getattr(request.node, "callspec", None), "params", {}).get("fault")
        for each in (name, fault.name if isinstance(fault, Fault) else None):
            if each is not None and each in self.exempt:
                not_applicable(self.exempt[each])

    def can(self, far_side: F, fault: Fault) -> None:
        """Fails where a far side can't have a fault, and nobody has said why."""
        assert fault.name in far_side.faults, (
            f"{type(far_side).__name__} has no fault `{fault.name}`, as when it {fault.words}; "
            f"give it one, or say in `exempt` why there can be none"
        )
        far_side.secure = fault.secure
        far_side.patience = "400ms" if fault.slow else FarSide.patience

    def well(self, far_side: F) -> None:
        """The fault is over: units that are made from now on have time again."""
        far_side.patience = FarSide.patience

    # Checks

    async def test_bad_settings_are_rejected(self, far_side: F) -> None:
        """Unknown keys, missing settings and all that `rejected` lists are refused, and what fits is taken."""
        settings = self.settings(far_side)
        model = type(self.configured(settings))
        assert self.rejected, "give settings that must be refused, in `rejected`: why → what is changed"
        cases = {"an unknown key": {**settings, "unknown_key_of_nobody": 1}}
        for name, field in model.model_fields.items():
            key = field.alias or name
            if field.is_required():
                cases[f"no `{key}`"] = {each: value for each, value in settings.items() if each != key}
        for reason, changes in self.rejected.items():
            merged = {**settings, **changes}
            cases[reason] = {key: value for key, value in merged.items() if value is not None}
        secrets = self.secrets(far_side)
        for reason, case in cases.items():
            try:
                self.configured(case)
            except ValidationError as error:
                self._silent(secrets, f"what is said of {reason}", str(error), repr(error))
            else:
                pytest.fail(f"{reason}: expected the settings to be refused; they were taken")

    async def test_no_secret_is_shown(self, far_side: F) -> None:
        """Not in logs at DEBUG, errors and their causes, or what objects show of themselves, whatever goes wrong."""
        secrets = self.secrets(far_side)
        assert secrets or not self._may_hold_secrets(far_side), (
            "the unit can be told secrets, and `settings` and `services` hold none: put some in"
        )
        heard = Overheard()
        with heard.listening():
            heard.hear(self.configured(self.settings(far_side)))
            async with far_side.echoing():
                await self.suffer(far_side, heard)
            for name in sorted(far_side.faults & BY_NAME.keys()):
                if not BY_NAME[name].slow:
                    far_side.secure = BY_NAME[name].secure
                    async with far_side.fault(name):
                        await self.suffer(far_side, heard)
            far_side.secure = False
            await self.suffer(far_side, heard)
        self._silent(secrets, "what is said", *heard.said)

    async def test_every_vendor_exception_is_a_signal(self) -> None:
        """Each class that the client library defines has a meaning, so that a new version's new ones are noticed."""
        libraries = vendor.client_libraries(self.connector)
        declared = {each.__name__.partition(".")[0] for each in self.vendor}
        if not self.vendor and self.only_services():
            not_applicable("it asks through a `Service` alone, whose errors are signals")
        assert libraries <= declared or self.only_services(), (
            f"the connector imports {', '.join(sorted(libraries - declared))}: "
            "name the modules with its exceptions in `vendor`"
        )
        kinds = [each for each in vendor.exceptions_of(self.vendor) if each not in self.unraised]
        assert kinds, "the modules in `vendor` define no exceptions; are they the right ones?"
        wrong = vendor.unmapped(kinds, self.example, self.signal)
        assert not wrong, "exceptions of the client library that have no meaning:\n" + "\n".join(wrong)

    def only_services(self) -> bool:
        """Whether the unit's own module and those beside it import no client library."""
        return not vendor.client_libraries(self.connector)

    async def test_nothing_is_left_running(self, far_side: F) -> None:
        """Once a unit is closed, no task of it is left, also where it was closed without having been opened."""
        before = asyncio.all_tasks()
        await self.suffer(far_side, Overheard())
        async with self.connected(far_side) as context:
            await self.make(far_side, context).close()
        async with asyncio.timeout(5):
            while left := asyncio.all_tasks() - before - far_side.tasks:
                await asyncio.wait(left, timeout=1)
                assert all(each.done() for each in left), f"still running after `close`: {left}"

    async def suffer(self, far_side: F, heard: Overheard) -> None:
        """Has a unit do its work once, and hears what it says; whatever becomes of it."""
        raise NotImplementedError

    def _may_hold_secrets(self, far_side: F) -> bool:
        return "SecretStr" in repr(_annotations(type(self.configured(self.settings(far_side))))) or bool(
            self.services(far_side)
        )

    @staticmethod
    def _silent(secrets: set[str], where: str, *said: str) -> None:
        if found := shown(secrets, "\n".join(said)):
            # Cut off, so that this test's own report doesn't show it either.
            pytest.fail(f"a secret is shown in {where}:\n" + "\n".join(found[:5]), pytrace=False)


def not_applicable(reason: str) -> NoReturn:
    """Ends a check that has no meaning for the unit; the reason goes to the documentation."""
    pytest.skip(NOT_APPLICABLE + reason)


def _annotations(model: Any) -> list[Any]:
    """Types of all fields, those of sections included."""
    found: list[Any] = []
    for field in model.model_fields.values():
        found.append(field.annotation)
        for each in (field.annotation, *getattr(field.annotation, "__args__", ())):
            if isinstance(each, type) and hasattr(each, "model_fields"):
                found += _annotations(each)
    return found


__all__ = ["NOT_APPLICABLE", "UnitSuite", "not_applicable"]
