"""Orders: services, medicines, diets, supplies (R-ORD, R-TIM, R-STAT-3…5, D-SEG-17, D-SEG-24)."""

from __future__ import annotations

from typing import Any

import pytest

from .bundle import Bundle, convert, extensions

PID = "PID|1||R-100^^^NORTHGATE^MR||Sorensen^Liv||19811130|F"
ORC = "ORC|NW|P-1^EHR|||||||20260311080000-0500|||11^Aas^Ola^^^^^^NORTHGATE"
OBR = "OBR|1|P-1^EHR||GLU^Glucose^L"


def ordered(*segments: str, **options: Any) -> Bundle:
    return convert(PID, *segments, event="ORM^O01^ORM_O01", version="2.4", **options)


@pytest.mark.parametrize(
    ("control", "status", "expected"),
    [
        ("NW", "", "active"),
        ("CA", "", "revoked"),
        ("HD", "", "on-hold"),
        ("XO", "CM", "completed"),
        ("NW", "Scheduled", "active"),
    ],
)
def test_R_STAT_3_and_4_the_status_of_an_order(control: str, status: str, expected: str) -> None:
    assert ordered(f"ORC|{control}|P-1^EHR|||{status}", OBR).one("ServiceRequest")["status"] == expected


def test_R_ORD_1_several_OBR_under_one_ORC_are_orders_of_one_orderer() -> None:
    bundle = ordered(ORC, OBR, "OBR|2|P-1^EHR||NA^Sodium^L")
    first, second = bundle.all("ServiceRequest")
    assert (second["status"], second["authoredOn"], second["requester"]) == (
        first["status"],
        first["authoredOn"],
        first["requester"],
    )
    assert "order.status-unknown" not in bundle.codes


def test_R_ORD_7_an_order_without_an_orderer_takes_none_from_its_neighbour() -> None:
    facility = "|||||||||Northgate Clinic^L^^^^NORTHGATE^XX^^^CL7"
    bundle = ordered(ORC + facility, OBR, "ORC|NW|P-2^EHR", "OBR|2|P-2^EHR||NA^Sodium^L")
    first, second = bundle.all("ServiceRequest")
    role = bundle.at(first["requester"])
    assert bundle.at(role["organization"])["name"] == "Northgate Clinic"
    assert "requester" not in second


@pytest.mark.parametrize(("sent", "placer", "filler"), [("G-1^EHR", "G-1", None), ("G-1&EHR^H-1&LIS", "G-1", "H-1")])
def test_R_ORD_3_the_group_number_is_one_or_a_pair(sent: str, placer: str, filler: str | None) -> None:
    found = ordered(f"ORC|NW|P-1^EHR||{sent}", OBR).one("ServiceRequest")
    assert found["requisition"]["value"] == placer
    assert [i["value"] for i in found["identifier"] if i["type"]["coding"][0]["code"] == "FGN"] == (
        [filler] if filler else []
    )


def test_R_ORD_11_every_clinical_remark_is_a_note() -> None:
    found = ordered(ORC, "OBR|1|P-1^EHR||XR^Chest^L|||||||||cough~smoker").one("ServiceRequest")
    assert [n["text"] for n in found["note"]] == ["cough", "smoker"]


def test_R_ORD_12_observations_in_an_order_support_it() -> None:
    bundle = ordered(ORC, OBR, "OBX|1|NM|WT^Weight^L||61.5|kg|||||F")
    assert bundle.at(bundle.one("ServiceRequest")["supportingInfo"][0])["resourceType"] == "Observation"
    assert "basedOn" not in bundle.one("Observation")


def test_R_ORD_9_the_section_of_an_order_is_its_category() -> None:
    found = ordered(ORC, "OBR|1|P-1^EHR||XR^Chest^L||||||||||||||||||||RAD||||||WHLC").one("ServiceRequest")
    assert found["category"][0]["coding"][0]["code"] == "RAD"
    assert extensions(found, "transportation-mode")[0]["coding"][0]["code"] == "WHLC"


def test_R_TIM_1_a_timing_segment_beats_the_old_field() -> None:
    bundle = convert(
        PID, "ORC|NW|P-1^EHR|||||^BID", "TQ1|1||Q6H||||||R||with meals", OBR, event="ORM^O01^ORM_O01", version="2.5.1"
    )
    found = bundle.one("ServiceRequest")
    assert (found["occurrenceTiming"]["repeat"]["period"], found["occurrenceTiming"]["repeat"]["periodUnit"]) == (
        6,
        "h",
    )
    assert [n["text"] for n in found["note"]] == ["with meals"]


def test_R_PROV_who_entered_and_verified_an_order() -> None:
    bundle = ordered(
        "ORC|NW|P-1^EHR|||||||20260311080000-0500|21^Lie^Kai|22^Moe^Siv|11^Aas^Ola|WARD7^^^NORTHGATE||||SURG^Surgery^L",
        OBR,
    )
    found = next(p for p in bundle.all("Provenance") if "location" in p)
    assert [a["type"]["coding"][0]["code"] for a in found["agent"]] == ["enterer", "verifier", "author"]
    assert bundle.at(found["agent"][0]["onBehalfOf"])["name"] == "Surgery"
    assert bundle.at(found["target"][0])["resourceType"] == "ServiceRequest"


RXO = "RXO|CIP^Ciprofloxacin^L|250|500|mg|TAB^Tablet^L|Give with water|^Avoid dairy||G||14|TAB|1|BA1234563^Aas^Ola||||250|mg|^UTI"


def test_R_ORD_1_a_medicine_is_a_medication_request_and_no_service() -> None:
    bundle = ordered(ORC, RXO, "RXR|PO^Oral^HL70162")
    found = bundle.one("MedicationRequest")
    assert bundle.all("ServiceRequest") == []
    assert found["dosageInstruction"][0]["route"]["coding"][0]["code"] == "PO"
    assert found["dosageInstruction"][0]["doseAndRate"][0]["doseRange"]["high"]["value"] == 500


def test_D_RXO_3_a_strength_without_its_denominator_says_that_it_is_unknown() -> None:
    strength = ordered(ORC, RXO).one("Medication")["ingredient"][0]["strength"]
    assert strength["numerator"]["value"] == 250
    assert strength["denominator"]["extension"][0]["valueCode"] == "unknown"


def test_D_RXO_4_the_DEA_number_belongs_to_the_orderer() -> None:
    bundle = ordered(ORC, RXO)
    found = bundle.at(bundle.one("MedicationRequest")["requester"])
    assert [i["value"] for i in found["identifier"]] == ["11", "BA1234563"]


def test_D_SEG_17_the_parts_of_a_mixture_are_one_medication() -> None:
    bundle = ordered(
        ORC, RXO, "RXC|B|D5^Dextrose^L|100|mL", "RXC|A|KCL^Potassium chloride^L|20|meq", "NTE|1||Mix gently"
    )
    found = bundle.one("Medication")
    assert [i["itemCodeableConcept"]["text"] for i in found["ingredient"]] == ["Dextrose", "Potassium chloride"]
    assert bundle.one("MedicationRequest")["note"][0]["text"] == "Mix gently"


@pytest.mark.parametrize(("control", "expected"), [("DC", "stopped"), ("CA", "cancelled"), ("HD", "on-hold")])
def test_R_STAT_5_a_withdrawn_medicine_is_stopped_or_cancelled(control: str, expected: str) -> None:
    assert ordered(f"ORC|{control}|P-1^EHR", RXO).one("MedicationRequest")["status"] == expected


def test_D_SEG_24_a_diet_is_a_nutrition_order() -> None:
    found = ordered(ORC, "ODS|D|^Breakfast|321^Low sodium^L|No grapefruit").one("NutritionOrder")
    assert found["oralDiet"] == {
        "type": [{"coding": [{"code": "321", "display": "Low sodium"}], "text": "Low sodium"}],
        "instruction": "No grapefruit",
    }


def test_D_SEG_24_a_requisition_is_a_supply_request() -> None:
    found = ordered(ORC, "RQD|1|44^Dressing pack^L|||3|EA^Each^L||||20260312").one("SupplyRequest")
    assert (found["quantity"]["value"], found["itemCodeableConcept"]["text"], found["occurrenceDateTime"]) == (
        3,
        "Dressing pack",
        "2026-03-12",
    )


def bounds(orc7: str) -> tuple[Any, list[str]]:
    bundle = convert(PID, f"ORC|NW|P-1^EHR|||||{orc7}", OBR, event="ORM^O01^ORM_O01", version="2.4")
    repeat = bundle.one("ServiceRequest")["occurrenceTiming"]["repeat"]
    unmapped = [at for code, at in bundle.issues if code == "field.unmapped" and at.startswith("ORC[1]-7")]
    return repeat.get("boundsPeriod") or repeat.get("boundsDuration"), unmapped


def test_R_TIM_5_a_start_and_a_duration_give_the_end() -> None:
    assert bounds("^BID^H36^20260311080000-0500") == (
        {"start": "2026-03-11T08:00:00-05:00", "end": "2026-03-12T20:00:00-05:00"},
        [],
    )


def test_R_TIM_5_an_end_and_a_duration_give_the_start() -> None:
    assert bounds("^BID^D2^^20260311080000-0500") == (
        {"start": "2026-03-09T08:00:00-05:00", "end": "2026-03-11T08:00:00-05:00"},
        [],
    )


def test_R_TIM_5_a_duration_that_cannot_be_added_is_told_and_not_lost() -> None:
    assert bounds("^BID^L2^20260311080000-0500")[1] == ["ORC[1]-7[1].3"]  # months have no fixed length
    assert bounds("^BID^D2^20260311")[1] == ["ORC[1]-7[1].3"]


def test_R_TIM_5_a_duration_alone_is_one() -> None:
    assert bounds("^BID^D2")[0]["code"] == "d"


def repeat(tq1: str) -> Any:
    found = convert(PID, ORC, OBR, tq1, event="ORM^O01^ORM_O01", version="2.5.1").one("ServiceRequest")
    return found.get("occurrenceTiming", {}).get("repeat")


@pytest.mark.parametrize(
    ("tq1", "expected"),
    [
        ("TQ1|1||TID||||||||||30^min", {"duration": 30, "durationUnit": "min", "frequency": 3, "period": 1, "periodUnit": "d"}),
        ("TQ1|1||QHS||30^min", {"when": ["HS"], "offset": 30}),
        ("TQ1|1||QHS||2^h", {"when": ["HS"], "offset": 120}),
        ("TQ1|1||^^^^^^^AC^15^min", {"when": ["AC"], "offset": 15}),
        ("TQ1|1||QHS|2200|30^min", {"timeOfDay": ["22:00:00"]}),
        ("TQ1|1|||2200|30^min", {"timeOfDay": ["22:00:00"]}),
        ("TQ1|1||^^^^3^d", {"period": 3, "periodUnit": "d"}),
        ("TQ1|1||^^^^3", None),
        ("TQ1|1||BID^^^^3^d", {"frequency": 2, "period": 1, "periodUnit": "d"}),
        ("TQ1|1||^DW^6^2", {"dayOfWeek": ["sat", "sun", "mon", "tue"]}),
        ("TQ1|1||^DW^3", {"dayOfWeek": ["wed"]}),
        ("TQ1|1||^DW^8^9", None),
        ("TQ1|1|||0730^~1930", {"timeOfDay": ["07:30:00", "19:30:00"]}),
    ],
)  # fmt: skip
def test_R_TIM_3_to_6_what_a_repeat_pattern_says(tq1: str, expected: Any) -> None:
    assert repeat(tq1) == expected


def test_R_TIM_3_a_time_of_day_that_cannot_be_read_is_told() -> None:
    bundle = convert(PID, ORC, OBR, "TQ1|1|||0730~noon", event="ORM^O01^ORM_O01", version="2.5.1")
    assert bundle.one("ServiceRequest")["occurrenceTiming"]["repeat"]["timeOfDay"] == ["07:30:00"]
    assert any(e.state == "unmapped" and str(e.v2).startswith("TQ1[1]-4") for e in bundle.conversion.ledger)


@pytest.mark.parametrize("orc7", ["", "^PRN"])
def test_R_TIM_2_a_pattern_of_PRN_is_as_needed(orc7: str) -> None:
    detail = [OBR] if orc7 else [OBR, "TQ1|1||PRN"]
    found = convert(PID, f"ORC|NW|P-1^EHR|||||{orc7}", *detail, event="ORM^O01^ORM_O01", version="2.5.1")
    assert found.one("ServiceRequest")["asNeededBoolean"] is True


@pytest.mark.parametrize("length", ["D10", "10 days", "10d"])
def test_D_NAR_16_a_duration_in_words_is_one(length: str) -> None:
    found = ordered(f"ORC|NW|P-1^EHR|||||^BID^{length}", OBR).one("ServiceRequest")
    bounds = found["occurrenceTiming"]["repeat"]["boundsDuration"]
    assert (bounds["value"], bounds["code"]) == (10, "d")


@pytest.mark.parametrize("about", ["PV1|1|O|CLINIC", "PD1||", "IN1|1|PLAN|CO|Company", "NK1|1|Kin^Folk|SPO"])
@pytest.mark.parametrize(
    ("detail", "kind"),
    [(["OBR|1|P-1||A^A^L"], "ServiceRequest"), ([], "ServiceRequest"), (["RXO|A^A^L|1||mg"], "MedicationRequest"),
     (["ODS|D||LF^Low fat^L"], "NutritionOrder")],
)  # fmt: skip
def test_R_NTE_1_a_note_on_visit_or_kin_stands_on_the_first_order(about: str, detail: list[str], kind: str) -> None:
    bundle = ordered(about, "NTE|1||written by a person", "ORC|NW|P-1", *detail)
    assert [n["text"] for n in bundle.one(kind)["note"]] == ["written by a person"]


def test_R_NTE_1_a_note_on_the_visit_stands_on_the_first_report() -> None:
    bundle = convert(
        PID, "PV1|1|O", "NTE|1||seen late", "OBR|1||F-1|A^A^L", "OBR|2||F-2|B^B^L", event="ORU^R01^ORU_R01"
    )
    first, second = bundle.all("DiagnosticReport")
    assert [n["text"] for n in extensions(first, "DiagnosticReport.note")] == ["seen late"]
    assert extensions(second, "DiagnosticReport.note") == []
