"""Places: what an expression reads, and what of it is marked as used (mapping language §1)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from segue.conversion import Conversion
from segue.mapping.ledger import LedgerEntry

Patient = Callable[..., dict[str, Any] | None]


def states(made: Conversion, field: str) -> dict[str, str]:
    def inside(entry: LedgerEntry) -> bool:
        return f"{entry.v2.segment}-{entry.v2.field}" == field

    return {str(entry.v2): entry.state for entry in made.ledger if inside(entry)}


def test_only_the_option_that_was_used_is_marked(mapped: Callable[..., Conversion]) -> None:
    made = mapped('active: true\nbirthDate: "{{ PID.7 or PID.29 }}"', "PID|||||||1980" + "|" * 22 + "2001")
    assert states(made, "PID-7") == {"PID[1]-7[1]": "mapped"}
    assert states(made, "PID-29") == {"PID[1]-29[1].1": "unmapped"}


def test_a_condition_marks_nothing(mapped: Callable[..., Conversion]) -> None:
    made = mapped('active: true\nbirthDate: "{{ PID.7 if PID.8 }}"', "PID|||||||1980|F")
    assert states(made, "PID-8") == {"PID[1]-8[1].1": "unmapped"}


def test_near_reads_the_enclosing_group(patient: Patient) -> None:
    found = patient(
        'birthDate: "{{ PID.7 }}"\ncontact: [{name: {text: "{{ NK1.2.1.1 }}"}}]', "PID|||||||1980", "NK1|1|Novak^Eva"
    )
    assert found == {"birthDate": "1980", "contact": [{"name": {"text": "Novak"}}]}
