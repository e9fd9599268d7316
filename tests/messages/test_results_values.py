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


@pytest.mark.parametrize(
    ("kind", "sent", "unit", "expected"),
    [
        ("DT", "20260101~20260102", "", ["2026-01-01", "2026-01-02"]),
        ("TM", "0730~1930", "", ["07:30:00", "19:30:00"]),
        ("ID", "Y~N", "", [{"coding": [{"code": "Y"}], "text": "Y"}, {"coding": [{"code": "N"}], "text": "N"}]),
        ("SN", "^1^:^2~^2^+", "", [{"numerator": {"value": 1}, "denominator": {"value": 2}}, "2 +"]),
        ("SN", "^1^-^2~<^5", "", [{"low": {"value": 1}, "high": {"value": 2}}, {"value": 5, "comparator": "<"}]),
        ("NR", "1^2~9^3", "", [{"low": {"value": 1}, "high": {"value": 2}}, "9^3"]),
        ("DR", "2025^2026~soon", "", [{"start": "2025", "end": "2026"}, "soon"]),
        ("CQ", "3~x", "", [{"value": 3}, "x"]),
        ("XPN", "Doe^Jo~Roe^Al", "", ["Jo Doe", "Al Roe"]),
        ("NM", "1~TNP", "", [{"value": 1}, "TNP"]),
        ("VR", "a^b~c^d", "", ["a-b", "c-d"]),
        ("MO", "3^USD~4^USD", "", None),
    ],
)
def test_R_OBX_9_each_component_has_the_value_of_its_type(kind: str, sent: str, unit: str, expected: Any) -> None:
    found = observed(f"OBX|1|{kind}|A^Test^L||{sent}|{unit}|||||F").one("Observation")
    made = [next(v for k, v in c.items() if k.startswith("value")) for c in found["component"]]
    assert made == expected if expected else [m["code"] for m in made] == ["USD", "USD"]
    assert "dataAbsentReason" not in found


@pytest.mark.parametrize("kind", ["NM", "DR", "SN"])
def test_R_VAL_19_a_component_that_does_not_fit_is_said(kind: str) -> None:
    bundle = observed(f"OBX|1|{kind}|A^Test^L||soon^later~soon||||||F")
    assert {"field.number-as-text", "value.type-mismatch"} & set(bundle.codes) or kind == "SN"
    assert len(bundle.one("Observation")["component"]) == 2


@pytest.mark.parametrize(
    ("kind", "sent"), [("DR", "soon^later"), ("EI", "^NS"), ("XPN", "^^^^^^L"), ("HD", "^1.2.3^ISO")]
)
def test_R_VAL_19_what_its_type_cannot_say_stays_as_text(kind: str, sent: str) -> None:
    bundle = observed(f"OBX|1|{kind}|A^Test^L||{sent}||||||F")
    assert bundle.one("Observation")["valueString"] == sent
    assert "value.type-mismatch" in bundle.codes


@pytest.mark.parametrize(
    ("kind", "sent"), [("CE", "^^L"), ("ED", "LAB^application^pdf^Base64^"), ("RP", "^LAB"), ("SN", "^^")]
)
def test_R_OBX_13_a_shell_is_no_value(kind: str, sent: str) -> None:
    found = observed(f"OBX|1|{kind}|A^Test^L||{sent}||||||F").one("Observation")
    assert found["dataAbsentReason"]["coding"][0]["code"] == "unknown"
    assert not [k for k in found if k.startswith("value")]


@pytest.mark.parametrize("code", ["", "^^L"])
def test_R_OBX_2_a_result_without_a_code_is_an_error_and_keeps_its_value(code: str) -> None:
    bundle = observed(f"OBX|1|NM|{code}||5||||||F")
    assert ("result.code-missing", "OBX[1]-3") in bundle.issues
    assert bundle.one("Observation")["valueQuantity"]["value"] == 5


def test_R_DATE_8_the_precision_beside_a_value_cuts_it() -> None:
    assert value("TS", "20260310120130-0500^D") == "2026-03-10"


def test_R_NF_10_an_offset_that_no_place_has_costs_its_value_alone() -> None:
    bundle = observed("OBX|1|DTM|A^Test^L||20260310120130+1500||||||F|||20260310080000+2360")
    assert bundle.one("Observation")["valueString"] == "20260310120130+1500"
    assert ("field.date-unreadable", "OBX[1]-14") in bundle.issues


def test_R_DATE_3_seconds_that_were_not_sent_are_told_where_an_instant_needs_them() -> None:
    sent = OBR.split("|")
    sent[22] = "202603101000-0500"
    bundle = convert(PID, "|".join(sent), event="ORU^R01^ORU_R01")
    assert bundle.one("DiagnosticReport")["issued"] == "2026-03-10T10:00:00-05:00"
    assert ("field.time-of-day", "OBR[1]-22") in bundle.issues


def test_D_PRT_4_the_device_of_a_result() -> None:
    udi = "00844588003288^FDA^2.16.840.1.113883.3.3719^ISO"
    prt = f"PRT|1|UC||EQUIP||||||PUMP7^BIO^1.2.3.9^ISO||||||{udi}|20230101|20280101|LOT9|SN77|DI-1|INF^Infusion pump^L"
    obx = "OBX|1|NM|2345-7^Glucose^LN||5.1|mmol/L|||||F"
    bundle = convert("PID|1||7", "OBR|1|||X^Y^L", obx, prt, event="ORU^R01^ORU_R01", version="2.8")
    device = bundle.at(bundle.one("Observation")["device"])
    assert device["identifier"][0]["value"] == "PUMP7"
    carrier = {"deviceIdentifier": "00844588003288", "issuer": "urn:oid:2.16.840.1.113883.3.3719"}
    assert device["udiCarrier"] == [carrier]
    found = [
        device[name]
        for name in ("manufactureDate", "expirationDate", "lotNumber", "serialNumber", "distinctIdentifier")
    ]
    assert found == ["2023-01-01", "2028-01-01", "LOT9", "SN77", "DI-1"]
    assert device["type"]["text"] == "Infusion pump"


def test_R_TXT_1_a_note_on_the_last_line_of_a_text_is_on_its_result() -> None:
    lines = [f"OBX|{n}|TX|GROSS^Gross^L|1|line {n}||||||F" for n in (1, 2)]
    bundle = convert("PID|1||7", "OBR|1|||X^Y^L", *lines, "NTE|1||seen twice", event="ORU^R01^ORU_R01")
    result = bundle.one("Observation")
    assert (result["valueString"], result["note"]) == ("line 1\nline 2", [{"text": "seen twice"}])
    assert not any(place.startswith("NTE") for _, place in bundle.issues)
