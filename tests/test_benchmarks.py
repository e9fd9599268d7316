"""What the benchmarks compare is the same work (P-41): a benchmark that stops at its own check measures nothing."""

from __future__ import annotations

from benchmarks import messages
from benchmarks.mapping import both

from segue.convert import convert


def test_P41_the_patient_written_by_hand_is_that_of_the_mapping() -> None:
    fresh, by_language, by_hand = both()
    assert by_language(fresh()) == by_hand(fresh())


def test_P40_admissions_never_seen_have_the_shape_of_the_example_and_nothing_in_common() -> None:
    first, other = messages.admissions(2)
    whole = convert(messages.ADT)
    for raw in (first, other):
        made = convert(raw)
        assert [e["resource"]["resourceType"] for e in made.bundle["entry"]] == [
            e["resource"]["resourceType"] for e in whole.bundle["entry"]
        ]
        assert {i.code for i in made.issues} == {i.code for i in whole.issues}
    shared = [
        entry["resource"]["resourceType"]
        for entry in convert(first).bundle["entry"]
        if entry["fullUrl"] in {e["fullUrl"] for e in convert(other).bundle["entry"]}
    ]
    assert set(shared) <= {"Device", "Location", "Organization"}  # of the hospital that sends
