"""Ten hard cases on which the mapping language was settled, each with its own message, by the pack that ships."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from segue.conversion import Conversion
from segue.convert import Converter

Json = dict[str, Any]
PID = "PID|1||7^^^&2.999.1&ISO^MR||Novak^Ada||1980|F"


@pytest.fixture
def convert(base: Converter, er7: Callable[..., bytes]) -> Callable[..., Conversion]:
    def run(*segments: str, kind: str = "ADT^A01^ADT_A01", **options: Any) -> Conversion:
        return base.convert(er7(*segments, kind=kind), **options)

    return run


def of(made: Conversion, kind: str) -> list[Json]:
    return [e["resource"] for e in made.bundle["entry"] if e["resource"]["resourceType"] == kind]


def one(made: Conversion, kind: str) -> Json:
    (found,) = of(made, kind)
    return found


def at(made: Conversion, reference: Json) -> Json:
    return next(e["resource"] for e in made.bundle["entry"] if e["fullUrl"] == reference["reference"])


def url(made: Conversion, resource: Json) -> str:
    return next(e["fullUrl"] for e in made.bundle["entry"] if e["resource"] is resource)


# 1 choice elements with precedence and contradiction


def test_1_a_date_of_death_beats_the_indicator(convert: Callable[..., Conversion]) -> None:
    made = convert(PID + "|" * 21 + "20240102|N")
    assert one(made, "Patient")["deceasedDateTime"] == "2024-01-02"
    assert "deceasedBoolean" not in one(made, "Patient")
    assert "PID[1]-30[1].1" in [str(i.v2) for i in made.issues]


def test_1_no_multiple_birth_beats_its_order(convert: Callable[..., Conversion]) -> None:
    made = convert(PID + "|" * 16 + "N|1")
    assert one(made, "Patient")["multipleBirthBoolean"] is False
    assert "multipleBirthInteger" not in one(made, "Patient")
    assert "PID[1]-25[1].1" in [str(i.v2) for i in made.issues]


# 2 two segments, one resource, one fallback


def test_2_ORC_and_OBR_are_one_order(convert: Callable[..., Conversion]) -> None:
    made = convert(
        PID,
        "ORC|NW|P1^&2.999.5&ISO|F1^&2.999.6&ISO",
        "OBR|1|P1^&2.999.5&ISO|F2^&2.999.6&ISO|24321-2^Panel^LN||||||||||||9^Marek^Ola^^^^^^&2.999.2&ISO",
        kind="ORM^O01^ORM_O01",
    )
    order = one(made, "ServiceRequest")
    assert [i["value"] for i in order["identifier"]] == ["P1", "F1", "F2"]
    assert order["code"]["coding"][0]["code"] == "24321-2"
    assert at(made, order["requester"])["name"][0]["family"] == "Marek"


def test_2_ORC_12_beats_OBR_16(convert: Callable[..., Conversion]) -> None:
    made = convert(
        PID,
        "ORC|NW|P1^&2.999.5&ISO||||||||||8^Dolan^Iva^^^^^^&2.999.2&ISO",
        "OBR|1|P1^&2.999.5&ISO||24321-2^Panel^LN||||||||||||9^Marek^Ola^^^^^^&2.999.2&ISO",
        kind="ORM^O01^ORM_O01",
    )
    assert at(made, one(made, "ServiceRequest")["requester"])["name"][0]["family"] == "Dolan"


# 3 scope of groups, owner of notes, identity


@pytest.fixture
def accession(convert: Callable[..., Conversion]) -> Conversion:
    return convert(
        PID,
        "OBR|1||A1^&2.999.6&ISO|1^One^L|||20240301|||||||||||||||||LAB|F",
        "NTE|1||on the first report",
        "OBX|1|NM|a^A^L||1|mg|||||F",
        "NTE|1||on a",
        "OBX|2|NM|b^B^L||2|mg|||||F",
        "NTE|1||on b",
        "OBR|2||A1^&2.999.6&ISO|2^Two^L|||20240301|||||||||||||||||LAB|F",
        "OBX|1|NM|a^A^L||3|mg|||||F",
        "NTE|1||on the other a",
        kind="ORU^R01^ORU_R01",
    )


def test_3_one_report_for_each_OBR(accession: Conversion) -> None:
    first, second = of(accession, "DiagnosticReport")
    results = [[at(accession, r)["valueQuantity"]["value"] for r in report["result"]] for report in (first, second)]
    assert [[str(v) for v in values] for values in results] == [["1", "2"], ["3"]]


def test_3_a_note_belongs_to_what_it_follows(accession: Conversion) -> None:
    assert [o["note"][0]["text"] for o in of(accession, "Observation")] == ["on a", "on b", "on the other a"]
    first, second = of(accession, "DiagnosticReport")
    assert [e["valueAnnotation"]["text"] for e in first["extension"] if "valueAnnotation" in e] == [
        "on the first report"
    ]
    assert "extension" not in second


# 4 the same and not the same person


def test_4_one_person_by_identifier_two_without_authority(convert: Callable[..., Conversion]) -> None:
    marek = "9^Marek^Ola^^^^^^&2.999.2&ISO"
    made = convert(
        PID,
        f"PV1|1|I|||||{marek}||||||||||9^Marek^Ola",
        f"ORC|RE|P1^&2.999.5&ISO||||||||||{marek}",
        "OBR|1|P1^&2.999.5&ISO|F1^&2.999.6&ISO|1^One^L|||20240301||||||||||||||||||F",
        f"OBX|1|NM|a^A^L||1|mg|||||F|||||{marek}",
        kind="ORU^R01^ORU_R01",
    )
    people = [p for p in of(made, "Practitioner") if p["name"][0]["family"] == "Marek"]
    assert [("system" in p["identifier"][0]) for p in people] == [True, False]
    known = {"reference": url(made, people[0])}
    attending, admitting = one(made, "Encounter")["participant"]
    assert attending["individual"] == one(made, "ServiceRequest")["requester"] == known
    assert admitting["individual"] == {"reference": url(made, people[1])}
    assert at(made, one(made, "Observation")["performer"][0])["practitioner"] == known


# 5 dispatch by a field, merge of segments, required elements


@pytest.fixture
def values(convert: Callable[..., Conversion]) -> Conversion:
    return convert(
        PID,
        "OBR|1||A1^&2.999.6&ISO|1^One^L|||20240301||||||||||||||||||F",
        "OBX|1|NM|nm^N^L||<5|mg/dL|||||F",
        "OBX|2|SN|sn^S^L||>^100|mg/dL|||||F",
        "OBX|3|CWE|cwe^C^L||P^Positive^L||||||F",
        "OBX|4|TX|tx^T^L||line one||||||F",
        "OBX|5|TX|tx^T^L||line two||||||F",
        "OBX|6|TX|tx^T^L||line three||||||F",
        "OBX|7|ED|ed^E^L||^AP^PDF^Base64^JVBERi0xLjQKJSVFT0YK||||||F",
        "OBX|8|NM|x^X^L|||mg/dL|||||X",
        kind="ORU^R01^ORU_R01",
    )


def result(made: Conversion, code: str) -> Json:
    (found,) = [o for o in of(made, "Observation") if o["code"]["coding"][0]["code"] == code]
    return found


def test_5_a_comparator_in_a_number(values: Conversion) -> None:
    found = result(values, "nm")["valueQuantity"]
    assert (str(found["value"]), found["comparator"], found["code"]) == ("5", "<", "mg/dL")
    assert [i.rule for i in values.issues if i.code == "field.comparator-in-number"] == ["R-VAL-1"]


def test_5_a_structured_number(values: Conversion) -> None:
    found = result(values, "sn")["valueQuantity"]
    assert (str(found["value"]), found["comparator"]) == ("100", ">")


def test_5_a_coded_value(values: Conversion) -> None:
    assert result(values, "cwe")["valueCodeableConcept"]["coding"][0]["code"] == "P"


def test_5_three_lines_are_one_text(values: Conversion) -> None:
    assert result(values, "tx")["valueString"] == "line one\nline two\nline three"


def test_5_a_document_is_the_presented_form(values: Conversion) -> None:
    (form,) = one(values, "DiagnosticReport")["presentedForm"]
    assert form["contentType"] == "application/pdf"
    assert form["data"] == "JVBERi0xLjQKJSVFT0YK"


def test_5_a_result_that_cannot_be_obtained(values: Conversion) -> None:
    found = result(values, "x")
    assert found["status"] == "cancelled"
    assert "valueQuantity" not in found
    assert found["dataAbsentReason"]["coding"][0]["code"]


# 6 two patients from one message, links both ways


def test_6_a_merge_of_two_numbers(convert: Callable[..., Conversion]) -> None:
    made = convert(PID, "MRG|5^^^&2.999.1&ISO^MR~6^^^&2.999.1&ISO^MR", kind="ADT^A40^ADT_A39")
    survivor, *sources = of(made, "Patient")
    assert [i["value"] for s in sources for i in s["identifier"]] == ["5", "6"]
    assert [s["active"] for s in sources] == [False] * len(sources)
    for source in sources:
        assert source["link"] == [{"other": {"reference": url(made, survivor)}, "type": "replaced-by"}]
    assert [at(made, k["other"]) for k in survivor["link"]] == sources
    assert {k["type"] for k in survivor["link"]} == {"replaces"}


def test_6_a_link_of_two_patients(convert: Callable[..., Conversion]) -> None:
    made = convert(PID, "PID|2||8^^^&2.999.1&ISO^MR||Novakova^Ada", kind="ADT^A24^ADT_A24")
    one_, other = of(made, "Patient")
    assert one_["link"] == [{"other": {"reference": url(made, other)}, "type": "seealso"}]
    assert other["link"] == [{"other": {"reference": url(made, one_)}, "type": "seealso"}]


# 7 a chain of resources from one field, shared between fields


def test_7_levels_of_a_place(convert: Callable[..., Conversion]) -> None:
    made = convert(PID, "PV1|1|I|W3^12^B^NORTH^^^MAIN|||W3^^^NORTH^^^MAIN")
    encounter = one(made, "Encounter")
    now, before = encounter["location"]
    chain = [at(made, now["location"])]
    while "partOf" in chain[-1]:
        chain.append(at(made, chain[-1]["partOf"]))
    names = [(p["name"], p["physicalType"]["coding"][0]["code"] if "physicalType" in p else "") for p in chain]
    assert names == [("B", "bd"), ("12", "ro"), ("W3", ""), ("MAIN", "bu"), ("NORTH", "si")]
    assert at(made, before["location"]) in chain


# 8 a reference found by content, not by place


def test_8_susceptibilities_of_an_organism(convert: Callable[..., Conversion]) -> None:
    made = convert(
        PID,
        "OBR|1||F1^&2.999.6&ISO|cul^Culture^L|||20240301||||||||||||||||||F",
        "OBX|1|CWE|org^Organism^L|1|ec^E. coli^L||||||F",
        "OBX|2|CWE|org^Organism^L|2|sa^S. aureus^L||||||F",
        "OBR|2||F2^&2.999.6&ISO|sus^Susceptibility^L|||20240301||||||||||||||||||F|org&Organism&L^2|||^F1&&2.999.6&ISO",
        "OBX|1|SN|amp^Ampicillin^L||>^8|ug/mL|||||F",
        kind="ORU^R01^ORU_R01",
    )
    organisms = [o for o in of(made, "Observation") if o["code"]["coding"][0]["code"] == "org"]
    ampicillin = result(made, "amp")
    assert "hasMember" not in organisms[0]
    assert [at(made, r) for r in organisms[1]["hasMember"]] == [ampicillin]
    assert [at(made, r) for r in ampicillin["derivedFrom"]] == [organisms[1]]


# 9 a site's own segment and table: ten lines


def test_9_a_site_with_its_own_segment_and_table(tmp_path: Path, er7: Callable[..., bytes]) -> None:
    site = tmp_path / "north"
    (site / "segments").mkdir(parents=True)
    (site / "terminology" / "tables").mkdir(parents=True)
    (site / "site.yaml").write_text("match: {MSH-4: NORTH}\n")
    (site / "segments" / "PID.Patient.yaml").write_text(
        'extension: {"http://north.test/StructureDefinition/nickname": {string: "{{ ZPI.2 }}"}}\n'
    )
    (site / "terminology" / "tables" / "AdministrativeSex.csv").write_text(
        "code,display,target_system,target_code,target_display,lossy,comment\nW,Frau,,female,Female,,\n"
    )
    made = Converter(sites=tmp_path).convert(er7(PID.replace("|F", "|W"), "ZPI||Addy", "PV1|1|I"))
    patient = one(made, "Patient")
    assert patient["gender"] == "female"
    assert {"url": "http://north.test/StructureDefinition/nickname", "valueString": "Addy"} in patient["extension"]


# 10 three states of nothing


def test_10_valued_cleared_and_absent(convert: Callable[..., Conversion]) -> None:
    made = convert('PID|1||7^^^&2.999.1&ISO^MR||Novak^Ada||||||""', "PV1|1|N", kind="ADT^A08^ADT_A01")
    patient = one(made, "Patient")
    assert patient["name"][0]["family"] == "Novak"
    assert "address" not in patient
    assert "telecom" not in patient
    states = {e.v2.field: e.state for e in made.ledger if e.v2.segment == "PID"}
    assert states[5] == "mapped"
    assert states[11] == "cleared"
    assert 13 not in states
    assert [str(i.v2) for i in made.issues if i.code == "field.cleared"] == ["PID[1]-11[1].1"]
    assert b'\\"\\"' not in made.json()
