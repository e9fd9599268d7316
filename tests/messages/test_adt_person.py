"""Persons: patient, relatives, guarantor, insured, health numbers (R-PAT, R-ID, R-CA, D-SEG)."""

from __future__ import annotations

from .bundle import Json, convert, extensions

PV1 = "PV1|1|I"
RELATIVE = "NK1|1|Ashgrove^Tobias|SPO^Spouse^HL70063"


def pid(**fields: str) -> str:
    cells = [""] * 41
    for name, value in {"f3": "1^^^NORTH&2.999.10.1&ISO^MR", "f5": "Ashgrove^Rowan", **fields}.items():
        cells[int(name[1:])] = value
    return "PID|" + "|".join(cells[1:]).rstrip("|")


def patient(*more: str, **fields: str) -> Json:
    return convert(pid(**fields), *more).one("Patient")


def test_R_CA_1_jurisdiction_of_a_health_number_in_CX_9() -> None:
    identifier = patient(f3="1234567890^^^^JHN^^^^ON&Ontario&HL70347")["identifier"][0]
    assert identifier["system"] == "https://fhir.infoway-inforoute.ca/NamingSystem/ca-on-patient-hcn"


def test_R_CA_1_authority_that_is_a_jurisdiction() -> None:
    identifier = patient(f3="9876543217^^^CANBC^JHN")["identifier"][0]
    assert identifier["system"] == "https://fhir.infoway-inforoute.ca/NamingSystem/ca-bc-patient-healthcare-id"


def test_R_CA_2_a_type_alone_selects_no_province() -> None:
    assert "system" not in patient(f3="1234567890^^^^JHN")["identifier"][0]


def test_R_CA_5_version_code_beside_the_number() -> None:
    identifier = patient(f3="1234567890^^^^JHN^^^^ON&Ontario&HL70347^^AB")["identifier"][0]
    assert (identifier["value"], extensions(identifier, "ext-identifierversion")) == ("1234567890", ["AB"])


def test_R_CA_11_two_provinces_are_both_kept() -> None:
    assert len(patient(f3="1234567890^^^CANON^JHN~9876543217^^^CANBC^JHN")["identifier"]) == 2


def test_R_ID_6_a_jurisdiction_that_does_not_decide_is_residue() -> None:
    bundle = convert(pid(f3="1^^^NORTH&2.999.10.1&ISO^MR^^^^ON&Ontario&HL70347"))
    assert bundle.one("Patient")["identifier"][0]["system"] == "urn:oid:2.999.10.1"
    assert ("field.unmapped", "PID[1]-3[1].9") in bundle.issues


def test_R_ID_15_a_missing_authority_stays_missing() -> None:
    assert patient(f3="100200")["identifier"] == [{"value": "100200"}]


def test_R_NULL_4_no_number_no_identifier() -> None:
    assert "identifier" not in patient(f3='""^^^^JHN^^^^CANON&&HL70363')


def test_R_DATE_11_date_of_birth_with_an_unplaced_time() -> None:
    found = patient(f7="197803140835")
    assert found["birthDate"] == "1978-03-14"


def test_R_DATE_11_midnight_is_no_time_of_birth() -> None:
    assert "_birthDate" not in patient(f7="19780314000000-0500")


def test_R_CA_12_language_as_tag_with_the_code_as_sent() -> None:
    language = patient(f15="fre^French^ISO639")["communication"][0]["language"]
    assert [(c.get("system"), c["code"]) for c in language["coding"]] == [("urn:ietf:bcp:47", "fr"), (None, "fre")]


def test_R_NTE_1_a_note_on_the_patient() -> None:
    assert extensions(patient("NTE|1||Call in the morning"), "/note") == [{"text": "Call in the morning"}]


def test_R_PAT_8_who_changed_the_record() -> None:
    bundle = convert(pid(f33="20260105120000-0500", f34="NORTH^2.999.10.1^ISO"))
    found = next(p for p in bundle.all("Provenance") if p.get("occurredDateTime") == "2026-01-05T12:00:00-05:00")
    assert bundle.at(found["target"][0]) == bundle.one("Patient")
    assert bundle.at(found["agent"][0]["who"])["name"] == "NORTH"


def test_R_PAT_8_nothing_unless_both_are_known() -> None:
    assert len(convert(pid(f33="20260105120000-0500")).all("Provenance")) == 2


def test_R_PAT_11_a_relative_is_contact_and_related_person() -> None:
    bundle = convert(pid(), RELATIVE)
    assert bundle.one("Patient")["contact"][0]["name"]["family"] == "Ashgrove"
    assert bundle.one("RelatedPerson")["name"][0]["given"] == ["Tobias"]


def test_D_NK1_3_the_contact_person_of_an_employer() -> None:
    employer = (
        "NK1|1||EMR^Employer^HL70063" + "|" * 10 + "Harbour Steel^L" + "|" * 17 + "Hart^Lucy|^WPN^PH^^1^555^5550121"
    )
    bundle = convert(pid(), employer)
    contact = bundle.one("Patient")["contact"][0]
    organization = bundle.at(contact["organization"])
    assert "name" not in contact
    assert (organization["name"], organization["contact"][0]["name"]["family"]) == ("Harbour Steel", "Hart")
    assert bundle.all("RelatedPerson") == []


def test_D_NK1_3_a_relative_has_no_organisation_of_a_neighbour() -> None:
    bundle = convert(pid(), "NK1|1||EMR" + "|" * 10 + "Harbour Steel", RELATIVE.replace("NK1|1", "NK1|2"))
    assert ["organization" in c for c in bundle.one("Patient")["contact"]] == [True, False]


def test_D_SEG_1_the_employer_of_a_guarantor() -> None:
    employer = "Mill Works|1 Weir Rd^^Northmoor^ON|5550188"
    bundle = convert(pid(), PV1, "GT1|1|G1|Ashgrove^Tobias||||||||SPO|||||" + employer)
    company = bundle.at(extensions(bundle.one("RelatedPerson"), "employer")[0])
    assert (company["name"], company["telecom"][0]["value"]) == ("Mill Works", "5550188")
    assert company["address"][0]["city"] == "Northmoor"
    assert ("field.unmapped", "GT1[1]-16[1].1") not in bundle.issues


def test_R_RID_2_an_employer_is_known_by_its_name_whatever_the_message_holds() -> None:
    employers = [
        bundle.at(extensions(bundle.one("RelatedPerson"), "employer")[0])["id"]
        for bundle in (
            convert(pid(), visit, "GT1|1|G1|Ashgrove^Tobias||||||||SPO|||||" + name)
            for visit, name in ((PV1, "Mill Works"), ("EVN||20260101", "Mill Works"), (PV1, "Weir Works"))
        )
    ]
    assert employers[0] == employers[1] != employers[2]


def test_D_SEG_1_a_patient_who_is_the_guarantor_has_the_employer() -> None:
    bundle = convert(pid(), PV1, "GT1|1||Ashgrove^Rowan||||||||SEL|||||Weir^Ada" + "|" * 35 + "Mill Works^L")
    company = bundle.at(extensions(bundle.one("Patient"), "employer")[0])
    assert (company["name"], company["contact"][0]["name"]["family"]) == ("Mill Works", "Weir")
    assert bundle.all("RelatedPerson") == []


def test_D_SEG_1_the_guarantor_of_the_account() -> None:
    bundle = convert(pid(f18="ACC1"), PV1, "GT1|1|G1|Ashgrove^Tobias|Birchwood^Ines||||19760920|M||SPO")
    guarantor = bundle.at(bundle.one("Account")["guarantor"][0]["party"])
    assert [n["family"] for n in guarantor["name"]] == ["Ashgrove"]


def test_D_SEG_1_a_patient_who_pays() -> None:
    bundle = convert(pid(f18="ACC1"), PV1, "GT1|1||Ashgrove^Rowan||||||||SEL")
    assert bundle.at(bundle.one("Account")["guarantor"][0]["party"]) == bundle.one("Patient")


def insured(*lines: str) -> list[tuple[str | None, str | None]]:
    """Name of the payor and kind of the subscriber of each Coverage."""
    bundle = convert(pid(), PV1, *lines)
    found: list[tuple[str | None, str | None]] = []
    for coverage in bundle.all("Coverage"):
        [payor], subscriber = coverage["payor"], coverage.get("subscriber")
        found.append(
            (
                bundle.at(payor)["name"] if "reference" in payor else None,
                bundle.at(subscriber)["resourceType"] if subscriber else None,
            )
        )
    return found


def test_R_SYS_12_a_tag_is_no_unknown_code() -> None:
    assert "code.unmapped" not in convert(pid(f15="ja^Japanese^ISO639")).codes


def test_D_SEG_2_each_coverage_its_own_payor_and_subscriber() -> None:
    first = "IN1|1|GOLD|HM^^^REG|Harbour Mutual" + "|" * 12 + "Ashgrove^Tobias|SPO"
    assert insured(first, "IN1|2|BASIC") == [("Harbour Mutual", "RelatedPerson"), (None, None)]


def test_D_IN1_5_the_patient_is_the_subscriber() -> None:
    assert insured("IN1|1|GOLD|HM|Harbour Mutual" + "|" * 12 + "Ashgrove^Rowan|SEL") == [("Harbour Mutual", "Patient")]


def test_D_IN1_4_one_organisation_holds_the_policy() -> None:
    bundle = convert(pid(), PV1, "IN1|1|GOLD|HM|Harbour Mutual||||||E5^^^REG|Lighthouse Works")
    holder = bundle.at(bundle.one("Coverage")["policyHolder"])
    assert (holder["name"], [i["value"] for i in holder["identifier"]]) == ("Lighthouse Works", ["E5"])


def test_D_IN1_3_a_subscriber_number_in_IN1_10() -> None:
    assert convert(pid(), PV1, "IN1|1|GOLD|HM|Harbour Mutual||||||S5^^^REG^SN").one("Coverage")["subscriberId"] == "S5"


IAM = "IAM|1|DA|7980^Penicillin G^RXNORM||||||AL||19990602|||"


def test_D_SEG_12_each_reaction_record_is_a_reaction() -> None:
    allergy = convert(pid(), PV1, IAM, "IAR|247472004^Hives^SCT|MO||Antihistamine", event="ADT^A60^ADT_A60").one(
        "AllergyIntolerance"
    )
    reaction = allergy["reaction"][0]
    assert (reaction["manifestation"][0]["coding"][0]["code"], reaction["severity"]) == ("247472004", "moderate")


def test_D_IAM_4_a_patient_who_reports() -> None:
    bundle = convert(pid(), PV1, IAM + "Ashgrove^Rowan|SEL", event="ADT^A60^ADT_A60")
    assert bundle.at(bundle.one("AllergyIntolerance")["recorder"]) == bundle.one("Patient")


def test_D_IAM_4_a_relative_who_reports() -> None:
    bundle = convert(pid(), PV1, IAM + "Birchwood^Ines|MTH", event="ADT^A60^ADT_A60")
    assert bundle.at(bundle.one("AllergyIntolerance")["recorder"])["resourceType"] == "RelatedPerson"


def test_R_ID_10_one_number_of_three_fields_is_one_identifier() -> None:
    found = patient(f2="1^^^NORTH", f3="1^^^NORTH^MR", f4="1")["identifier"]
    assert [(i["value"], i["type"]["coding"][0]["code"]) for i in found] == [("1", "MR")]


def test_R_ID_10_equal_numbers_of_two_authorities_are_two() -> None:
    found = patient(f3="1^^^NORTH^MR~1^^^SOUTH^MR~1^^^NORTH^PI")["identifier"]
    assert len(found) == 3


def test_R_TEL_8_one_number_written_in_two_ways() -> None:
    found = patient(f13="(416) 555-0144^PRN^PH", f40="^PRN^PH^^^416^5550144~416-555-0144^WPN^PH")["telecom"]
    assert [(t["value"], t["use"]) for t in found] == [("(416) 555-0144", "home"), ("416-555-0144", "work")]
    assert extensions(found[0], "contactpoint-area") == ["416"]


def test_R_TEL_8_addresses_with_equal_digits_are_not_one() -> None:
    found = patient(f13="^NET^Internet^rowan1@north.test~^NET^Internet^ash1@north.test")["telecom"]
    assert len(found) == 2


def test_R_STAT_22_a_vacation_home() -> None:
    address = patient(f11="1 Cove Rd^^Malpeque^PE^C0B 1M0^CAN^V")["address"][0]
    assert extensions(address, "iso21090-AD-use") == ["HV"]
    assert "use" not in address


def test_R_ADDR_5_an_address_that_is_known_to_be_bad() -> None:
    address = patient(f11="1 Cove Rd^^Malpeque^^^^H^^^^^^^^^^Y")["address"][0]
    assert address["use"] == "old"
    assert patient(f11="1 Cove Rd^^Malpeque^^^^H^^^^^^^^^^N")["address"][0]["use"] == "home"


def test_R_NAME_5_what_a_relative_is_called() -> None:
    bundle = convert(pid(), PV1, "NK1|1|Ashgrove^Tobias^^^^^L^^^^^^^^Toby|SPO", version="2.7")
    assert [n["given"] for n in bundle.one("RelatedPerson")["name"]] == [["Tobias"], ["Toby"]]


def test_R_TEL_5_no_use_is_guessed_where_the_field_names_none() -> None:
    related = convert(pid(), PV1, f"{RELATIVE}||416-555-0144|416-555-0145").one("RelatedPerson")
    assert [t.get("use") for t in related["telecom"]] == [None, "work"]


def test_R_PAT_11_lineage_of_a_contact_without_a_name() -> None:
    done = convert(pid(), "NK1|1||||||EMR^Employer").conversion
    reached = [path for entry in done.ledger if str(entry.v2).startswith("NK1[1]-7") for path in entry.fhir]
    assert any(".contact[0].relationship" in path for path in reached), reached


def test_R_PAT_11_a_relative_of_whom_only_a_number_is_known() -> None:
    bundle = convert(pid(), PV1, "NK1|1||MTH^Mother^HL70063||416-555-0144")
    assert bundle.one("RelatedPerson")["telecom"][0]["value"] == "416-555-0144"
    assert len(bundle.one("Patient")["contact"]) == 1


def test_R_PAT_11_the_number_of_a_contact_person_is_not_that_of_the_relative() -> None:
    contact = patient(
        PV1, f"{RELATIVE}||^PRN^PH^^^416^5550144" + "|" * 25 + "Smith^Ann|^WPN^PH^^^416^5559999|9 Work Rd"
    )
    assert [t["value"] for t in contact["contact"][0]["telecom"]] == ["416 5550144"]
    assert "address" not in contact["contact"][0]
