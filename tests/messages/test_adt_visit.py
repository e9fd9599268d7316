"""Visits: status by event, places, times, who takes part (R-ENC, R-STAT-1, R-CAN, R-LOC, R-SEC)."""

from __future__ import annotations

import pytest

from .bundle import Json, convert, extensions

PID = "PID|1||1^^^NORTH&2.999.10.1&ISO^MR||Ashgrove^Rowan||19780314|F||||||||||ACC1"
DOCTOR = "41877^Okonjo^Mira^^^Dr^^^NORTH&2.999.10.1&ISO^L^^^EI"


def pv1(**fields: str) -> str:
    cells = [""] * 53
    for name, value in {"f2": "I", "f3": "4WEST^412^A", "f19": "V1^^^NORTH&2.999.10.1&ISO^VN", **fields}.items():
        cells[int(name[1:])] = value
    return "PV1|" + "|".join(cells[1:]).rstrip("|")


def visit(*more: str, event: str = "A01", structure: str = "ADT_A01", version: str = "2.5.1", **fields: str) -> Json:
    return convert(PID, pv1(**fields), *more, event=f"ADT^{event}^{structure}", version=version).one("Encounter")


STATUSES = {
    "A01 ADT_A01": "in-progress", "A02 ADT_A02": "in-progress", "A03 ADT_A03": "finished", "A04 ADT_A01": "in-progress",
    "A05 ADT_A05": "planned", "A06 ADT_A06": "in-progress", "A07 ADT_A06": "in-progress", "A08 ADT_A01": "in-progress",
    "A09 ADT_A09": "in-progress", "A10 ADT_A09": "in-progress", "A11 ADT_A09": "cancelled", "A12 ADT_A12": "in-progress",
    "A13 ADT_A01": "in-progress", "A14 ADT_A05": "planned", "A15 ADT_A15": "in-progress", "A16 ADT_A16": "in-progress",
    "A21 ADT_A21": "onleave", "A22 ADT_A21": "in-progress", "A23 ADT_A21": "entered-in-error", "A25 ADT_A21": "in-progress",
    "A26 ADT_A21": "in-progress", "A27 ADT_A21": "cancelled", "A32 ADT_A21": "in-progress", "A33 ADT_A21": "in-progress",
    "A38 ADT_A38": "cancelled", "A52 ADT_A52": "in-progress", "A53 ADT_A52": "onleave", "A54 ADT_A54": "in-progress",
    "A55 ADT_A54": "in-progress", "A61 ADT_A61": "in-progress", "A62 ADT_A61": "in-progress",
}  # fmt: skip


@pytest.mark.parametrize("key", STATUSES)
def test_R_STAT_1_status_by_event(key: str) -> None:
    event, structure = key.split()
    assert visit(event=event, structure=structure)["status"] == STATUSES[key]


def test_R_STAT_1_base_is_finished_where_the_visit_has_an_end() -> None:
    assert visit(event="A08", f44="20260311083000-0500", f45="20260312083000-0500")["status"] == "finished"


@pytest.mark.parametrize(("event", "structure"), [("A28", "ADT_A05"), ("A31", "ADT_A05"), ("A29", "ADT_A21")])
def test_R_ENC_1_person_events_have_no_visit_without_a_number(event: str, structure: str) -> None:
    assert convert(PID, pv1(f19=""), event=f"ADT^{event}^{structure}").all("Encounter") == []


def test_R_ENC_1_class_N_alone_is_no_visit() -> None:
    assert convert(PID, "PV1|1|N").all("Encounter") == []


def test_R_CAN_1_a_cancelled_discharge_has_no_end() -> None:
    assert visit(event="A13", f44="20260311083000-0500", f45="20260312083000-0500")["period"] == {
        "start": "2026-03-11T08:30:00-05:00"
    }


def test_R_CAN_2_a_deleted_visit_makes_its_patient_inactive() -> None:
    assert convert(PID, pv1(), event="ADT^A23^ADT_A21").one("Patient")["active"] is False


def test_R_CAN_2_a_deleted_person_is_inactive() -> None:
    assert convert(PID, event="ADT^A29^ADT_A21").one("Patient")["active"] is False


def test_R_PAT_10_active_is_not_assumed() -> None:
    assert "active" not in convert(PID, pv1()).one("Patient")


def test_R_ENC_6_places_and_their_states() -> None:
    found = convert(PID, pv1(f6="ER^01", f11="TMP^9", f42="REHAB^1", f43="XRAY^2"))
    told = [(found.at(x["location"])["name"], x["status"]) for x in found.one("Encounter")["location"]]
    assert told == [("A", "active"), ("01", "completed"), ("9", "active"), ("1", "reserved"), ("2", "completed")]


def test_R_ENC_6_the_place_of_a_planned_visit_is_planned() -> None:
    assert visit(event="A05", structure="ADT_A05", f2="P")["location"][0]["status"] == "planned"


def test_R_ENC_6_the_place_of_a_finished_visit_is_completed() -> None:
    assert visit(event="A03", structure="ADT_A03")["location"][0]["status"] == "completed"


def test_R_LOC_1_bed_in_room_in_ward_in_floor_in_building_in_site() -> None:
    bundle = convert(PID, pv1(f3="4WEST^412^A^NORTH&2.999.10.1&ISO^^^MAIN^4"))
    place = bundle.at(bundle.one("Encounter")["location"][0]["location"])
    seen: list[tuple[str, str | None]] = []
    while True:
        seen.append((place["name"], place.get("physicalType", {}).get("coding", [{}])[0].get("code")))
        if "partOf" not in place:
            break
        place = bundle.at(place["partOf"])
    assert seen == [("A", "bd"), ("412", "ro"), ("4WEST", None), ("4", "lvl"), ("MAIN", "bu"), ("NORTH", "si")]


def test_R_LOC_2_a_nursing_unit_is_a_ward() -> None:
    place = convert(PID, pv1(f3="4WEST^^^^^N")).one("Location")
    assert place["physicalType"]["coding"][0]["code"] == "wa"


def test_R_LOC_3_bed_state_on_the_bed() -> None:
    bundle = convert(PID, pv1(f40="O"))
    assert [x["operationalStatus"]["code"] for x in bundle.all("Location") if "operationalStatus" in x] == ["O"]


def test_R_LOC_3_bed_state_without_bed_or_room_is_not_called_mapped() -> None:
    bundle = convert(PID, pv1(f3="4WEST", f40="O"))
    assert ("field.unmapped", "PV1[1]-40[1].1") in bundle.issues


def test_R_LOC_3_status_and_authority_of_a_place_without_an_identifier() -> None:
    bundle = convert(PID, pv1(f3="4WEST^412^A^^O^^^^^^WARDS&2.999.7&ISO"))
    bed = next(place for place in bundle.all("Location") if place["name"] == "A")
    assert extensions(bed, "location-status")[0]["text"] == "O"
    authority = {"identifier": {"system": "urn:ietf:rfc:3986", "value": "urn:oid:2.999.7"}, "display": "WARDS"}
    assert extensions(bed, "location-authority") == [authority]


def test_R_LOC_3_the_authority_of_an_identifier_is_its_assigner_alone() -> None:
    bundle = convert(PID, pv1(f3="4WEST^412^A^^^^^^^77^WARDS"))
    bed = next(place for place in bundle.all("Location") if place["name"] == "A")
    assert bed["identifier"][0]["assigner"]["display"] == "WARDS"
    assert extensions(bed, "location-authority") == []


def test_PV2_clinic_valuables_and_recurring_service() -> None:
    bundle = convert(PID, pv1(), "PV2|||||ring~watch" + "|" * 18 + "Hillside Clinic^^77" + "|" * 8 + "WEEKLY")
    found = bundle.one("Encounter")["extension"]
    named = {one["url"].rpartition(":")[2]: one for one in found}
    assert bundle.at(named["clinic"]["valueReference"])["name"] == "Hillside Clinic"
    assert [one["valueString"] for one in found if one["url"].endswith("valuables")] == ["ring", "watch"]
    assert named["recurring-service"]["valueCodeableConcept"]["text"] == "WEEKLY"


def test_R_LOC_4_one_ward_for_two_beds() -> None:
    bundle = convert(PID, pv1(f6="4WEST^412^B"))
    assert sorted(x["name"] for x in bundle.all("Location")) == ["412", "4WEST", "A", "B"]


def test_R_ENC_5_participants() -> None:
    found = visit(f7=DOCTOR, f8=DOCTOR, f9=DOCTOR, f17=DOCTOR)
    assert [p["type"][0]["coding"][0]["code"] for p in found["participant"]] == ["ATND", "REF", "CON", "ADM"]


def test_R_PERS_3_one_doctor_in_four_fields_is_one_person() -> None:
    assert len(convert(PID, pv1(f7=DOCTOR, f8=DOCTOR, f9=DOCTOR, f17=DOCTOR)).all("Practitioner")) == 1


def test_D_ROL_1_a_role_after_the_visit_takes_part_in_it() -> None:
    bundle = convert(PID, pv1(), f"ROL|R1|AD|AT^Attending^HL70443|{DOCTOR}")
    part = bundle.one("Encounter")["participant"][0]
    assert part["type"][0]["coding"][0]["code"] == "ATND"
    assert bundle.all("CareTeam") == []


def test_D_ROL_1_a_role_uses_its_own_details_only() -> None:
    bundle = convert(PID, pv1(), f"ROL|R1|AD|AT|{DOCTOR}", "ROL||AD|CP|50001^Plum^Ann")
    parts = [bundle.at(p["individual"])["resourceType"] for p in bundle.one("Encounter")["participant"]]
    assert parts == ["PractitionerRole", "Practitioner"]


def test_D_PRT_2_the_primary_provider_is_general_practitioner() -> None:
    bundle = convert(PID, f"PRT||AD||PP^Primary^HL70912|{DOCTOR}", pv1(), version="2.8")
    assert bundle.at(bundle.one("Patient")["generalPractitioner"][0])["resourceType"] == "Practitioner"


def test_R_ENC_12_diagnosis_of_the_visit() -> None:
    bundle = convert(PID, pv1(), "DG1|1||R07.9^Chest pain^I10||20260311|A|||||||||2", event="ADT^A03^ADT_A03")
    diagnosis = bundle.one("Encounter")["diagnosis"][0]
    assert (diagnosis["use"]["coding"][0]["code"], diagnosis["rank"]) == ("AD", 2)
    assert bundle.at(diagnosis["condition"])["code"]["coding"][0]["code"] == "R07.9"


def test_R_NTE_1_a_note_on_the_visit() -> None:
    assert extensions(visit("NTE|1||Two visitors at a time"), "/note") == [{"text": "Two visitors at a time"}]


def test_R_SEC_2_a_protected_visit() -> None:
    assert visit("PV2" + "|" * 22 + "Y")["meta"]["security"][0]["code"] == "R"


def test_R_SEC_4_an_access_restriction_belongs_to_what_it_follows() -> None:
    bundle = convert(PID, "ARV|1|A|VIP^Celebrity^L", pv1(), "ARV|1|A|PSY^Sensitive^L", version="2.8")
    assert [s["code"] for s in bundle.one("Patient")["meta"]["security"]] == ["VIP"]
    assert [s["code"] for s in bundle.one("Encounter")["meta"]["security"]] == ["PSY"]


def test_D_SEG_8_an_accident_is_a_reason() -> None:
    assert visit("ACC|20260311|AUT^Auto accident")["reasonCode"][0]["coding"][0]["code"] == "AUT"


def test_D_EVT_5_the_number_before_the_change_is_an_old_one() -> None:
    bundle = convert(PID, "MRG|||||V0^^^NORTH&2.999.10.1&ISO^VN", pv1(), event="ADT^A06^ADT_A06")
    assert [(i.get("use"), i["value"]) for i in bundle.one("Encounter")["identifier"]] == [(None, "V1"), ("old", "V0")]


def test_D_PID_10_account_of_the_visit() -> None:
    bundle = convert(PID, pv1())
    assert bundle.at(bundle.one("Encounter")["account"][0]) == bundle.one("Account")


def test_R_ENC_11_an_episode_where_its_number_is_known() -> None:
    bundle = convert(PID, pv1() + "|" * 34 + "Diabetes care|EP9^^^NORTH&2.999.10.1&ISO")
    episode = bundle.one("EpisodeOfCare")
    assert (episode["status"], episode["type"][0]["text"]) == ("active", "Diabetes care")
    assert bundle.at(bundle.one("Encounter")["episodeOfCare"][0]) == episode


def test_R_ENC_11_no_episode_from_its_description_alone() -> None:
    assert convert(PID, pv1() + "|" * 34 + "Diabetes care").all("EpisodeOfCare") == []


def test_R_STAT_31_the_episode_of_a_finished_visit_has_no_known_state() -> None:
    bundle = convert(PID, pv1() + "|" * 35 + "EP9^^^NORTH&2.999.10.1&ISO", event="ADT^A03^ADT_A03")
    assert bundle.one("EpisodeOfCare")["_status"]["extension"][0]["valueCode"] == "unknown"


def test_R_ENC_6_temporary_places_say_so() -> None:
    found = visit(f11="ER", f43="XR")["location"]
    assert [(p["status"], [c["text"] for c in extensions(p, "locationClassification")]) for p in found] == [
        ("active", []),
        ("active", ["temporary"]),
        ("completed", ["temporary"]),
    ]


def test_R_ENC_5_the_same_person_in_the_same_part_is_one_participant() -> None:
    rol = f"ROL||AD|AT^Attending^HL70443|{DOCTOR}|20260310|20260312"
    found = visit(rol, f7=f"{DOCTOR}~9^Haddad^Sami", f9=DOCTOR)["participant"]
    assert [[c["code"] for c in p["type"][0]["coding"]] for p in found] == [["ATND", "AT"], ["ATND"], ["CON"]]
    assert found[0]["period"] == {"start": "2026-03-10", "end": "2026-03-12"}


def test_R_ENC_5_a_role_with_a_place_stands_for_its_person() -> None:
    plain = f"ROL||AD|AT^Attending^HL70443|{DOCTOR}"
    bundle = convert(PID, pv1(f7=DOCTOR), f"ROL|77|AD|AT^Attending^HL70443|{DOCTOR}", plain)
    [found] = bundle.one("Encounter")["participant"]
    assert bundle.at(found["individual"])["resourceType"] == "PractitionerRole"


def test_R_ENC_13_a_result_belongs_to_the_visit_it_was_made_in() -> None:
    obx = "OBX|{}|NM|8302-2^Height^LN||17{}|cm|||||F|||{}"
    times = ("20260310", "202603111200-0500", "20260315", "")
    bundle = convert(PID, pv1(f44="20260310", f45="20260312"), *(obx.format(n, n, t) for n, t in enumerate(times)))
    assert ["encounter" in o for o in bundle.all("Observation")] == [True, True, False, False]


def test_D_DG1_8_no_diagnosis_of_an_encounter_that_is_not_there() -> None:
    dg1 = "DG1|1||I21^Infarction^I10"
    assert "category" not in convert(PID, "PV1|1|O", dg1, event="ADT^A28^ADT_A05").one("Condition")
    assert "category" in convert(PID, "PV1|1||||||||||||||||||V1", dg1).one("Condition")


@pytest.mark.parametrize("event", ["A27^ADT_A21", "A38^ADT_A38"])
def test_R_PAT_6_no_account_is_active_by_a_cancel(event: str) -> None:
    assert convert(PID, pv1(), event=f"ADT^{event}").one("Account")["status"] == "unknown"


def test_R_NTE_1_a_note_after_PV2_is_about_the_visit() -> None:
    [note] = extensions(visit("PV2|||R07^Pain^I10", "NTE|1||Arrived with her sister"), "StructureDefinition/note")
    assert note["text"] == "Arrived with her sister"


HOME = "10 Mill Lane^^Northgate^NY^10001^USA^B"


@pytest.mark.parametrize(("segment", "person", "address"), [("ROL", 4, 11), ("PRT", 5, 14)])
def test_D_ROL_1_the_address_of_a_role_is_that_of_its_practitioner(segment: str, person: int, address: int) -> None:
    cells = [""] * (address + 1)
    cells[2 if segment == "ROL" else 4], cells[person], cells[address] = (
        "AD" if segment == "ROL" else "PP",
        DOCTOR,
        HOME,
    )
    if segment == "ROL":
        cells[3] = "PP"
    bundle = convert(PID, f"{segment}|{'|'.join(cells[1:])}", pv1(), version="2.8")
    doctor = bundle.one("Practitioner")
    assert (doctor["name"][0]["family"], doctor["address"][0]["city"]) == ("Okonjo", "Northgate")


def test_R_PAT_5_a_tribe_is_a_citizenship() -> None:
    patient = convert(f"{PID}{'|' * 21}CHOC^Choctaw^L", version="2.8").one("Patient")
    ((code,),) = extensions(patient, "patient-citizenship")
    assert code["valueCodeableConcept"]["text"] == "Choctaw"


def test_D_SEG_27_a_procedure_is_part_of_another() -> None:
    parent = f"PR1|1||0210^Bypass^I10P||20260311{'|' * 20}77^OR"
    (part,) = convert(PID, pv1(), parent, version="2.8").one("Procedure")["partOf"]
    assert (part["type"], part["identifier"]["value"]) == ("Procedure", "77")
