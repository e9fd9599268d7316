"""OperationOutcome as section 6 of the interface lays it down (A-30 to A-33)."""

from __future__ import annotations

from typing import Any

import pytest
from fhir.resources.R4B.operationoutcome import OperationOutcome
from hypothesis import given
from hypothesis import strategies as st

from segue.catalogue import CATALOGUE
from segue.fhir.outcome import operation_outcome, ordered
from segue.fhir.validation import validate
from segue.issues import Issue, Location, issue

SECRET = "Quillfeather"


def only(*issues: Issue, values: bool = False) -> dict[str, Any]:
    [row] = operation_outcome(issues, values=values)["issue"]
    return row


@pytest.mark.parametrize("code", CATALOGUE)
def test_A_31_every_code_is_rendered_and_read_back(code: str):
    found = issue(code, Location("PID", 1, 7, 1), rule="PID.yaml:3", fhirpath="Patient.birthDate", value=SECRET)
    outcome = operation_outcome([found])
    assert validate(outcome) == []
    [row] = OperationOutcome.model_validate(outcome).issue
    codes = {coding.system: coding.code for coding in row.details.coding}
    assert codes.pop("urn:segue:issue") == code
    assert codes == ({"http://terminology.hl7.org/CodeSystem/v2-0357": found.hl7} if found.hl7 else {})
    assert (row.severity, row.code, row.details.text) == (found.severity, found.fhir, found.text)
    assert row.location == ["PID[1]-7[1]"]
    assert row.expression == ["Patient.birthDate"]


def test_diagnostics_begin_with_the_sentence_and_say_what_to_do():
    found = issue("unit.unknown", rule="units.csv:2")
    assert only(found)["diagnostics"].splitlines() == [found.text, found.hint, "Rule: units.csv:2"]


def test_an_issue_without_place_has_neither_location_nor_expression():
    assert {"location", "expression"} & set(only(issue("internal"))) == set()


def test_A_32_the_value_stays_out():
    assert SECRET not in str(operation_outcome([issue("field.date-unreadable", value=SECRET)]))


def test_A_32_the_value_is_told_when_asked_for():
    assert only(issue("field.date-unreadable", value=SECRET), values=True)["diagnostics"].endswith(f"Value: {SECRET}")


@given(st.text())
def test_A_32_no_value_makes_the_outcome_invalid(value: str):
    assert validate(operation_outcome([issue("field.date-unreadable", value=value)], values=True)) == []


def test_no_issue_is_ok():
    outcome = operation_outcome([])
    assert outcome["issue"] == [{"severity": "information", "code": "informational", "details": {"text": "ok"}}]
    assert validate(outcome) == []


def test_A_33_gravest_first_then_by_position():
    late = issue("field.date-unreadable", Location("OBX", 2, 3))
    found = [
        issue("code.unmapped", Location("PID", 1, 8)),
        late,
        issue("field.date-unreadable", Location("PID", 1, 7, 2)),
        issue("field.date-unreadable", Location("PID", 1, 7, 1)),
        issue("internal"),
        issue("report.status-missing"),
    ]
    codes = [(i.code, str(i.v2)) for i in ordered(found)]
    assert codes == [
        ("internal", "None"),
        ("field.date-unreadable", "PID[1]-7[1]"),
        ("field.date-unreadable", "PID[1]-7[2]"),
        ("field.date-unreadable", "OBX[2]-3"),
        ("report.status-missing", "None"),
        ("code.unmapped", "PID[1]-8"),
    ]


def test_A_33_two_hundred_issues_are_all_told():
    assert len(operation_outcome([issue("code.unmapped")] * 200)["issue"]) == 200


def test_A_33_more_are_counted_by_code_gravest_first():
    found = [issue("code.unmapped")] * 150 + [issue("unit.unknown")] * 51
    outcome = operation_outcome(found)
    assert validate(outcome) == []
    first, second = outcome["issue"]
    assert (first["severity"], second["severity"]) == ("warning", "information")
    assert "(51 times)" in first["diagnostics"]
    assert "(150 times)" in second["diagnostics"]


def test_A_33_one_code_of_two_severities_is_counted_apart():
    found = [issue("code.unmapped")] * 200 + [issue("code.unmapped", severity="error")]
    assert [row["severity"] for row in operation_outcome(found)["issue"]] == ["error", "information"]
