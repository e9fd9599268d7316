"""What a receiver found by reading: coverage, procedures, places, merges within one patient (R-STAT-25, D-PR1-4, R-LOC, R-MRG)."""

from __future__ import annotations

import pytest

from .bundle import Bundle, Json, convert, extensions

PID = "PID|1||1^^^NORTH&2.999.10.1&ISO^MR||Ashgrove^Rowan" + "|" * 13 + "ACC9^^^NORTH^AN"
PV1 = "PV1|1|I" + "|" * 17 + "V9^^^NORTH^VN"


def segment(name: str, **fields: str) -> str:
    cells = [""] * 80
    for number, value in fields.items():
        cells[int(number[1:])] = value
    return f"{name}|" + "|".join(cells[1:]).rstrip("|")


def insured(relation: str, in2: str = "", **fields: str) -> Bundle:
    in1 = segment(
        "IN1", f1="1", f2="P1", f3="77^^^NAIC&2.16.840.1.113883.6.300&ISO", f16="Ashgrove^Lin", f17=relation, **fields
    )
    return convert(PID, PV1, in1, *([segment("IN2", f72=in2)] if in2 else []))


def relationship(bundle: Bundle) -> list[str]:
    return [c["code"] for c in bundle.one("Coverage")["relationship"]["coding"]]


def test_R_STAT_25_patient_to_insured_beats_a_relation_that_would_be_inverted() -> None:
    assert relationship(insured("FTH^Father^HL70063", "03"))[0] == "child"


def test_R_STAT_25_insured_to_patient_alone_stays_as_sent() -> None:
    assert relationship(insured("FTH^Father^HL70063")) == ["FTH"]


def test_R_STAT_25_a_spouse_is_a_spouse_both_ways() -> None:
    assert relationship(insured("SPO^Spouse^HL70063", "02"))[0] == "spouse"


def test_D_IN1_5_the_insured_is_related_as_IN1_17_says() -> None:
    person = insured("FTH^Father^HL70063", "03").one("RelatedPerson")
    assert "FTH" in [c["code"] for c in person["relationship"][0]["coding"]]


def test_R_ID_2_a_policy_number_is_not_of_the_register_of_companies() -> None:
    assert insured("SEL", f36="POL-5").one("Coverage")["identifier"] == [{"value": "POL-5"}]


def test_D_SEG_3_the_payor_has_the_number_of_IN2_25() -> None:
    bundle = convert(PID, PV1, segment("IN1", f2="P1", f4="Lakeside Mutual"), segment("IN2", f25="PAY-3"))
    payor = bundle.at(bundle.one("Coverage")["payor"][0])
    assert [i["value"] for i in payor["identifier"]] == ["PAY-3"]


def test_R_ID_4_who_gave_a_certification_number() -> None:
    bundle = convert(PID, PV1, segment("IN1", f2="P1"), segment("IN3", f1="1", f2="CERT5^^^LAKE"))
    assert bundle.one("Coverage")["identifier"][0]["assigner"]["display"] == "LAKE"


def allergy(**fields: str) -> Json:
    iam = segment("IAM", f1="1", f2="DA", f3="PEN^Penicillin", f6="A", **fields)
    return convert(PID, PV1, iam).one("AllergyIntolerance")


def test_R_STAT_17_the_clinical_status_is_only_what_the_table_gives() -> None:
    status = allergy(f17="C^Confirmed^HL70438")["clinicalStatus"]
    assert [c["code"] for c in status["coding"]] == ["active"]
    assert "text" not in status


def test_R_STAT_17_confirmed_but_inactive() -> None:
    found = allergy(f17="I^Confirmed but inactive^HL70438")
    assert found["clinicalStatus"]["coding"][0]["code"] == "inactive"
    assert [c["code"] for c in found["verificationStatus"]["coding"]] == ["confirmed", "I"]


def test_R_NF_10_an_unknown_status_costs_itself_not_the_message() -> None:
    bundle = convert(PID, PV1, segment("IAM", f1="1", f2="DA", f3="PEN^Penicillin", f17="ZZ"))
    found = bundle.one("AllergyIntolerance")
    assert found["clinicalStatus"]["coding"][0]["code"] == "active"
    assert "verificationStatus" not in found
    assert ("field.unmapped", "IAM[1]-17[1].1") in bundle.issues


def procedure(code: str, modifiers: str) -> Json:
    return convert(PID, PV1, segment("PR1", f1="1", f3=code, f5="20260102", f16=modifiers)).one("Procedure")


def test_D_PR1_4_modifiers_stand_behind_a_CPT_code() -> None:
    found = procedure("93000^Electrocardiogram^C4", "26^Professional^C4~59")
    assert [c["code"] for c in found["code"]["coding"]] == ["93000:26:59"]


def test_D_PR1_4_modifiers_of_another_code_stand_beside_it() -> None:
    found = procedure("0DT^Appendectomy^I10P", "LT")
    assert [c["code"] for c in found["code"]["coding"]] == ["0DT"]
    assert len(extensions(found, "procedure-modifier")) == 1


def test_R_VERB_8_an_action_code_is_no_residue() -> None:
    bundle = convert(PID, PV1, segment("DG1", f1="1", f3="I10^Hypertension^I10", f21="A"))
    assert ("field.unmapped", "DG1[1]-21[1].1") not in bundle.issues


def test_R_LOC_2_a_nursing_unit_is_a_ward_above_room_and_bed_too() -> None:
    bundle = convert(PID, PV1.replace("|I|", "|I|4E^412^1^NORTH^^N", 1))
    kinds = {r["name"]: r["physicalType"]["coding"][0]["code"] for r in bundle.all("Location") if "physicalType" in r}
    assert kinds == {"NORTH": "si", "4E": "wa", "412": "ro", "1": "bd"}


def test_R_LOC_4_the_facility_of_the_event_is_that_of_the_bed() -> None:
    evn = "EVN||20260311084512-0500|||||NORTH"
    bundle = convert(evn, PID, PV1.replace("|I|", "|I|4E^412^1^NORTH", 1))
    assert [r["name"] for r in bundle.all("Location")].count("NORTH") == 1


def test_D_ROL_1_how_long_a_general_practitioner_is_one() -> None:
    bundle = convert(PID, "ROL|1|AD|PP|5^Gull^Gee|20200101")
    role = bundle.at(bundle.one("Patient")["generalPractitioner"][0])
    assert role["period"] == {"start": "2020-01-01"}


def merge(event: str, mrg: str) -> Bundle:
    return convert(PID, mrg, PV1, event=f"ADT^{event}")


def test_R_MRG_10_accounts_of_one_patient_are_merged_without_complaint() -> None:
    bundle = merge("A41", "MRG|1^^^NORTH&2.999.10.1&ISO^MR||ACC1^^^NORTH^AN")
    assert len(bundle.all("Account")) == 2
    assert "merge.incomplete" not in bundle.codes


def test_R_MRG_10_visits_of_one_patient_are_merged_without_complaint() -> None:
    bundle = merge("A42", "MRG|1^^^NORTH&2.999.10.1&ISO^MR||||V1^^^NORTH^VN")
    assert len(bundle.all("Encounter")) == 2
    assert "merge.incomplete" not in bundle.codes


def test_R_MRG_10_a_merge_of_visits_without_a_second_visit() -> None:
    assert "merge.incomplete" in merge("A42", "MRG|1^^^NORTH&2.999.10.1&ISO^MR||||V9^^^NORTH^VN").codes


def test_R_MRG_7_the_patient_that_a_visit_leaves_is_named_in_the_provenance() -> None:
    bundle = convert("EVN||20260311084512-0500", PID, "MRG|66^^^NORTH&2.999.10.1&ISO^MR||||V1", PV1, event="ADT^A45")
    entities = [e for p in bundle.all("Provenance") for e in p.get("entity", ())]
    assert [e["what"]["identifier"]["value"] for e in entities] == ["66"]
    assert len(bundle.all("Patient")) == 1


def test_R_ORG_4_no_organisation_is_at_home_and_no_message_is_lost_by_it() -> None:
    bundle = insured(
        "SEL", f4="Lakeside Mutual^L", f5="9 Shore St^^X^^^^H", f7="416-555-0100^PRN^PH~416-555-0101^WPN^PH"
    )
    payor = bundle.at(bundle.one("Coverage")["payor"][0])
    assert ("use" in payor["address"][0], [t.get("use") for t in payor["telecom"]]) == (False, [None, "work"])
    assert {("organization.home", "IN1[1]-5[1].7"), ("field.unmapped", "IN1[1]-5[1].7")} <= bundle.issues


def test_R_ORG_1_kind_of_the_name_of_a_payor() -> None:
    bundle = insured("SEL", f4="Lakeside Mutual^L")
    [kind] = extensions(bundle.at(bundle.one("Coverage")["payor"][0]), "name-type")
    assert kind["coding"][0]["code"] == "L"


@pytest.mark.parametrize("value", ["&&&", "^&", "&", "^~&", '^""', "^ "])
@pytest.mark.parametrize("kind", ["NM", "SN", "CWE", "ST", "TX", "DT", "NA", "CX", "XPN", "ZZ"])
def test_R_INV_1_a_value_of_delimiters_costs_no_message(kind: str, value: str) -> None:
    result = convert(PID, PV1, f"OBX|1|{kind}|1^A^L||{value}||||||F").one("Observation")
    told = [key for part in (result, *result.get("component", ())) for key in part if key.startswith("value")]
    assert ("dataAbsentReason" in result) != bool(told)


def test_R_REQ_9_a_class_of_coverage_that_has_only_a_name() -> None:
    found = insured("SEL", f35="^Gold plan").one("Coverage")["class"][-1]
    assert (found["name"], found["_value"]["extension"][0]["valueCode"]) == ("Gold plan", "unknown")


def test_R_CODE_13_what_is_no_code_costs_no_message() -> None:
    bundle = convert(PID, header="MSH|^~\\&|A|B|||20260311||ADT^A04^ADT_A01|C1|P  X^A   B|2.5")
    assert [t["display"] for t in bundle.one("MessageHeader")["meta"]["tag"]] == ["P  X", "A   B"]


def test_R_MSG_3_a_URI_with_blanks_is_no_endpoint() -> None:
    bundle = convert(PID, header="MSH|^~\\&|A^urn:x y^URI|B|||20260311||ADT^A04^ADT_A01|C1|P|2.5")
    assert "endpoint" not in bundle.one("MessageHeader")["source"]


def test_R_STAT_23_a_kind_of_equipment_that_is_no_code_stays_as_words() -> None:
    telecom = convert("PID|1||1||Ashgrove||||||||^PRN^mobile  phone^^^416^5550144").one("Patient")["telecom"][0]
    [sent] = extensions(telecom["_system"], "alternate-codes")
    assert sent["text"] == "mobile  phone"


def test_R_NF_6_a_second_header_without_an_event_has_no_empty_display() -> None:
    headers = convert(PID, "# a comment", "MSH|^http://x y|A|B|||20260311||^^^^X|C2|P|2.5").all("MessageHeader")
    assert [h["eventCoding"].get("display") for h in headers] in (["ADT^A01^ADT_A01", None], ["ADT^A01^ADT_A01"])
