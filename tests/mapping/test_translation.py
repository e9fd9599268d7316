"""Look-ups beyond the tables, and the record of what nobody knew (T-23, T-31, T-40, T-60)."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from segue.convert import Converter
from segue.issues import Refusal
from segue.mapping.source import MappingError
from segue.terminology import Found, Target, TerminologyError, Unmapped
from segue.terminology.maprows import COLUMNS

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

    @property
    def generation(self) -> int:
        return len(self.targets)

    def translate(self, system: str, code: str, *, target: str | None = None, sender: str = "") -> Found | None:
        found = self.targets.get((system, code))
        return Found((found,), origin="remote") if found is not None else None

    def display(self, system: str, code: str) -> str | None:
        return f"words of {code}"


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


SENDER = ",".join(COLUMNS) + "\n"


def site(home: Path, rows: str = "", about: str = "match: {MSH-4: NORTH}\n") -> Converter:
    """A converter with one site that has these rows."""
    folder = home / "sites" / "north"
    (folder / "terminology" / "maps").mkdir(parents=True)
    (folder / "site.yaml").write_text(about)
    if rows:
        (folder / "terminology" / "maps" / "lab.csv").write_text(SENDER + rows)
    return Converter(sites=home / "sites")


def code(converter: Converter, obx3: str, unit: str = "mmol/L") -> dict[str, object]:
    made = converter.convert(oru(f"OBX|1|NM|{obx3}||5.5|{unit}|||||F"))
    return next(e["resource"]["code"] for e in made.bundle["entry"] if e["resource"]["resourceType"] == "Observation")


def test_R_CODE_4_the_same_message_before_and_after_differs_only_in_what_the_map_says(
    converter: Converter, tmp_path: Path
) -> None:
    mapped = site(tmp_path, ",OBX-3,L,GLU,,,LN,14749-6,Glucose [Moles/volume],,,,\n")
    for obx3 in ("GLU^Glucose^L", "GLU^^L", "GLU^^L^G1^Glucose^99LAB"):
        before, after = (code(c, obx3) for c in (converter, mapped))
        sent = [dict(c) for c in before["coding"]]
        sent[0]["userSelected"] = True
        first = {"system": LOINC, "code": "14749-6", "display": "Glucose [Moles/volume]"}
        assert after == {**before, "coding": [first, *sent]}
    raw = oru("OBX|1|NM|GLU^Glucose^L||5.5|mmol/L|||||F")
    one, two = (c.convert(raw) for c in (converter, mapped))
    assert [u.code for u in one.unmapped] == ["GLU"]
    assert two.unmapped == ()
    assert [(e.v2, e.state) for e in one.ledger] == [(e.v2, e.state) for e in two.ledger]
    changed = [(a, b) for a, b in zip(one.bundle["entry"], two.bundle["entry"], strict=True) if a != b]
    assert [a["resource"]["resourceType"] for a, _ in changed] == ["Observation"]


def test_R_CODE_4_a_target_that_was_sent_too_stands_first_and_once(tmp_path: Path) -> None:
    converter = site(tmp_path, ",,L,GLU,,,LN,2345-7,,,,,\n")
    assert code(converter, "GLU^Glu^L^2345-7^Glucose sent^LN")["coding"] == [
        {"system": LOINC, "code": "2345-7", "display": "Glucose sent"},
        {"code": "GLU", "display": "Glu", "userSelected": True},
    ]


def test_T24_unit_field_and_day_are_remembered_apart(tmp_path: Path) -> None:
    converter = site(
        tmp_path,
        ",OBX-3,L,GLU,,mmol/L,LN,14749-6,,,,,\n,OBX-3,L,GLU,,mg/dL,LN,2345-7,,,,,\n"
        ",OBX-5,L,GLU,,,SCT,1,,,,,\n,OBX-3,L,OLD,,,LN,1-8,,,,2024-03-10,\n",
    )
    for _ in range(2):
        assert code(converter, "GLU^^L", "mmol/L")["coding"][0]["code"] == "14749-6"
        assert code(converter, "GLU^^L", "mg/dl")["coding"][0]["code"] == "2345-7"
    raw = oru("OBX|1|NM|OLD^^L||5|%|||||F")
    later = raw.replace(b"20240310101500", b"20240311101500")
    for message, codings in ((raw, 2), (later, 1), (raw, 2)):
        made = converter.convert(message)
        found = next(e["resource"] for e in made.bundle["entry"] if e["resource"]["resourceType"] == "Observation")
        assert len(found["code"]["coding"]) == codings


def test_T25_an_inexact_translation_is_marked(tmp_path: Path) -> None:
    rows = ",OBX-3,L,GLU,,,LN,2345-7,,wider,,,\n"
    converter = site(tmp_path / "a", rows, "match: {MSH-4: NORTH}\nequivalences: [wider]\n")
    made = converter.convert(oru("OBX|1|NM|GLU^^L||5.5|mg/dL|||||F"))
    assert [(i.code, i.rule, str(i.v2)) for i in made.issues if i.code.startswith("code.inexact")] == [
        ("code.inexact", "T-25", "OBX[1]-3[1].1")
    ]
    strict = site(tmp_path / "b", rows)
    assert len(code(strict, "GLU^^L")["coding"]) == 1
    kept = strict.convert(oru("OBX|1|NM|GLU^^L||5.5|mg/dL|||||F"))
    assert "code.inexact-kept" in {i.code for i in kept.issues}
    assert kept.unmapped == ()


def test_T68_a_local_value_of_a_required_code_is_mapped(tmp_path: Path) -> None:
    converter = site(tmp_path, ",PID-8,,W,,,http://hl7.org/fhir/administrative-gender,female,,,,,\n")
    made = converter.convert(oru("OBX|1|NM|1-8^^LN||5.5|mg/dL|||||F").replace(b"|1980|F\r", b"|1980|W\r"))
    patient = next(e["resource"] for e in made.bundle["entry"] if e["resource"]["resourceType"] == "Patient")
    assert patient["gender"] == "female"
    assert made.unmapped == ()


def test_T50_a_unit_of_the_sender_is_mapped_and_stays_as_sent(tmp_path: Path) -> None:
    converter = site(tmp_path, "LAB|NORTH,OBX-6,,G/L,,,UCUM,10*9/L,,,,,\n")
    made = converter.convert(oru("OBX|1|NM|1-8^^LN||5.5|G/L|||||F"))
    value = next(e["resource"]["valueQuantity"] for e in made.bundle["entry"] if "valueQuantity" in e["resource"])
    assert {k: str(v) for k, v in value.items()} == {
        "value": "5.5", "unit": "G/L", "system": "http://unitsofmeasure.org", "code": "10*9/L"
    }  # fmt: skip
    assert made.unmapped == ()


def test_T24_a_text_without_a_code_is_mapped_where_a_row_says_so(tmp_path: Path) -> None:
    converter = site(tmp_path, ",OBX-3,,,Glucose,,LN,2345-7,,,,,\n")
    assert code(converter, "^Glucose") == {"coding": [{"system": LOINC, "code": "2345-7"}], "text": "Glucose"}


@pytest.mark.parametrize("about", ["unmapped: text", "unmapped: {OBX-3: text}", "unmapped: {else: text, OBR-4: keep}"])
def test_R_UNM_2_text_only(tmp_path: Path, about: str) -> None:
    converter = site(tmp_path, about=f"match: {{MSH-4: NORTH}}\n{about}\n")
    for _ in range(2):
        assert code(converter, "GLU^Glucose^L") == {"text": "Glucose"}
    made = converter.convert(oru("OBX|1|NM|GLU^Glucose^L||5.5|mg/dL|||||F", obr="PAN^Panel^L"))
    assert [u.policy for u in made.unmapped if u.field == "OBX-3"] == ["text"]
    assert "OBX[1]-3[1].1" in [str(e.v2) for e in made.ledger if e.state == "unmapped"]
    report = next(e["resource"] for e in made.bundle["entry"] if e["resource"]["resourceType"] == "DiagnosticReport")
    assert ("coding" in report["code"]) == (about != "unmapped: text")


def test_R_UNM_3_queue_keeps_and_says_so(tmp_path: Path) -> None:
    converter = site(tmp_path, about="match: {MSH-4: NORTH}\nunmapped: {OBX-3: queue, AdministrativeSex: queue}\n")
    raw = oru("OBX|1|NM|GLU^Glucose^L||5.5|mg/dL|||||F").replace(b"|1980|F\r", b"|1980|X9\r")
    made = converter.convert(raw)
    assert [(u.field, u.policy) for u in made.unmapped] == [("PID-8", "queue"), ("OBX-3", "queue")]
    assert code(converter, "GLU^Glucose^L")["coding"] == [{"code": "GLU", "display": "Glucose"}]


def test_R_UNM_4_reject_refuses_the_message_and_names_every_field(tmp_path: Path) -> None:
    converter = site(
        tmp_path, about="match: {MSH-4: NORTH}\nunmapped: {else: keep, OBX-3: reject, AdministrativeSex: reject}\n"
    )
    raw = oru("OBX|1|NM|GLU^Glucose^L||5.5|mg/dL|||||F", "OBX|2|NM|1-8^^LN||5.5|mg/dL|||||F")
    for _ in range(2):
        with pytest.raises(Refusal) as caught:
            converter.convert(raw.replace(b"|1980|F\r", b"|1980|X9\r"))
        assert [(i.code, i.hl7, i.severity, str(i.v2)) for i in caught.value.issues] == [
            ("code.refused", "103", "error", "PID[1]-8[1]"),
            ("code.refused", "103", "error", "OBX[1]-3[1]"),
        ]


@pytest.mark.parametrize(
    ("about", "what"),
    [
        ("unmapped: drop", "'drop' is no policy for unmapped codes"),
        ("unmapped: {OBX-3: que}", "did you mean queue?"),
        ("unmapped: {AdministrativSex: keep}", "did you mean AdministrativeSex?"),
        ("equivalences: [equivalant]", "'equivalant' is no equivalence that may be allowed"),
    ],
)
def test_T40_policies_are_checked_when_loaded(tmp_path: Path, about: str, what: str) -> None:
    with pytest.raises(MappingError, match=re.escape(what)) as caught:
        site(tmp_path, about=f"match: {{MSH-4: NORTH}}\n{about}\n").check()
    assert "site.yaml:2" in str(caught.value)


def test_T27_a_site_file_that_cannot_be_used_is_named_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(TerminologyError) as caught:
        site(tmp_path, ",OBX-3,L,GLU,,,LN,1-8,,,,,\n,OBX-3,L,GLU,,,LOIN,1-8,,,,,\n").check()
    assert caught.value.file.endswith("north/terminology/maps/lab.csv")
    assert caught.value.line == 3
