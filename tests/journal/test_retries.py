"""When a failed delivery is tried again (S-60, S-63)."""

from __future__ import annotations

import pytest

from segue.journal.retries import PAUSE_S, Retry

from .conftest import failure


@pytest.mark.parametrize(
    ("reason", "transient", "tries", "age_s", "action"),
    [
        ("unreachable", True, 1, 0, "again"),
        ("busy", True, 500, 0, "again"),
        ("busy", True, 500, 8 * 86400, "dead"),
        ("server-fault", True, 9, 0, "again"),
        ("server-fault", True, 10, 0, "dead"),
        ("conflict", True, 4, 0, "again"),
        ("conflict", True, 5, 0, "dead"),
        ("refused", False, 1, 0, "dead"),
        ("credentials", True, 99, 0, "pause"),
        ("breaker-open", True, 99, 0, "pause"),
    ],
)
def test_S60_by_class(reason: str, transient: bool, tries: int, age_s: float, action: str) -> None:
    assert Retry().judge(failure(reason, transient=transient), tries, age_s).action == action


def test_S60_back_off_doubles_to_its_longest_with_chance() -> None:
    low, high = Retry(chance=lambda: 0.0), Retry(chance=lambda: 1.0)
    assert [high.delay_s(n) for n in (1, 2, 3, 20)] == [1, 2, 4, 300]
    assert [low.delay_s(n) for n in (1, 2, 3, 20)] == [0.5, 1, 2, 150]


def test_S60_retry_after_is_obeyed() -> None:
    assert Retry().judge(failure(retry_after_s=77.0), 1, 0).delay_s == 77.0


def test_S63_the_longer_a_target_is_away_the_rarer_anybody_looks() -> None:
    """A backlog of hours does not wake every few seconds to find the same closed door."""
    retry = Retry(chance=lambda: 1.0)
    delays = [retry.judge(failure("breaker-open", retry_after_s=1.0), 1, age_s).delay_s for age_s in (0, 120, 9000)]
    assert delays == [2.0, 5.0, 301.0]
    assert Retry(chance=lambda: 0.0).judge(failure("credentials"), 1, 0).delay_s == PAUSE_S + 0.5
