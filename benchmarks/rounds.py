"""Timing: cases take turns, round after round, so that what disturbs the machine disturbs all of them alike (P-50).

Each call is timed by itself. The figure of a case is the median of its rounds' medians; p99 is over all its calls.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple


class Case(NamedTuple):
    """One thing to time. `fresh` makes the argument of each call, outside the timed part."""

    run: Callable[[Any], object]
    calls: int
    fresh: Callable[[], Any] = lambda: None


class Timing(NamedTuple):
    median_us: float
    p99_us: float
    calls: int

    @property
    def per_second(self) -> float:
        return 1e6 / self.median_us


class Row(NamedTuple):
    """One line of the table. A bound is what the rule asks of the ratio: "<= 1.5", ">= 60"."""

    group: str
    name: str
    median_us: float | None = None
    p99_us: float | None = None
    per_second: float | None = None
    ratio: float | None = None
    against: str = ""
    bound: str = ""

    @property
    def kept(self) -> bool | None:
        if not self.bound or self.ratio is None:
            return None
        sign, number = self.bound.split()[:2]
        return self.ratio <= float(number) if sign == "<=" else self.ratio >= float(number)


def timed(group: str, name: str, timing: Timing, **more: Any) -> Row:
    return Row(group, name, timing.median_us, timing.p99_us, timing.per_second, **more)


def interleaved(cases: Mapping[str, Case], rounds: int) -> dict[str, Timing]:
    """Warms every case once, then times them in turns; the order is turned by one each round."""
    names = list(cases)
    for name in names:
        cases[name].run(cases[name].fresh())
    medians: dict[str, list[float]] = {name: [] for name in names}
    every: dict[str, list[float]] = {name: [] for name in names}
    for turn in range(rounds):
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            spent = _round(cases[name])
            medians[name].append(statistics.median(spent))
            every[name] += spent
    return {name: Timing(statistics.median(medians[name]), p99(every[name]), len(every[name])) for name in names}


def _round(case: Case) -> list[float]:
    arguments = [case.fresh() for _ in range(case.calls)]
    run, clock = case.run, time.perf_counter_ns
    spent: list[float] = []
    for argument in arguments:
        begin = clock()
        run(argument)
        spent.append((clock() - begin) / 1000)
    return spent


def p99(values: list[float]) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]
