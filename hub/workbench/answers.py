"""Answers of look-ups that people give, in a test or a file: nobody is asked who is outside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson
from pydantic import TypeAdapter, ValidationError

from hub.deployment import RouteSpec
from hub.deployment.trial import Answers, GivenAnswer
from hub.engine.lookups.answers import DEGRADED, Known, Refusal, marked
from hub.engine.lookups.enrichment import Refused, canonical
from hub.routes.enriching import Ask, Question, Unanswered
from hub.routes.fusion import Outcome
from hub.sdk import ConfigError, Permanent

_SHOWN = 60
_FORM: TypeAdapter[dict[str, list[GivenAnswer]]] = TypeAdapter(dict[str, Answers])


class NoAnswer(ConfigError):
    """A look-up was asked for what no answer was given for.

    Args:
        route: whose look-up.
        name: of the look-up.
        key: what it was asked for, as JSON.

    Attributes:
        questions: all that were asked together and have no answer: names and keys.
    """

    def __init__(self, route: str, name: str, key: bytes) -> None:
        text = key.decode(errors="replace")
        shown = text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"
        super().__init__(f"route `{route}` looks up `{name}` with the key {shown}, and no answer was given for it")
        self.route = route
        self.name = name
        self.key = text
        self.questions: tuple[tuple[str, str], ...] = ((name, text),)


class GivenAnswers:
    """Answers by the names of look-ups.

    Args:
        given: name → answers; the first counts whose key fits, one without key fits all.
    """

    def __init__(self, given: Mapping[str, Sequence[GivenAnswer]] | None = None) -> None:
        self._given = {name: [(_key(each), each) for each in answers] for name, answers in (given or {}).items()}

    def asking(self, route: RouteSpec) -> Asking:
        """What answers a route's questions about one event."""
        return Asking(self, route)

    def find(self, route: RouteSpec, name: str, key: bytes) -> Known | Refusal:
        """The answer to a question.

        Raises:
            NoAnswer: none was given.
        """
        key = canonical(key)
        answer = next((each for known, each in self._given.get(name, ()) if known in (None, key)), None)
        if answer is None:
            raise NoAnswer(route.name, name, key)
        if answer.fails is None:
            return Known(answer.found)
        on_error = route.section.enrich[name].on_error
        if on_error.falls_back:
            return Known(on_error.fallback, {DEGRADED: "fallback"})
        return Refusal(Permanent(answer.fails), 1)


class Asking:
    """Answers a route's questions about one event, as the engine does, and keeps what they mark it with.

    Args:
        answers: where they come from.
        route: the route.
    """

    def __init__(self, answers: GivenAnswers, route: RouteSpec) -> None:
        self._answers = answers
        self._route = route
        self.marks: dict[str, str] = {}

    def __call__(self, questions: Sequence[Question]) -> list[Any]:
        """The answers.

        Raises:
            Unanswered: there is none for one of them.
        """
        found: list[Any] = []
        lacking: NoAnswer | None = None
        for name, key in questions:
            if key is None:
                found.append(None)
                continue
            try:
                answer = self._answers.find(self._route, name, key)
            except NoAnswer as error:
                if lacking is not None:
                    lacking.questions += error.questions
                lacking = lacking or error
                continue
            if isinstance(answer, Refusal):
                raise Unanswered(name, Refused(name, answer))
            self.marks.update(answer.marks)
            found.append(answer.data)
        if lacking is not None:
            raise Unanswered(lacking.name, lacking)
        return found

    def marked(self, outcome: Outcome) -> Outcome:
        """What a route made, marked as the engine does."""
        return outcome if isinstance(outcome, str) else list(marked(outcome, self.marks))


def read_answers(file: Path) -> GivenAnswers:
    """The answers of a file, YAML or JSON, in the form of ``lookups:`` in a test.

    Raises:
        ConfigError: it can't be read, or holds something else.
    """
    from ruamel.yaml import YAML  # noqa: PLC0415  few commands need it
    from ruamel.yaml.error import YAMLError  # noqa: PLC0415  as above

    try:
        given = YAML(typ="safe", pure=True).load(file.read_text(encoding="utf-8-sig"))
        return GivenAnswers(_FORM.validate_python(given or {}))
    except OSError as error:
        raise ConfigError(f"{file} can't be read: {error.strerror}") from error
    except (YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"expected YAML or JSON in {file}: {' '.join(str(error).split())}") from error
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise ConfigError(
            f"expected answers in {file} as under `lookups:` of a test, e.g. `issue: [{{ key: 7, found: … }}]`; "
            f"{where}: {first['msg']}"
        ) from None


def _key(answer: GivenAnswer) -> bytes | None:
    return canonical(orjson.dumps(answer.key)) if "key" in answer.model_fields_set else None


def no_answers(route: RouteSpec) -> Ask:
    """Answers nothing, where nobody has given an answer."""
    return GivenAnswers().asking(route)
