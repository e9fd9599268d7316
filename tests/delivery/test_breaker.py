"""The breaker: what opens it, for how long, and that one send alone asks again (S-63)."""

from __future__ import annotations

from typing import Any

import pytest

from segue.delivery.breaker import PROBE_S, Breaker
from segue.delivery.target import DeliveryError
from segue.settings.targets import Breaker as Settings


class Bench:
    """A breaker with a clock that the test moves."""

    def __init__(self, **settings: Any) -> None:
        self.now = 0.0
        self.told: list[tuple[bool, str]] = []
        node = Settings(**{"failures": 3, "pause_s": 10, "longest_s": 60, **settings})
        self.breaker = Breaker(node, lambda *facts: self.told.append(facts), clock=lambda: self.now, jitter=lambda: 0.0)

    def fail(self, reason: str = "unreachable", wait_s: float | None = None) -> None:
        self.breaker.admit()
        self.breaker.failed(DeliveryError(True, reason=reason, retry_after_s=wait_s))

    def refused(self) -> float:
        with pytest.raises(DeliveryError) as caught:
            self.breaker.admit()
        assert (caught.value.reason, caught.value.transient) == ("breaker-open", True)
        assert [i.code for i in caught.value.issues] == ["delivery.transient"]
        assert caught.value.retry_after_s is not None
        return caught.value.retry_after_s


def test_S63_failures_in_a_row_open_it_for_a_pause() -> None:
    bench = Bench()
    for _ in range(3):
        bench.fail()
    bench.now = 4
    assert bench.refused() == 6
    assert bench.told == [(False, "unreachable")]


def test_S63_a_success_between_counts_from_zero() -> None:
    bench = Bench()
    for _ in range(5):
        bench.fail()
        bench.fail("busy")
        bench.breaker.succeeded()
    assert not bench.breaker.open


@pytest.mark.parametrize("reason", ["refused", "conflict"])
def test_S63_an_answer_about_the_Bundle_is_no_failure_of_the_target(reason: str) -> None:
    bench = Bench(failures=1)
    for _ in range(5):
        bench.fail(reason)
    assert not bench.breaker.open


def test_S63_one_probe_at_a_time() -> None:
    bench = Bench(failures=1)
    bench.fail()
    bench.now = 10
    bench.breaker.admit()
    assert bench.refused() == PROBE_S
    bench.breaker.succeeded()
    bench.breaker.admit()
    bench.breaker.admit()
    assert bench.told == [(False, "unreachable"), (True, "answered")]


def test_S63_a_failed_probe_doubles_the_pause_up_to_the_longest() -> None:
    bench = Bench(failures=1)
    pauses: list[float] = []
    for _ in range(5):
        bench.fail()
        pauses.append(bench.refused())
        bench.now += pauses[-1]
    assert pauses == [10, 20, 40, 60, 60]
    assert bench.told == [(False, "unreachable")]


def test_S63_a_probe_that_says_nothing_leaves_the_next_to_ask() -> None:
    bench = Bench(failures=1)
    bench.fail()
    bench.now = 10
    bench.breaker.admit()
    bench.breaker.left()
    bench.breaker.admit()


def test_S60_retry_after_holds_the_target_for_that_time() -> None:
    bench = Bench(failures=100)
    bench.fail("busy", 25)
    assert bench.refused() == 25
    bench.now = 25
    bench.fail("busy", 3600)
    assert bench.refused() == 60


def test_S60_refused_credentials_hold_the_target_at_once() -> None:
    bench = Bench(failures=100)
    bench.fail("credentials")
    assert bench.refused() == 10


def test_S63_sends_that_were_under_way_do_not_lengthen_the_pause() -> None:
    bench = Bench(failures=1)
    for _ in range(3):
        bench.breaker.admit()
    for _ in range(3):
        bench.breaker.failed(DeliveryError(True, reason="unreachable"))
    assert bench.refused() == 10


def test_S63_the_pause_is_jittered() -> None:
    breaker = Breaker(Settings(failures=1, pause_s=10), clock=lambda: 0.0, jitter=lambda: 1.0)
    breaker.failed(DeliveryError(True, reason="unreachable"))
    with pytest.raises(DeliveryError) as caught:
        breaker.admit()
    assert caught.value.retry_after_s == 12.5
