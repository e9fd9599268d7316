"""What is one and what is two: results of one code, numbers shared by results, patients and orders of one message (R-RID, R-MSG-2)."""

from __future__ import annotations

from .bundle import Bundle, convert

PID = "PID|1||T-41^^^HARBOUR^MR||Lindqvist^Ada||19660507|F"
OTHER = "PID|2||T-42^^^HARBOUR^MR||Lindqvist^Bo||19680101|M"
OBR = "OBR|1||F-9^LIS|PANEL^Panel^L|||20260310080000-0500||||||||||||||||||F"


def values(bundle: Bundle) -> list[str]:
    return [str(o["valueQuantity"]["value"]) for o in bundle.all("Observation")]


def test_R_RID_4_results_of_one_code_but_other_words_are_all_there() -> None:
    codes = ("GLU^Glucose^L", "GLU^Glucose fasting^L", "GLU^Glucose^LN", "GLU^Glucose^L", "^^^", "")
    obx = (f"OBX|{n}|NM|{code}||{n}||||||F" for n, code in enumerate(codes, 1))
    bundle = convert(PID, OBR, *obx, event="ORU^R01^ORU_R01")
    assert values(bundle) == ["1", "2", "3", "4", "5", "6"]
    assert len(bundle.one("DiagnosticReport")["result"]) == 6


def test_R_RID_4_results_that_differ_in_a_part_of_OBX_4_are_two() -> None:
    obx = (f"OBX|{n}|NM|GLU^Glucose^L|{sub}|{n}||||||F" for n, sub in ((1, "1"), (2, "1^2")))
    assert values(convert(PID, OBR, *obx, event="ORU^R01^ORU_R01")) == ["1", "2"]


def test_R_RID_1_a_number_in_all_results_identifies_none_of_them() -> None:
    tail = "||||||F||||||||||ACC-1^LIS"
    bundle = convert(PID, OBR, f"OBX|1|NM|A^A^L||1{tail}", f"OBX|2|NM|B^B^L||2{tail}", event="ORU^R01^ORU_R01")
    assert values(bundle) == ["1", "2"]
    assert [o["identifier"][0]["value"] for o in bundle.all("Observation")] == ["ACC-1", "ACC-1"]


def test_R_MSG_2_a_second_patient_of_an_order_message_has_its_own_orders() -> None:
    bundle = convert(
        PID, "PV1|1|O|||||||||||||||||V-1", "ORC|NW|P-1", "OBR|1|P-1||A^A^L",
        OTHER, "ORC|NW|P-2", "OBR|2|P-2||B^B^L", "OBX|1|ST|Q^Q^L||yes||||||F",
        event="ORM^O01^ORM_O01",
    )  # fmt: skip
    first, second = bundle.all("ServiceRequest")
    one, two = bundle.all("Patient")
    assert [bundle.at(o["subject"]) for o in (first, second)] == [one, two]
    assert bundle.at(bundle.one("Observation")["subject"]) == two
    assert ("encounter" in first, "encounter" in second) == (True, False)


def test_R_MSG_2_the_same_patient_said_twice_is_one() -> None:
    orders = ("ORC|NW|P-1", "OBR|1|P-1||A^A^L", PID, "ORC|NW|P-2", "OBR|2|P-2||B^B^L")
    bundle = convert(PID, "PV1|1|O|||||||||||||||||V-1", *orders, event="ORM^O01^ORM_O01")
    assert [bundle.at(o["subject"]) for o in bundle.all("ServiceRequest")] == [bundle.one("Patient")] * 2
    assert all("encounter" in o for o in bundle.all("ServiceRequest"))


def test_R_ORD_1_an_order_does_not_take_the_ORC_of_the_next_one() -> None:
    bundle = convert(
        PID, "OBR|1|P-1||XR^Chest^L", "OBR|2|P-2||CT^Head^L", "ORC|NW|P-3|||HD", "RXO|AMOX^Amoxicillin^L|500||mg",
        event="ORM^O01^ORM_O01",
    )  # fmt: skip
    assert [[i["value"] for i in o["identifier"]] for o in bundle.all("ServiceRequest")] == [["P-1"], ["P-2"]]
    assert [o["status"] for o in bundle.all("ServiceRequest")] == ["unknown", "unknown"]
    assert bundle.one("MedicationRequest")["status"] == "on-hold"
