"""How long to wait before trying again.

Exponential backoff with full jitter, after Marc Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
"""

from __future__ import annotations

import random

_LARGEST_EXPONENT = 62  # beyond it, 2.0 ** n times any interval is past every maximum


def backoff(attempt: int, *, initial: float, maximum: float) -> float:
    """Seconds to wait after the failure of an attempt (the first is 1): uniform between 0 and the doubling bound."""
    bound = min(maximum, initial * 2.0 ** min(attempt - 1, _LARGEST_EXPONENT))
    return random.uniform(0, bound)  # noqa: S311  spreads load, protects nothing
