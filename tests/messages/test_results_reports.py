"""Reports, their orders, specimens, texts, documents and children (R-DR, R-SPM, R-TXT, R-ATT, R-MICRO)."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest

from segue.convert import Converter

from .bundle import Bundle, convert, extensions

PID = "PID|1||R-100^^^NORTHGATE^MR||Sorensen^Liv||19811130|F"
ORC = "ORC|RE|P-1^EHR|F-1^LIS"
OBR = "OBR|1|P-1^EHR|F-1^LIS|PANEL^Panel^L|||20260310080000-0500||||||||||||||||||F"
PDF = base64.b64encode(b"%PDF-1.4 first half, ").decode()
REST = base64.b64encode(b"second half").decode()


def report(*segments: str, **options: Any) -> Bundle:
    return convert(PID, *segments, event="ORU^R01^ORU_R01", **options)


@pytest.mark.parametrize(("wanted", "orders"), [("auto", 1), ("always", 2), ("never", 0)])
def test_R_DR_7_a_site_says_whether_orders_of_results_are_resources(tmp_path: Path, wanted: str, orders: int) -> None:
    (tmp_path / "north").mkdir()
    (tmp_path / "north" / "site.yaml").write_text(f"orders_in_results: {wanted}\n")
    told = "OBR|1|P1^WARD||1^Potassium^L|||20260311||||||hunger"
    bare = "OBR|2|P2^WARD||2^Sodium^L|||20260311"
    obx = "OBX|1|NM|1^K^L||4.1|mmol/L|||||F"
    raw = "\r".join(("MSH|^~\\&|L|N|||20260311||ORU^R01|C1|P|2.5", "PID|1||7^^^WARD", told, obx, bare, obx, ""))
    bundle = Bundle(Converter(sites=tmp_path).convert(raw.encode(), site="north"))
    assert len(bundle.all("ServiceRequest")) == orders
    named = [report["basedOn"][0].get("identifier", {}).get("value") for report in bundle.all("DiagnosticReport")]
    assert named == {0: ["P1", "P2"], 1: [None, "P2"], 2: [None, None]}[orders]


def test_R_DR_7_a_report_without_an_order_names_it() -> None:
    found = report(OBR, "OBX|1|ST|A^A^L||x||||||F").one("DiagnosticReport")
    assert found["basedOn"][0]["type"] == "ServiceRequest"
    assert found["basedOn"][0]["identifier"]["value"] == "P-1"


def test_R_OBX_3_results_are_based_on_what_their_report_is_based_on() -> None:
    bundle = report(
        ORC, OBR, "OBX|1|ST|A^A^L||x||||||F", "OBR|2|P-2^EHR|F-2^LIS|OTHER^Other^L", "OBX|1|ST|B^B^L||y||||||F"
    )
    first, second = bundle.all("Observation")
    assert bundle.at(first["basedOn"][0])["resourceType"] == "ServiceRequest"
    assert second["basedOn"][0]["identifier"]["value"] == "P-2"


def test_R_ORD_2_a_number_with_its_authority_is_the_richer_one() -> None:
    bundle = report("ORC|RE|P-1|F-1", OBR)
    assert [i.get("assigner", {}).get("display") for i in bundle.one("ServiceRequest")["identifier"]] == ["EHR", "LIS"]


def test_R_ORD_7_only_the_first_orderer_gets_the_address() -> None:
    orc = "ORC|RE|P-1^EHR|F-1^LIS|||||||||11^Aas^Ola^^^^^^NORTHGATE~12^Bro^Eva^^^^^^NORTHGATE||||||||||||1 Quay St^^Northgate"
    bundle = report(orc, OBR)
    addressed = [p for p in bundle.all("Practitioner") if "address" in p]
    assert [p["identifier"][0]["value"] for p in addressed] == ["11"]


def test_R_ORD_6_the_time_of_another_event_is_in_the_provenance_of_the_order() -> None:
    bundle = report("ORC|RE|P-1^EHR|F-1^LIS||||||20260310090000-0500|||11^Aas^Ola", OBR)
    found = next(p for p in bundle.all("Provenance") if p.get("occurredDateTime") == "2026-03-10T09:00:00-05:00")
    assert bundle.at(found["target"][0])["resourceType"] == "ServiceRequest"
    assert "authoredOn" not in bundle.one("ServiceRequest")


def test_R_PERS_4_a_reader_has_times_and_a_place() -> None:
    obr = OBR + "|||||||8&Ng&Ada&&&&MD&&NORTHGATE^202603100900-0500^202603100930-0500^READ1^^^NORTHGATE"
    bundle = report(obr)
    role = bundle.at(bundle.one("DiagnosticReport")["resultsInterpreter"][0])
    assert bundle.at(role["practitioner"])["name"][0]["family"] == "Ng"
    assert role["period"]["end"] == "2026-03-10T09:30:00-05:00"
    assert bundle.at(bundle.at(role["location"][0])["partOf"])["name"] == "NORTHGATE"


def test_R_PERS_4_a_reader_in_the_form_of_XCN_is_a_person_too() -> None:
    bundle = report(OBR + "|||||||8^Ng^Ada")
    assert bundle.at(bundle.one("DiagnosticReport")["resultsInterpreter"][0])["name"][0] == {
        "family": "Ng",
        "given": ["Ada"],
    }


def test_R_DR_6_the_technician_and_the_typist_say_what_they_did() -> None:
    found = report(OBR + "|||||||||8&Ng&Ada|9&Olsen&Per").one("DiagnosticReport")
    functions = [extensions(p, "event-performerFunction")[0]["coding"][0]["code"] for p in found["performer"]]
    assert functions == ["SPRF", "TRANS"]


def test_R_KEEP_1_placer_and_filler_fields_stay_whole() -> None:
    obr = "OBR|1|P-1^EHR|F-1^LIS|CT^CT^L||||||||||||||ACC-1|R2|A1^PACS~A2^RIS|D4||||F"
    found = report(obr).one("DiagnosticReport")
    assert extensions(found, "placer-field-1") == ["ACC-1"]
    assert extensions(found, "filler-field-1") == ["A1^PACS~A2^RIS"]


def test_R_STAT_13_an_empty_status_comes_from_the_results() -> None:
    obr = "OBR|1|P-1^EHR|F-1^LIS|PANEL^Panel^L"
    bundle = report(obr, "OBX|1|ST|A^A^L||x||||||F", "OBX|2|ST|B^B^L||y||||||P")
    assert bundle.one("DiagnosticReport")["status"] == "partial"
    assert "report.status-missing" in bundle.codes


def test_R_SPM_5_an_old_specimen_source_is_a_specimen() -> None:
    obr = "OBR|1|P-1^EHR|F-1^LIS|PANEL^Panel^L|||||||||||BLDV&Blood&HL70070^EDTA^by catheter^LA^left^VEN^P||||||||||F"
    found = report(obr).one("Specimen")
    assert found["type"]["coding"][0]["code"] == "BLDV"
    assert found["note"] == [{"text": "by catheter"}]
    assert found["condition"][0]["text"] == "VEN"
    assert extensions(found, "body-site-modifier")[0]["text"] == "left"


def test_R_OBX_15_a_result_about_the_specimen_has_it_as_focus() -> None:
    bundle = report(OBR, "OBX|1|ST|A^A^L||x||||||F", "SPM|1|^S-1&LIS||ST^Stool^L", "OBX|1|ST|VOL^Volume^L||3 mL||||||F")
    about = bundle.all("Observation")[1]
    assert bundle.at(about["focus"][0])["resourceType"] == "Specimen"
    assert len(bundle.one("DiagnosticReport")["result"]) == 1


def test_R_MSG_2_results_that_stand_after_the_specimen_are_results() -> None:
    bundle = report(OBR, "SPM|1|^S-1&LIS||ST^Stool^L", "OBX|1|ST|A^A^L||x||||||F")
    assert len(bundle.one("DiagnosticReport")["result"]) == 1
    assert "focus" not in bundle.one("Observation")


def test_R_SPM_1_the_specimen_stays_with_its_own_order() -> None:
    bundle = report(
        ORC, OBR, "OBX|1|ST|A^A^L||x||||||F", "OBR|2|P-2^EHR|F-2^LIS|OTHER^Other^L", "SPM|1|^S-2&LIS||ST^Stool^L"
    )
    assert "specimen" not in bundle.one("ServiceRequest")
    assert [len(r.get("specimen", [])) for r in bundle.all("DiagnosticReport")] == [0, 1]


def test_R_TXT_1_lines_of_one_text_are_one_observation() -> None:
    found = report(OBR, "OBX|1|TX|A^A^L||one||||||F", "OBX|2|TX|A^A^L||||||||F", "OBX|3|TX|A^A^L||three||||||F")
    assert found.one("Observation")["valueString"] == "one\n\nthree"


def test_R_TXT_2_the_impression_is_the_conclusion() -> None:
    bundle = report(
        OBR,
        "OBX|1|ST|CT&GDT^CT^L||Clear.||||||F",
        "OBX|2|ST|CT&IMP^CT^L||Normal.||||||F",
        "OBX|3|ST|CT&IMP^CT^L||No mass.||||||F",
    )
    assert bundle.one("DiagnosticReport")["conclusion"] == "Normal.\nNo mass."


def test_R_TXT_3_a_report_that_is_all_text_is_presented_whole() -> None:
    found = report(OBR, "OBX|1|TX|A&GDT^A^L||one||||||F", "OBX|2|ST|A&REC^A^L||two||||||F").one("DiagnosticReport")
    assert base64.b64decode(found["presentedForm"][0]["data"]).decode() == "A\none\ntwo"


def test_R_ATT_3_pieces_of_a_document_are_one() -> None:
    pieces = [
        f"OBX|{n}|ED|DOC^Letter^L|{n}|LIS^Application^PDF^Base64^{data}||||||F" for n, data in ((1, PDF), (2, REST))
    ]
    found = report(OBR, *pieces).one("DiagnosticReport")["presentedForm"]
    assert [base64.b64decode(f["data"]) for f in found] == [b"%PDF-1.4 first half, second half"]


def test_R_ATT_5_another_document_is_a_document_of_its_own() -> None:
    bundle = report(
        OBR,
        f"OBX|1|ED|DOC^Letter^L||LIS^Application^PDF^Base64^{PDF}||||||F",
        "OBX|2|RP|IMG^Images^L||https://pacs.northgate.example/9^^TEXT^HTML||||||F",
    )
    found = bundle.one("DocumentReference")
    assert found["content"][0]["attachment"]["url"] == "https://pacs.northgate.example/9"
    assert bundle.at(found["context"]["related"][0])["resourceType"] == "DiagnosticReport"


CULTURE = (
    "OBR|1|P-1^EHR|F-1^LIS|CUL^Culture^L|||||||||||||||||||||F",
    "OBX|1|CWE|ORG^Organism^L|1|ECOLI^E. coli^L||||||F",
    "OBX|2|CWE|ORG^Organism^L|2|SAUR^S. aureus^L||||||F",
)


def child(number: str, isolate: str) -> tuple[str, str]:
    obr = f"OBR|{number}|P-1^EHR|F-1-{number}^LIS|SUS^Susceptibility^L|||||||G||||||||||||||F|ORG&Organism&L^{isolate}^|||P-1&EHR^F-1&LIS"
    return obr, "OBX|1|SN|MIC^MIC^L||<=^1|ug/mL||S|||F"


def test_R_MICRO_2_each_isolate_has_its_own_susceptibilities() -> None:
    bundle = report(*CULTURE, *child("2", "1"), *child("3", "2"))
    organisms = [o for o in bundle.all("Observation") if "hasMember" in o]
    assert [len(o["hasMember"]) for o in organisms] == [1, 1]
    parent, *children = bundle.all("DiagnosticReport")
    assert all(bundle.at(extensions(c, "event-partOf")[0]) == parent for c in children)


def test_R_MICRO_3_a_parent_elsewhere_is_named() -> None:
    bundle = report(*child("2", "1"))
    assert extensions(bundle.one("DiagnosticReport"), "event-partOf")[0]["identifier"]["value"] == "F-1"
    assert "result.parent-missing" in bundle.codes


def test_R_RID_orders_of_two_isolates_are_two() -> None:
    orders = [f"ORC|RE|P-1^EHR|F-1-{n}^LIS" for n in ("2", "3")]
    bundle = report(*CULTURE, orders[0], *child("2", "1"), orders[1], *child("3", "2"))
    reflex = [o for o in bundle.all("ServiceRequest") if o["intent"] == "reflex-order"]
    assert len(reflex) == 2


def test_R_SPM_1_a_specimen_of_the_order_was_collected_when_OBR_7_says() -> None:
    when = "20260310080000-0500"
    for end, collected in (
        ("", {"collectedDateTime": "2026-03-10T08:00:00-05:00"}),
        (
            "20260310081000-0500",
            {"collectedPeriod": {"start": "2026-03-10T08:00:00-05:00", "end": "2026-03-10T08:10:00-05:00"}},
        ),
    ):
        bundle = convert("PID|1||7", f"OBR|1|P1|F1|X^Y^L|||{when}|{end}|||||||BLD", event="ORU^R01^ORU_R01")
        assert bundle.one("Specimen")["collection"] == collected
