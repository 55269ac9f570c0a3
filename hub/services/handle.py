"""A unit's own hand on a service that it shares with others."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any, Unpack

from hub.sdk.service import Health, LimitState, Response, ServiceInfo, StreamedResponse
from hub.services.request import Options

if TYPE_CHECKING:
    from hub.services.http import HttpService


class DeliveryHandle:
    """`hub.sdk.Service` for a sink: the engine alone retries deliveries, and nothing stands in for what is written.

    Limits, the circuit and credentials are the service's own.
    """

    def __init__(self, service: HttpService) -> None:
        self.name = service.name
        self._service = service

    async def request(self, method: str, path: str, **options: Unpack[Options]) -> Response:
        """One request, sent once; see `hub.sdk.Service.request`."""
        request = self._service.made(method, path, **options)
        request.retries = request.look_up = request.degraded = False
        return await self._service.send(request)

    def stream(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        user: str = "",
    ) -> AbstractAsyncContextManager[StreamedResponse]:
        """A large answer in pieces; see `hub.sdk.Service.stream`."""
        return self._service.stream(method, path, params=params, headers=headers, user=user, retries=False)

    def clean(self, text: str) -> str:
        """A text without the service's secrets."""
        return self._service.clean(text)

    def limits(self) -> list[LimitState]:
        """The service's limits as they are now."""
        return self._service.limits()

    def info(self) -> ServiceInfo:
        """What the service is and how it fares."""
        return self._service.info()

    async def health(self) -> Health:
        """Whether the service works."""
        return await self._service.health()
