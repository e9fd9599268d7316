"""How the end of a request is written (A-30 to A-34)."""

from __future__ import annotations

import json

import pytest

from segue.catalogue import CATALOGUE
from segue.fhir.outcome import operation_outcome
from segue.http.refusal import STATUS, RequestError, problem, rendered, tally, written
from segue.issues import Location, issue
from segue.mllp.ack import Header, acknowledge

CORRELATION = "0af76519-16cd-43dd-8448-eb211c80319c"
AT = Location("PID", 1, 7, 1, 1)


@pytest.mark.parametrize("code", sorted(CATALOGUE))
def test_A31_every_code_is_rendered_three_ways(code: str) -> None:
    found = issue(code, AT, rule="R-X-1", value="Marlow")
    body = problem(422, (found,), CORRELATION)
    outcome = json.dumps(operation_outcome((found,)))
    err = acknowledge(Header.of(b"MSH|^~\\&|A|B|C|D|2026||ADT^A01|1|P|2.5"), "AE", (found,)).decode()
    first = json.loads(body)["issues"][0]
    assert (first["code"], first["severity"], first["type"], first["v2"]) == (
        code,
        found.severity,
        found.fhir,
        "PID[1]-7[1].1",
    )
    assert first.get("hl7", "") == found.hl7
    assert code in outcome
    assert f"|{code}^" in err
    assert "Marlow" not in body.decode() + outcome + err


def test_A30_problem_members() -> None:
    body = json.loads(problem(400, (issue("request.empty"), issue("field.required")), CORRELATION))
    assert body["type"] == "urn:segue:issue:request.empty"
    assert body["title"] == CATALOGUE["request.empty"].text
    assert body["detail"] == CATALOGUE["request.empty"].hint
    assert body["status"] == 400
    assert body["instance"] == f"urn:uuid:{CORRELATION}"
    assert len(body["issues"]) == 2


def test_A33_over_200_issues_are_counted_by_code() -> None:
    many = [issue("field.required", AT)] * 150 + [issue("field.syntax", AT)] * 51
    assert [(row["code"], row["count"]) for row in rendered(many)] == [("field.required", 150), ("field.syntax", 51)]
    assert len(rendered(many[:200])) == 200


def test_A01_family_by_path() -> None:
    assert written("/fhir/$convert-data", 422, (issue("internal"),), "x")[1] == "application/fhir+json"
    assert written("/v1/convert", 422, (issue("internal"),), "x")[1] == "application/problem+json"
    assert written("/fhirx", 404, (issue("request.path"),), "x")[1] == "application/problem+json"


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("message.unreadable", 400),
        ("message.too-large", 413),
        ("message.event-unsupported", 422),
        ("bundle.invalid", 500),
        ("service.busy", 503),
        ("request.pack", 412),
    ],
)
def test_status_by_code(code: str, status: int) -> None:
    assert RequestError(issue(code)).status == status


def test_503_says_when_to_come_back() -> None:
    assert RequestError(issue("service.busy")).headers["Retry-After"] == "1"


def test_statuses_are_of_codes_that_exist() -> None:
    assert set(STATUS) <= set(CATALOGUE)


def test_A72_fatal_counts_as_error() -> None:
    found = (issue("internal"), issue("field.syntax"), issue("field.required"))
    assert tally(found) == "error=2, warning=1, information=0"
    assert tally(()) == "error=0, warning=0, information=0"
