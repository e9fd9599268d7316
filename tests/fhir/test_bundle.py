"""Request verbs by what a site says of its server and of its sender (R-VERB-5, R-VERB-7, R-RID-6)."""

from __future__ import annotations

from typing import Any

import pytest

from segue.fhir.bundle import Envelope, Writing, build
from segue.mapping.records import Record

UUID = "1b5a7c1e-0a34-5d0a-9a53-f4c21b0c9f11"
KEY = ("urn:oid:2.999.1", "7")


def request(kind: str, identifier: tuple[str, str] | None, code: str, **writing: Any) -> tuple[str, str, str]:
    entry = Record(0, {"resourceType": kind}, (), identifier, "", uuid=UUID)
    built = build([entry], "transaction", Envelope(code, "1", None, writing=Writing(**writing)))
    found = built["entry"][0]["request"]
    return found["method"], found["url"], found.get("ifNoneExist", "")


FOUND = "identifier=urn%3Aoid%3A2.999.1|7"
TECHNICAL = f"identifier=urn%3Aietf%3Arfc%3A3986|urn%3Auuid%3A{UUID}"


def test_R_VERB_1_an_admission_writes_the_patient() -> None:
    assert request("Patient", KEY, "ADT") == ("PUT", f"Patient?{FOUND}", "")


def test_R_VERB_7_a_sender_that_does_not_own_its_patients_only_makes_them() -> None:
    assert request("Patient", KEY, "ADT", authoritative=False) == ("POST", "Patient", FOUND)
    assert request("Condition", KEY, "ADT", authoritative=False)[0] == "PUT"


@pytest.mark.parametrize("kind", ["Patient", "Observation", "Condition"])
def test_R_VERB_5_create_writes_over_nothing(kind: str) -> None:
    assert request(kind, KEY, "ADT", update="create") == ("POST", kind, FOUND)


def test_R_RID_6_a_key_without_system_is_written_by_its_uuid() -> None:
    assert request("Patient", None, "ORU") == ("PUT", f"Patient/{UUID}", "")


@pytest.mark.parametrize(
    ("code", "expected"),
    [("ADT", ("PUT", f"Patient?{TECHNICAL}", "")), ("ORU", ("POST", "Patient", TECHNICAL))],
)
def test_R_RID_6_a_server_that_refuses_our_ids_finds_it_by_a_technical_identifier(
    code: str, expected: tuple[str, str, str]
) -> None:
    assert request("Patient", None, code, client_ids=False) == expected


def test_R_RID_6_the_technical_identifier_comes_after_those_that_were_sent() -> None:
    sent: dict[str, Any] = {"resourceType": "Patient", "identifier": [{"value": "7"}]}
    built = build(
        [Record(0, sent, (), None, "", uuid=UUID)],
        "transaction",
        Envelope("ADT", "1", None, writing=Writing(client_ids=False)),
    )
    assert built["entry"][0]["resource"] == {
        "resourceType": "Patient",
        "identifier": [{"value": "7"}, {"system": "urn:ietf:rfc:3986", "value": f"urn:uuid:{UUID}"}],
    }


@pytest.mark.parametrize("kind", ["MessageHeader", "Provenance", "Binary"])
def test_R_VERB_6_what_has_no_identifier_is_made_anew(kind: str) -> None:
    assert request(kind, None, "ADT") == ("PUT", f"{kind}/{UUID}", "")
    assert request(kind, None, "ADT", client_ids=False) == ("POST", kind, "")
