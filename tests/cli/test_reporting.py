"""The report that people read."""

from __future__ import annotations

import io

from rich.console import Console

from segue.cli.outcomes import Outcome
from segue.cli.reporting import progress, show
from segue.issues import Location, issue
from segue.mapping.ledger import LedgerEntry

AT = Location("PID", 1, 7, 1)


def test_issues_and_fields_without_values() -> None:
    out = io.StringIO()
    ledger = (LedgerEntry(AT, "mapped", ("Patient.birthDate",), "segments/PID.Patient.yaml:12"),)
    found = issue("field.date-unreadable", AT, value="Marlow")
    show("a.hl7", Outcome(1, "M1", "ADT^A01", b"{}", (found,), ledger), Console(file=out, width=200))
    text = out.getvalue()
    assert "a.hl7[1] M1 ADT^A01" in text
    assert "field.date-unreadable" in text
    assert "Patient.birthDate" in text
    assert "Marlow" not in text


def test_square_brackets_are_text() -> None:
    out = io.StringIO()
    show("[bold].hl7", Outcome(1, "[/]", "", None, (), ()), Console(file=out, width=200))
    assert "[bold].hl7[1] [/]" in out.getvalue()


def test_progress_advances() -> None:
    with progress(2) as advance:
        advance()
