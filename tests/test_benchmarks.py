"""What the benchmarks compare is the same work (P-41): a benchmark that stops at its own check measures nothing."""

from __future__ import annotations

from benchmarks.mapping import both


def test_P41_the_patient_written_by_hand_is_that_of_the_mapping() -> None:
    fresh, by_language, by_hand = both()
    assert by_language(fresh()) == by_hand(fresh())
