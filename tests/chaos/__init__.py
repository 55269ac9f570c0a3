"""The chaos suite: whole workers on real servers, under load, while something is done to them.

`make chaos` runs the long form and writes `tests/chaos/results`; without HUB_CHAOS=long the same tests run short.
"""
