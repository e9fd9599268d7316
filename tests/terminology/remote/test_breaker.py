"""The circuit breaker by a clock that the test turns (T-33)."""

from __future__ import annotations

import pytest

from segue.terminology.remote.breaker import Breaker

from ...clock import Clock


@pytest.fixture
def breaker(clock: Clock) -> Breaker:
    return Breaker(clock=clock)


def fail(breaker: Breaker, times: int) -> None:
    for _ in range(times):
        breaker.failed()


def test_T33_opens_after_five_failures_within_ten_seconds(breaker: Breaker) -> None:
    fail(breaker, 4)
    assert breaker.admits()
    fail(breaker, 1)
    assert breaker.is_open
    assert not breaker.admits()


def test_T33_five_failures_over_a_longer_time_do_not_open(breaker: Breaker, clock: Clock) -> None:
    for _ in range(9):
        breaker.failed()
        clock.now += 2.6
    assert not breaker.is_open


def test_T33_a_success_forgets_failures(breaker: Breaker) -> None:
    fail(breaker, 4)
    breaker.succeeded()
    fail(breaker, 4)
    assert not breaker.is_open


def test_T33_one_probe_every_thirty_seconds(breaker: Breaker, clock: Clock) -> None:
    fail(breaker, 5)
    clock.now += 29.9
    assert not breaker.admits()
    clock.now += 0.2
    assert breaker.admits()
    assert not breaker.admits()  # one at a time
    breaker.failed()
    assert not breaker.admits()
    clock.now += 30.1
    assert breaker.admits()
    breaker.succeeded()
    assert not breaker.is_open
    assert breaker.admits()


def test_T33_late_failures_of_earlier_requests_do_not_prolong(breaker: Breaker, clock: Clock) -> None:
    fail(breaker, 5)
    clock.now += 20
    fail(breaker, 3)
    clock.now += 10.1
    assert breaker.admits()
