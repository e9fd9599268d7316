"""OBX-5 by its type, units and ranges (R-VAL, R-UNIT, R-REFR, R-OBX)."""

from __future__ import annotations

from typing import Any

import pytest

from .bundle import Bundle, convert, extensions

PID = "PID|1||R-100^^^NORTHGATE^MR||Sorensen^Liv||19811130|F"
OBR = "OBR|1|P-1^EHR|F-1^LIS|PANEL^Panel^L|||20260310080000-0500||||||||||||||||||F"


def observed(*obx: str, **options: Any) -> Bundle:
    return convert(PID, OBR, *obx, event="ORU^R01^ORU_R01", **options)


def value(kind: str, text: str, unit: str = "", name: str = "value") -> Any:
    found = observed(f"OBX|1|{kind}|A^Test^L||{text}|{unit}|||||F").one("Observation")
    return next((v for k, v in found.items() if k.startswith(name)), None)


@pytest.mark.parametrize(
    ("kind", "text", "unit", "expected"),
    [
        (
            "SN",
            ">=^32",
            "ug/mL",
            {"value": 32, "comparator": ">=", "unit": "ug/mL", "system": "http://unitsofmeasure.org", "code": "ug/mL"},
        ),
        ("SN", "^1^:^128", "", {"numerator": {"value": 1}, "denominator": {"value": 128}}),
        ("SN", "^2^+", "", "2 +"),
        ("SN", "<>^7", "mg/dL", "<> 7 mg/dL"),
        ("NM", "TNP", "mg/dL", "TNP"),
        ("TM", "0730", "", "07:30:00"),
        ("DT", "20260301", "", "2026-03-01"),
        ("MO", "12.5^USD", "", {"value": 12.5, "unit": "USD", "system": "urn:iso:std:iso:4217", "code": "USD"}),
        ("VR", "low^high", "", "low-high"),
    ],
)
def test_R_VAL_the_type_of_OBX_2_decides(kind: str, text: str, unit: str, expected: object) -> None:
    found = value(kind, text, unit)
    assert str(found) == str(expected) or found == expected


def test_R_VAL_3_a_range_carries_the_unit_on_both_sides() -> None:
    found = value("SN", "^3^-^5", "mg/dL")
    assert [(found[k]["value"], found[k]["code"]) for k in ("low", "high")] == [(3, "mg/dL"), (5, "mg/dL")]


def test_R_VAL_17_a_telephone_number_reads_as_one() -> None:
    assert value("XTN", "^PRN^PH^^33^4^7255501") == "+33 4 7255501"


@pytest.mark.parametrize(
    ("sent", "unit", "code"),
    [("x10^6/", "x10^6/", None), ("10^3/uL", "10^3/uL", "10*3/uL"), ("10^9/L^UCUM", "10^9/L", "10*9/L")],
)
def test_R_UNIT_5_a_unit_cut_at_its_caret_is_rejoined(sent: str, unit: str, code: str | None) -> None:
    found = value("NM", "4.5", sent)
    assert (found["unit"], found.get("code")) == (unit, code)


def test_R_UNIT_1_the_range_carries_the_same_unit_as_the_value() -> None:
    found = observed("OBX|1|NM|A^Test^L||4.5|x10^6/|4.0-5.5|||F").one("Observation")
    assert found["referenceRange"][0]["low"]["unit"] == "x10^6/"


def test_R_OBX_9_repeated_answers_are_components() -> None:
    found = observed("OBX|1|CE|A^Symptoms^L||R05^Cough^I10~R50.9^Fever^I10||||||F").one("Observation")
    assert [c["valueCodeableConcept"]["coding"][0]["code"] for c in found["component"]] == ["R05", "R50.9"]
    assert "valueCodeableConcept" not in found


@pytest.mark.parametrize(("status", "reason"), [("N", "not-asked"), ("X", "not-performed"), ("F", "unknown")])
def test_R_OBX_13_no_value_says_why(status: str, reason: str) -> None:
    found = observed(f"OBX|1|NM|A^Test^L||||||||{status}").one("Observation")
    assert found["dataAbsentReason"]["coding"][0]["code"] == reason


def test_R_NULL_4_a_deleted_value_is_no_text() -> None:
    found = observed('OBX|1|ST|A^Test^L||""||||||F').one("Observation")
    assert "valueString" not in found


def test_R_OBX_14_a_status_without_value_writes_nothing() -> None:
    bundle = observed("OBX|1|NM|A^Test^L||||||||U")
    assert bundle.all("Observation") == []
    assert "result.status-only" in bundle.codes


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ("D", "entered-in-error"),
        ("W", "entered-in-error"),
        ("C", "corrected"),
        ("B", "amended"),
        ("I", "registered"),
        ("", "final"),
    ],
)
def test_R_STAT_11_each_observation_has_its_own_status(sent: str, status: str) -> None:
    assert observed(f"OBX|1|ST|A^Test^L||text||||||{sent}").one("Observation")["status"] == status


def test_R_OBX_8_the_laboratory_of_one_result_is_not_that_of_the_next() -> None:
    lab = "Northgate Lab^L^^^^NORTHGATE^XX^^^LAB7"
    bundle = observed(f"OBX|1|ST|A^A^L||x||||||F||||||||||||{lab}", "OBX|2|ST|B^B^L||y||||||F")
    first, second = bundle.all("Observation")
    assert bundle.at(first["performer"][0])["name"] == "Northgate Lab"
    assert "performer" not in second


def test_R_OBX_4_the_sub_id_stands_on_every_observation() -> None:
    found = observed("OBX|1|ST|A^A^L|2|x||||||F").one("Observation")
    assert extensions(found, "observation-v2-subid") == [[{"url": "original-sub-identifier", "valueString": "2"}]]


def test_R_DR_9_a_correction_has_the_identity_of_what_it_corrects() -> None:
    header = "MSH|^~\\&|LIS|NORTHGATE|HUB|REGION|{}-0500||ORU^R01^ORU_R01|{}|P|2.3"
    obr = "OBR|1||F-77|GLU^Glucose|||20260310080000||||||||||||||||||{}"
    first = convert(
        PID, obr.format("F"), "OBX|1|NM|GLU^Glucose||90||||||F", header=header.format("20260310090000", "A1")
    )
    later = convert(
        PID, obr.format("C"), "OBX|1|NM|GLU^Glucose||95||||||C", header=header.format("20260310100000", "A2")
    )
    for kind in ("DiagnosticReport", "Observation"):
        assert first.url(first.one(kind)) == later.url(later.one(kind))
