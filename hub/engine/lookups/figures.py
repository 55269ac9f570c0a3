"""What look-ups have done, as others see it."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class LookupFigures(BaseModel):
    """What a look-up has done in this worker since it started; whether what came of it was committed is another matter.

    Attributes:
        name: as under ``enrich:``.
        asked: keys that were wanted, each once per batch.
        cached: of these, those whose answer was kept from before.
        calls: of the connector.
        found: keys that it answered.
        missing: of these, those of which the far side has nothing.
        stale: keys for which an old answer stood in.
        fallback: keys for which the fallback stood in.
        failed: keys without any answer; their events were dead-lettered.
        retries: questions that were asked again.
        seconds: that calls took, all together.
        kept: answers that are kept now.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    asked: int = 0
    cached: int = 0
    calls: int = 0
    found: int = 0
    missing: int = 0
    stale: int = 0
    fallback: int = 0
    failed: int = 0
    retries: int = 0
    seconds: float = 0.0
    kept: int = 0

    @property
    def answers(self) -> dict[str, int]:
        """Keys by what answered: the far side, which may have nothing; what was kept; what stood in; or nobody."""
        return {
            "found": self.found - self.missing,
            "missing": self.missing,
            "cached": self.cached,
            "stale": self.stale,
            "fallback": self.fallback,
            "failed": self.failed,
        }
