"""The suite of look-ups."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Generic, TypeVar

import orjson
import pytest

from hub.contracts import Contract
from hub.sdk import Found, Lookup, Permanent, Signal
from hub.testing.conformance.farside import FarSide
from hub.testing.conformance.faults import FAULTS, Fault
from hub.testing.conformance.httpfarside import HttpFarSide
from hub.testing.conformance.secrets import Overheard
from hub.testing.conformance.unit import UnitSuite, not_applicable

F = TypeVar("F", bound=FarSide)

LIMIT = 20.0
_ENOUGH = 96 * 2**20


class LookupSuite(UnitSuite[F], Generic[F]):
    """What a look-up must keep to. `UnitSuite` says what a connector's tests give."""

    suite = "look-up"

    @classmethod
    def unit_class(cls) -> type[Lookup[Any, Any]]:
        """The look-up."""
        return cls.connector.lookups[cls.kind]

    @abstractmethod
    def keys(self) -> Sequence[tuple[Any, Any]]:
        """Two keys or more as expressions give them (JSON values), each with what is found: a JSON value, or ``None``.

        One of them at least must be something, and one nothing.
        """

    def refused_key(self) -> Any:
        """A key that the far side refuses for good; ``None`` where there is no such thing."""
        return None

    @asynccontextmanager
    async def lookup(self, far_side: F) -> AsyncIterator[Lookup[Any, Any]]:
        """A look-up that has been opened."""
        async with self.connected(far_side) as context:
            unit = self.make(far_side, context)
            try:
                await unit.open()
                yield unit
            finally:
                await unit.close()

    async def suffer(self, far_side: F, heard: Overheard) -> None:
        """Looks up once."""
        async with self.connected(far_side) as context:
            unit = self.make(far_side, context)
            heard.hear(unit, unit.far_side, unit.context, *context.services.values())
            try:
                await unit.open()
                heard.hear(*await unit.look_up([self._read(self.keys()[0][0])]))
            except Exception as error:  # noqa: BLE001  other tests say that it must not be
                heard.hear(error)
            await unit.close()

    # Checks

    async def test_each_key_has_its_answer(self, far_side: F) -> None:
        """In the order of the keys, alone and in calls of as many as the look-up takes; what isn't there is nothing."""
        keys = list(self.keys())
        assert any(value is None for _, value in keys), "give a key for which nothing is found"
        assert any(value is not None for _, value in keys), "give a key for which something is found"
        size = max(1, self.unit_class().batch)
        for order in (keys, keys[::-1]):
            for length in {1, size}:
                async with self.lookup(far_side) as unit:
                    for first in range(0, len(order), length):
                        part = order[first : first + length]
                        answers = await unit.look_up([self._read(key) for key, _ in part])
                        found = [each.data if isinstance(each, Found) else each for each in answers]
                        assert found == [value for _, value in part], (
                            f"asked for {[key for key, _ in part]} in a call: got {found}"
                        )

    async def test_answers_are_as_declared(self, far_side: F) -> None:
        """By the schema that the look-up publishes, where it does."""
        schema = self.unit_class().schema
        if schema is None:
            not_applicable("anything may be found")
        if isinstance(schema, str):
            from hub.deployment.contracts import shipped_schema  # noqa: PLC0415  half of the hub

            found = shipped_schema(self.unit_class(), schema, Path.cwd())
            assert found is not None, f"the schema {schema} isn't there"
            schema = found
        contract = Contract(self.use(), schema, self.use())
        async with self.lookup(far_side) as unit:
            for key, _ in self.keys():
                (answer,) = await unit.look_up([self._read(key)])
                if isinstance(answer, Found) and answer.data is not None:
                    violations = [str(each) for each in contract.check(answer.data)]
                    assert not violations, f"what is found for {key} breaks the schema: {'; '.join(violations[:3])}"

    async def test_a_refused_key_fails_alone(self, far_side: F) -> None:
        """Of several that are asked for together it alone is refused, for good."""
        bad = self.refused_key()
        if bad is None:
            not_applicable("the far side refuses no key")
        good = [key for key, _ in self.keys()]
        async with self.lookup(far_side) as unit:
            size = max(1, self.unit_class().batch)
            keys = [*good[: size - 1], bad] if size > 1 else [bad]
            answers = await self._each(unit, keys)
            if any(isinstance(each, Permanent) for each in answers[:-1]):
                # The call as a whole was refused; the engine asks for each by itself then.
                answers = [answer for key in keys for answer in await self._each(unit, [key])]
        assert isinstance(answers[-1], Permanent), f"expected Permanent for a refused key; got {answers[-1]!r}"
        assert all(isinstance(each, Found) for each in answers[:-1]), "keys beside a refused one failed with it"

    @pytest.mark.parametrize("fault", FAULTS, ids=lambda each: each.name)
    async def test_nothing_is_made_up_over_a_fault(self, far_side: F, fault: Fault) -> None:
        """It says so by a signal that passes, never by an answer or by "nothing", and works again by itself."""
        self.can(far_side, fault)
        key, value = next(each for each in self.keys() if each[1] is not None)
        async with self.connected(far_side) as context:
            unit = self.make(far_side, context)
            try:
                async with far_side.fault(fault.name):
                    answer = await self._answer(unit, key, fault)
                assert isinstance(answer, Signal), f"the far side {fault.words}, and the look-up found {answer!r}"
                assert isinstance(answer, fault.signals), (
                    f"the far side {fault.words}: expected {' or '.join(each.__name__ for each in fault.signals)}; "
                    f"got {type(answer).__name__}: {answer}"
                )
                if fault.seconds is not None:
                    said = answer.retry_after
                    assert said is not None and fault.seconds - 2 <= said <= fault.seconds + 1, (  # noqa: PT018
                        f"the far side {fault.words}, {fault.seconds:g} s: got retry_after={said}"
                    )
                await unit.close()
                await unit.open()
                (again,) = await unit.look_up([self._read(key)])
                assert isinstance(again, Found), f"the far side is well again: got {again!r}"
                assert again.data == value
            finally:
                await unit.close()

    async def test_an_endless_answer_is_cut_off(self, far_side: F) -> None:
        """It is given up after a bounded number of bytes, with a signal."""
        if not isinstance(far_side, HttpFarSide):
            not_applicable("its protocol frames answers")
        async with self.lookup(far_side) as unit, far_side.endless():
            answer = await self._asked(unit, self.keys()[0][0])
        assert isinstance(answer, Signal), "an answer without an end was taken for one"
        assert far_side.poured <= _ENOUGH, f"{far_side.poured / 2**20:.0f} MiB of an endless answer were read"

    # What they share

    def _read(self, key: Any) -> Any:
        return self.unit_class().read_key(orjson.dumps(key))

    async def _each(self, unit: Lookup[Any, Any], keys: Sequence[Any]) -> list[Found | Signal]:
        """An answer for each key, or the signal that holds for all of them."""
        try:
            return list(await unit.look_up([self._read(key) for key in keys]))
        except Signal as signal:
            return [signal] * len(keys)

    async def _asked(self, unit: Lookup[Any, Any], key: Any) -> Found | Signal:
        try:
            async with asyncio.timeout(LIMIT):
                await unit.open()
                (answer,) = await unit.look_up([self._read(key)])
        except Signal as signal:
            return signal
        return answer

    async def _answer(self, unit: Lookup[Any, Any], key: Any, fault: Fault) -> Found | Signal:
        try:
            return await self._asked(unit, key)
        except TimeoutError as error:
            raise AssertionError(f"the far side {fault.words}: the look-up waits for ever") from error
        except Exception as error:
            name = f"{type(error).__module__}.{type(error).__qualname__}"
            raise AssertionError(f"the far side {fault.words}: expected a signal; got {name}: {error}") from error
