"""A look-up that keeps to everything, on an API of things; tests break one thing in it at a time."""

from __future__ import annotations

from aiohttp import web
from pydantic import Field

from hub.sdk import NOTHING, Connector, Found, Lookup, LookupConfig, NotConnected, Permanent, Signal, Transient
from hub.testing.conformance import HttpFarSide

THINGS = {"a": {"name": "A"}, "b": {"name": "B"}, "c": {"name": "C"}}


class ThingsApi(HttpFarSide):
    """Tells of several things at once."""

    async def answer(self, request: web.Request) -> web.Response:
        keys = request.query.getall("key")
        if "bad" in keys:
            return web.json_response({"message": "no"}, status=422)
        return web.json_response({"things": {key: THINGS[key] for key in keys if key in THINGS}})


class ThingConfig(LookupConfig):
    service: str = "things"
    """The entry under ``services:``."""
    tries: int = Field(default=1, ge=1)
    """How often."""


class Thing(Lookup[ThingConfig, str]):
    """Things by their keys."""

    schema = {"type": "object", "required": ["name"]}
    batch = 3

    async def look_up(self, keys):
        things = await self.asked(keys)
        return [Found(things[key]) if key in things else NOTHING for key in keys]

    async def asked(self, keys):
        query = "&".join(f"key={key}" for key in keys)
        answer = await self.service.request("GET", f"/things?{query}")
        try:
            return dict(answer.json()["things"])
        except (ValueError, KeyError, TypeError):
            raise Transient("expected things") from None


def connector(lookup: type[Thing] = Thing) -> Connector:
    return Connector("things", "Things", lookups={"thing": lookup})


class TakesAnOutageForNothing(Thing):
    async def look_up(self, keys):
        try:
            return await super().look_up(keys)
        except NotConnected:
            return [NOTHING for _ in keys]


class TakesAPageForPeopleForNothing(Thing):
    async def asked(self, keys):
        try:
            return await super().asked(keys)
        except Transient as error:
            if str(error) == "expected things":
                return {}
            raise


class MixesUpAnswers(Thing):
    async def look_up(self, keys):
        return sorted(await super().look_up(keys), key=lambda each: str(each.data))


class LeavesOutWhatIsNotThere(Thing):
    async def look_up(self, keys):
        return [each for each in await super().look_up(keys) if each.data is not None]


class GivesWhatIsNotDeclared(Thing):
    async def look_up(self, keys):
        return [Found({"title": "A"}) for _ in keys]


class CallsARefusalPassing(Thing):
    async def look_up(self, keys):
        try:
            return await super().look_up(keys)
        except Permanent as error:
            raise Transient(str(error)) from None


class CallsAFailureFinal(Thing):
    async def look_up(self, keys):
        try:
            return await super().look_up(keys)
        except Signal as error:
            raise Permanent(str(error)) from None


class LetsErrorsOut(Thing):
    async def asked(self, keys):
        query = "&".join(f"key={key}" for key in keys)
        return (await self.service.request("GET", f"/things?{query}")).json()["things"]
