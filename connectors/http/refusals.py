"""What the answers of an API mean, where its statuses don't say it or its users know better."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Annotated, Any, Literal, Self

import orjson
from pydantic import BeforeValidator, Field, model_validator

from connectors.http.config import Status
from connectors.http.paging import Place
from connectors.http.paths import MISSING, JsonPath
from hub.sdk import Config, Duration, NotConnected, Permanent, Response, Signal, Transient

Action = Literal["ignore", "retry", "wait", "fail"]


def _listed(value: Any) -> Any:
    return value if isinstance(value, list) else [value]


class ErrorHandler(Config):
    """Answers, and what to do about them; all that is given must hold."""

    status: Annotated[list[Status], BeforeValidator(_listed, json_schema_input_type=list[Any] | int | str)] = []
    """Statuses (`404`) or classes of them (`5xx`), one or a list; any if not given, success included."""
    contains: str | None = Field(default=None, min_length=1)
    """Text that the body holds."""
    path: Place | None = None
    """Place in a JSON body where there must be something: one of `values`, or else anything but null and false."""
    values: list[str | int | bool] = []
    """What may stand at `path`."""
    action: Action
    """`ignore`: as if the list were empty. `retry`: it will be asked again, soon. `wait`: the API wants us to pause.
    `fail`: it can't work."""
    message: str | None = Field(default=None, min_length=1)
    """What to tell people about it."""
    pause: Duration | None = Field(default=None, gt=timedelta(0))
    """How long to wait with `retry` and `wait`, unless the API says it by `Retry-After`."""

    @model_validator(mode="after")
    def _means_something(self) -> Self:
        if not self.status and self.contains is None and self.path is None:
            raise ValueError("expected `status`, `contains` or `path`: which answers are meant")
        if self.values and self.path is None:
            raise ValueError("expected `path` beside `values`")
        if self.pause is not None and self.action not in ("retry", "wait"):
            raise ValueError(f"`pause` is for the actions retry and wait, not for {self.action}")
        return self

    def means(self, answer: Response) -> bool:
        """Whether it is about this answer."""
        status = answer.status
        if self.status and not {str(status), f"{status // 100}xx"} & set(self.status):
            return False
        if self.contains is not None and self.contains not in answer.body.decode(errors="replace"):
            return False
        return self.path is None or self._at(answer, self.path)

    def _at(self, answer: Response, path: str) -> bool:
        try:
            found = JsonPath(path).all(answer.json())
        except orjson.JSONDecodeError:
            return False
        if not self.values:
            return any(each not in (MISSING, None, False) for each in found)
        return any(type(each) is type(value) and each == value for each in found for value in self.values)

    def signal(self, answer: Response, shown: str, asked: float | None) -> Signal:
        """The signal for an answer that isn't to be ignored.

        Args:
            answer: as it came.
            shown: the request in a few words.
            asked: seconds that the API asked us to wait.
        """
        said = f"{shown} answered {answer.status}" + (f": {self.message}" if self.message else self._because())
        if self.action == "fail":
            return Permanent(said, status=answer.status)
        wait = asked if asked is not None or self.pause is None else self.pause.total_seconds()
        return (NotConnected if self.action == "wait" else Transient)(said, status=answer.status, retry_after=wait)

    def _because(self) -> str:
        if self.path is not None:
            return f", which by `{self.path}` means to {self.action}"
        return "" if self.contains is None else f", which by the text in it means to {self.action}"


def handler_of(answer: Response, handlers: Iterable[ErrorHandler]) -> ErrorHandler | None:
    """The first one that is about an answer."""
    return next((each for each in handlers if each.means(answer)), None)
