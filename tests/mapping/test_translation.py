"""Look-ups beyond the tables, and the record of what nobody knew (T-23, T-31, T-40, T-60)."""

from __future__ import annotations

import pytest

from segue.convert import Converter
from segue.terminology import Found, Target, Unmapped

HEAD = b"MSH|^~\\&|LAB|NORTH|||20240310101500-0500||ORU^R01^ORU_R01|M1|P|2.5.1\rPID|1||7^^^&2.999.1&ISO^MR||Novak^Ada||1980|F\r"
LOINC = "http://loinc.org"


def oru(*obx: str, obr: str = "24331-1^Lipids^LN") -> bytes:
    return HEAD + f"OBR|1|P1|F1|{obr}|||20240310\r".encode() + "\r".join(obx).encode()


@pytest.fixture(scope="module")
def converter() -> Converter:
    return Converter()


def test_T60_a_local_code_is_recorded_once_with_its_unit(converter: Converter) -> None:
    raw = oru(
        "OBX|1|NM|GLU^Glucose^L||5.5|mmol/L", "OBX|2|NM|GLU^Glucose^L|2|5.6|mmol/L", "OBX|3|NM|GLU^Glucose^L||99|mg/dL"
    )
    made = [converter.convert(raw).unmapped for _ in range(3)]
    assert made[0] == (
        Unmapped("LAB|NORTH", "OBX-3", "L", "GLU", "mmol/L", "Glucose"),
        Unmapped("LAB|NORTH", "OBX-3", "L", "GLU", "mg/dL", "Glucose"),
    )
    assert made[1] == made[2] == made[0]


def test_T60_what_is_remembered_is_recorded_for_the_field_at_hand(converter: Converter) -> None:
    raw = oru("OBX|1|CE|1234-5^Finding^LN||POS^positive^99LAB", obr="POS^positive^99LAB")
    assert [[u.field for u in converter.convert(raw).unmapped] for _ in range(2)] == [["OBR-4", "OBX-5"]] * 2


def test_T40_a_code_beside_one_of_a_known_system_is_not_unmapped(converter: Converter) -> None:
    assert converter.convert(oru("OBX|1|NM|GLU^Glucose^L^2345-7^Glucose^LN||5.5|mmol/L")).unmapped == ()


def test_T60_units_and_table_codes_are_recorded(converter: Converter) -> None:
    raw = oru("OBX|1|NM|2345-7^Glucose^LN||5.5|blorps|||||F").replace(b"|1980|F\r", b"|1980|X9\r")
    assert converter.convert(raw).unmapped == (
        Unmapped(
            "LAB|NORTH", "PID-8", "http://terminology.hl7.org/CodeSystem/v2-0001", "X9", table="AdministrativeSex"
        ),
        Unmapped("LAB|NORTH", "OBX-6", "", "blorps", table="UCUM"),
    )


class Known:
    """A Translator that learns."""

    def __init__(self) -> None:
        self.targets: dict[tuple[str, str], Target] = {}

    def translate(self, system: str, code: str, *, target: str | None = None) -> Found | None:
        found = self.targets.get((system, code))
        return Found((found,), origin="remote") if found is not None else None


def test_T31_a_translator_is_asked_after_the_maps_and_not_remembered() -> None:
    known = Known()
    converter = Converter(translator=known)
    raw = oru("OBX|1|NM|GLU^Glucose^L||5.5|mmol/L|||||F")
    before = converter.convert(raw)
    assert [u.code for u in before.unmapped] == ["GLU"]
    known.targets["L", "GLU"] = Target(LOINC, "14749-6", "Glucose [Moles/volume]", False)
    after = converter.convert(raw)
    assert after.unmapped == ()
    codes = [e["resource"]["code"] for e in after.bundle["entry"] if e["resource"]["resourceType"] == "Observation"]
    assert codes == [
        {
            "coding": [
                {"system": LOINC, "code": "14749-6", "display": "Glucose [Moles/volume]"},
                {"code": "GLU", "display": "Glucose", "userSelected": True},
            ],
            "text": "Glucose",
        }
    ]
    known.targets.clear()
    assert converter.convert(raw).bundle == before.bundle


def test_R_CODE_3_an_empty_display_of_a_mapped_coding_is_filled() -> None:
    class Words:
        def display(self, system: str, code: str) -> str | None:
            return "Glucose, moles" if (system, code) == (LOINC, "14749-6") else None

    known = Known()
    known.targets["L", "GLU"] = Target(LOINC, "14749-6", "", False)
    made = Converter(translator=known, displays=Words()).convert(oru("OBX|1|NM|GLU^Glucose^L||5.5|mmol/L|||||F"))
    assert b'"display":"Glucose, moles"' in made.json()
