"""Results and orders as the receiver reads them: statuses no table has, answers, orders without detail, notes, priorities."""

from __future__ import annotations

from typing import Any

import pytest

from .bundle import Bundle, Json, convert, extensions

PID = "PID|1||MR880^^^EASTLAB^MR||Fenwick^Odile||19710214|F"
ORC = "ORC|RE|P-7^EHR|F-7^LAB"


def segment(name: str, **fields: str) -> str:
    numbers = {int(k[1:]): v for k, v in fields.items()}
    return "|".join([name, *(numbers.get(n, "") for n in range(1, max(numbers) + 1))])


def reported(*segments: str, **options: Any) -> Bundle:
    return convert(PID, *segments, event="ORU^R01^ORU_R01", **options)


def ordered(*segments: str, version: str = "2.4") -> Bundle:
    return convert(PID, *segments, event="ORM^O01^ORM_O01", version=version)


def report(**fields: str) -> str:
    return segment("OBR", **{"f1": "1", "f2": "P-7^EHR", "f3": "F-7^LAB", "f4": "GLU^Glucose^L", **fields})


def result(value: str = "5", **fields: str) -> str:
    return segment("OBX", **{"f1": "1", "f2": "NM", "f3": "GLU^Glucose^L", "f5": value, "f11": "F", **fields})


def alternates(element: Json) -> list[str]:
    return [c["coding"][0]["code"] for c in extensions(element, "alternate-codes")]


def test_R_UNM_1_a_result_status_that_no_table_has_is_kept_beside_unknown() -> None:
    bundle = reported(ORC, report(f25="F"), result(f11="Q"))
    found = bundle.one("Observation")
    assert (found["status"], alternates(found["_status"])) == ("unknown", ["Q"])
    assert ("code.unmapped-required", "OBX[1]-11") in bundle.issues


def test_R_STAT_12_a_report_status_that_no_table_has_is_kept_beside_what_the_results_say() -> None:
    bundle = reported(ORC, report(f25="ZZ"), result(f11="C"))
    found = bundle.one("DiagnosticReport")
    assert (found["status"], alternates(found["_status"])) == ("corrected", ["ZZ"])
    assert "report.status-missing" not in bundle.codes


@pytest.mark.parametrize(("place", "kind"), [("OBX[1]-11", "Observation"), ("OBR[1]-25", "DiagnosticReport")])
def test_R_CODE_5_a_status_in_small_letters_is_read_with_a_warning(place: str, kind: str) -> None:
    bundle = reported(ORC, report(f25="c"), result(f11="c"))
    assert bundle.one(kind)["status"] == "corrected"
    assert ("code.case", place) in bundle.issues


def test_R_DR_8_an_answer_that_came_with_the_order_is_no_result() -> None:
    bundle = reported(ORC, report(f25="F"), result(), result("2", f3="WKS^Weeks of gestation^L", f29="QST"))
    order, answer = bundle.one("ServiceRequest"), bundle.all("Observation")[1]
    assert len(bundle.one("DiagnosticReport")["result"]) == 1
    assert bundle.at(order["supportingInfo"][0]) == answer


def test_R_OBX_12_a_specimen_of_OBR_15_is_that_of_the_results_too() -> None:
    bundle = reported(ORC, report(f15="SER&Serum&HL70070", f25="F"), result(), version="2.3")
    assert bundle.at(bundle.one("Observation")["specimen"]) == bundle.one("Specimen")
    assert bundle.at(bundle.one("DiagnosticReport")["specimen"][0]) == bundle.one("Specimen")


def test_R_VAL_17_an_address_as_a_value_is_its_lines_and_city() -> None:
    found = reported(ORC, report(f25="F"), result("4 Mill Row^Flat 2^Ashby^LE^LE65", f2="XAD")).one("Observation")
    assert found["valueString"] == "4 Mill Row, Flat 2, Ashby"
    assert extensions(found["_valueString"], "originalText") == ["4 Mill Row^Flat 2^Ashby^LE^LE65"]


def test_R_ORD_1_an_ORC_without_any_detail_is_an_order() -> None:
    found = ordered("ORC|NW|P-7^EHR").one("ServiceRequest")
    assert found["identifier"][0]["value"] == "P-7"
    assert "code" not in found


def test_R_ORD_1_an_ORC_without_detail_stands_beside_a_medicine() -> None:
    bundle = ordered("ORC|NW|P-1^EHR", "RXO|ASA^Aspirin^L|81||mg", "ORC|NW|P-2^EHR")
    assert bundle.one("MedicationRequest")["identifier"][0]["value"] == "P-1"
    assert bundle.one("ServiceRequest")["identifier"][0]["value"] == "P-2"


def test_R_STAT_4_MC_is_no_order_though_an_OBR_follows() -> None:
    bundle = ordered("ORC|MC|P-1^EHR", "OBR|1|P-1^EHR||NA^Sodium^L", "ORC|NW|P-2^EHR", "OBR|2|P-2^EHR||K^Potassium^L")
    assert bundle.one("ServiceRequest")["identifier"][0]["value"] == "P-2"


@pytest.mark.parametrize(
    ("orc", "obr", "expected"),
    [("^^^^^S", "^^^^^A", "stat"), ("", "^^^^^A", "asap"), ("^^^^^X9", "", "routine"), ("", "", "routine")],
)
def test_R_ORD_10_the_priority_of_the_timing_comes_before_that_of_OBR_5(orc: str, obr: str, expected: str) -> None:
    bundle = ordered(segment("ORC", f1="NW", f2="P-7^EHR", f7=orc), report(f5="R", f27=obr))
    assert bundle.one("ServiceRequest")["priority"] == expected


def test_R_TIM_1_the_quantity_of_ORC_7_comes_before_that_of_OBR_27() -> None:
    bundle = ordered(segment("ORC", f1="NW", f2="P-7^EHR", f7="2&mL^BID"), report(f27="9&mL^QD"))
    quantity = bundle.one("ServiceRequest")["quantityQuantity"]
    assert (quantity["value"], quantity["code"]) == (2, "mL")


@pytest.mark.parametrize(
    ("detail", "kind"),
    [("OBR|1|P-7^EHR||NA^Sodium^L", "ServiceRequest"), ("RXO|ASA^Aspirin^L|81||mg", "MedicationRequest")],
)
def test_R_NTE_1_a_note_on_the_timing_is_a_note_of_the_order(detail: str, kind: str) -> None:
    bundle = ordered("ORC|NW|P-7^EHR", detail, "TQ1|1||BID", "NTE|1||after the walk", version="2.5")
    assert "after the walk" in [n["text"] for n in bundle.one(kind)["note"]]


def test_R_PROV_8_the_software_of_the_sender_is_the_source() -> None:
    bundle = reported(report(f25="F"), header="")
    assert "entity" not in bundle.all("Provenance")[0]
    sent = convert("SFT|Maker|4.2|LabX|77", "SFT|Maker|1.0|Gate|78", PID, ORC, report(f25="F"), event="ORU^R01^ORU_R01")
    found = [p["entity"] for p in sent.all("Provenance") if "entity" in p]
    assert [[e["role"] for e in entity] for entity in found] == [["source", "derivation"]]
    assert [sent.at(e["what"])["deviceName"][0]["name"] for e in found[0]] == ["LabX", "Gate"]


def test_R_MSG_2_each_patient_of_a_message_is_the_subject_of_its_own_results() -> None:
    second = "PID|2||MR881^^^EASTLAB^MR||Fenwick^Piers||19720301|M"
    visit = "PV1|1|O|||||||||||||||||V-2"
    bundle = reported(report(f25="F"), result(), second, visit, report(f2="P-8", f3="F-8", f25="F"), result())
    first, other = bundle.all("Patient")
    assert [bundle.at(r["subject"]) for r in bundle.all("DiagnosticReport")] == [first, other]
    assert [bundle.at(o["subject"]) for o in bundle.all("Observation")] == [first, other]
    assert ["encounter" in r for r in bundle.all("DiagnosticReport")] == [False, True]


def test_R_RID_1_an_observer_of_many_results_has_one_role_and_two_observers_have_two() -> None:
    bundle = reported(
        report(),
        result(f16="42^Aas^Ola~43^Berg^Ida"),
        result(f1="2", f3="NA^Sodium^L", f16="42^Aas^Ola"),
        result(f1="3", f3="K^Potassium^L", f16="42^Lie^Siv^^^^^^&2.999.1&ISO~42^Moe^Kai^^^^^^&2.999.2&ISO"),
    )
    observers = [
        [bundle.at(bundle.at(role)["practitioner"])["name"][0]["family"] for role in observation["performer"]]
        for observation in bundle.all("Observation")
    ]
    assert observers == [["Aas", "Berg"], ["Aas"], ["Lie", "Moe"]]
    assert len(bundle.all("PractitionerRole")) == 4
