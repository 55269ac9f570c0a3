"""Benchmarks: the hub beside references, in one run, as ratios, since machines differ and drift.

``python -m benchmarks`` runs all, ``python -m benchmarks delivery`` one. Each program that is measured is a process of
its own, which accounts for its CPU from its first record to its last commit; the programs take turns, and the median of
the rounds counts. Figures go to ``benchmarks/results/NAME.json``.
"""
