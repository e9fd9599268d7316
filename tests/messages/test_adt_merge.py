"""Merges, moves, links and swaps (R-MRG)."""

from __future__ import annotations

import pytest

from .bundle import Bundle, Json, convert

HOME = "NORTH&2.999.10.1&ISO"
SYSTEM = "urn:oid:2.999.10.1"


def number(value: str, kind: str = "MR") -> str:
    return f"{value}^^^{HOME}^{kind}"


def pid(value: str, name: str = "Ashgrove^Rowan", account: str = "") -> str:
    return f"PID|1||{number(value)}||{name}||19780314|F||||||||||{number(account, 'AN') if account else ''}"


def mrg(prior: str = "", account: str = "", patient: str = "", visit: str = "", name: str = "") -> str:
    return f"MRG|{prior}||{account}|{patient}|{visit}||{name}"


def pv1(visit: str, room: str = "412") -> str:
    return f"PV1|1|I|4WEST^{room}^A{'|' * 16}{number(visit, 'VN')}"


def message(event: str, structure: str, *segments: str) -> Bundle:
    return convert("EVN||20260502083000-0400|||A2290^Fennimore^Tess", *segments, event=f"ADT^{event}^{structure}")


def values(resource: Json) -> list[tuple[str | None, str]]:
    return [(i.get("use"), i["value"]) for i in resource["identifier"]]


def a40() -> Bundle:
    return message(
        "A40", "ADT_A39", pid("700412"), mrg(f"{number('699120')}~{number('OLD-2231')}", name="Birchwood^Rowan")
    )


def test_R_MRG_1_survivor_replaces_source() -> None:
    survivor, source = a40().all("Patient")
    assert survivor["link"] == [{"other": {"reference": a40().url(source)}, "type": "replaces"}]


def test_R_MRG_1_source_is_inactive_and_replaced() -> None:
    bundle = a40()
    survivor, source = bundle.all("Patient")
    assert source["active"] is False
    assert source["link"] == [{"other": {"reference": bundle.url(survivor)}, "type": "replaced-by"}]
    assert source["name"][0]["family"] == "Birchwood"


def test_R_MRG_1_both_are_put_by_their_number() -> None:
    bundle = a40()
    assert [bundle.request(p) for p in bundle.all("Patient")] == [
        {"method": "PUT", "url": f"Patient?identifier=urn%3Aoid%3A2.999.10.1|{n}"} for n in ("700412", "699120")
    ]


def test_R_MRG_1_the_source_is_the_record_that_an_admission_wrote() -> None:
    admitted = convert(pid("699120"), pv1("V1"))
    assert a40().url(a40().all("Patient")[1]) == admitted.url(admitted.one("Patient"))


def test_R_MRG_2_all_prior_numbers_belong_to_one_source() -> None:
    assert values(a40().all("Patient")[1]) == [("old", "699120"), ("old", "OLD-2231")]


def test_R_MRG_2_each_group_its_pair() -> None:
    bundle = message("A40", "ADT_A39", pid("1"), mrg(number("11")), pid("2"), mrg(number("22")))
    pairs = [
        (p["identifier"][0]["value"], bundle.at(p["link"][0]["other"])["identifier"][0]["value"])
        for p in bundle.all("Patient")
    ]
    assert pairs == [("1", "11"), ("11", "1"), ("2", "22"), ("22", "2")]


@pytest.mark.parametrize(
    ("event", "structure"),
    [("A18", "ADT_A18"), ("A30", "ADT_A30"), ("A34", "ADT_A30"), ("A36", "ADT_A30"), ("A39", "ADT_A39")],
)
def test_R_MRG_1_older_merges(event: str, structure: str) -> None:
    survivor, source = message(event, structure, pid("1"), mrg(number("11"))).all("Patient")
    assert (survivor["link"][0]["type"], source["active"]) == ("replaces", False)


@pytest.mark.parametrize(("event", "structure"), [("A35", "ADT_A30"), ("A41", "ADT_A39")])
def test_R_MRG_3_accounts(event: str, structure: str) -> None:
    bundle = message(event, structure, pid("1", account="AC1"), mrg(number("1"), number("AC0", "AN")))
    survivor, source = bundle.all("Account")
    assert values(survivor) == [(None, "AC1"), ("old", "AC0")]
    assert (source["status"], values(source)) == ("inactive", [("old", "AC0")])


def test_R_MRG_3_nobody_is_replaced_by_an_account_merge() -> None:
    assert "link" not in message("A41", "ADT_A39", pid("1", account="AC1"), mrg(number("1"), number("AC0", "AN"))).one(
        "Patient"
    )


def test_R_MRG_4_visits() -> None:
    bundle = message("A42", "ADT_A39", pid("1"), mrg(number("1"), visit=number("V0", "VN")), pv1("V1"))
    survivor, source = bundle.all("Encounter")
    assert values(survivor) == [(None, "V1"), ("old", "V0")]
    assert (source["status"], values(source)) == ("entered-in-error", [("old", "V0")])
    assert bundle.at(source["extension"][0]["valueReference"]) == survivor


def a43() -> Bundle:
    target = f"PID|1|{number('TO9', 'PI')}|{number('MOVED')}||Delacroix^Tariq"
    return message("A43", "ADT_A43", target, mrg(number("MOVED"), patient=number("FROM7", "PI")))


def test_R_MRG_5_the_gaining_patient_is_known_by_its_own_number() -> None:
    patient = a43().one("Patient")
    assert a43().request(patient)["url"] == "Patient?identifier=urn%3Aoid%3A2.999.10.1|TO9"
    assert [v for _, v in values(patient)] == ["TO9", "MOVED"]


def test_R_MRG_5_no_link_and_nobody_inactive() -> None:
    assert not {"link", "active"} & set(a43().one("Patient"))


def test_R_MRG_5_the_losing_patient_is_named_not_written() -> None:
    entities = [e for p in a43().all("Provenance") for e in p.get("entity", ())]
    assert [e["what"]["identifier"]["value"] for e in entities] == ["FROM7"]
    assert "merge.source-unwritten" in a43().codes


def test_R_MRG_6_account_move() -> None:
    bundle = message("A44", "ADT_A43", pid("1", account="AC1"), mrg(number("11"), number("AC0", "AN")))
    account = bundle.one("Account")
    assert bundle.at(account["subject"][0]) == bundle.one("Patient")
    assert values(account) == [(None, "AC1"), ("old", "AC0")]


def test_R_MRG_7_visit_moves() -> None:
    bundle = message(
        "A45",
        "ADT_A45",
        pid("1"),
        mrg(number("11"), visit=number("V0", "VN")),
        pv1("V1"),
        mrg(number("11"), visit=number("V2", "VN")),
        pv1("V2"),
    )
    assert [values(e) for e in bundle.all("Encounter")] == [[(None, "V1"), ("old", "V0")], [(None, "V2")]]
    assert {bundle.at(e["subject"])["identifier"][0]["value"] for e in bundle.all("Encounter")} == {"1"}


def test_R_MRG_8_a_renumbered_patient_is_found_by_the_old_number() -> None:
    bundle = message("A47", "ADT_A30", pid("NEW"), mrg(number("OLD")))
    patient = bundle.one("Patient")
    assert bundle.request(patient)["url"] == "Patient?identifier=urn%3Aoid%3A2.999.10.1|OLD"
    assert values(patient) == [(None, "NEW"), ("old", "OLD")]


def test_R_MRG_8_a_renumbered_account() -> None:
    bundle = message("A49", "ADT_A30", pid("1", account="AC1"), mrg(number("1"), number("AC0", "AN")))
    assert bundle.request(bundle.one("Account"))["url"] == "Account?identifier=urn%3Aoid%3A2.999.10.1|AC0"


def test_R_MRG_8_a_renumbered_visit() -> None:
    bundle = message("A50", "ADT_A50", pid("1"), mrg(number("1"), visit=number("V0", "VN")), pv1("V1"))
    assert bundle.request(bundle.one("Encounter"))["url"] == "Encounter?identifier=urn%3Aoid%3A2.999.10.1|V0"


def test_R_MRG_9_linked_patients_see_each_other() -> None:
    bundle = message("A24", "ADT_A24", pid("1"), pid("2"))
    assert [
        (p["link"][0]["type"], bundle.at(p["link"][0]["other"])["identifier"][0]["value"])
        for p in bundle.all("Patient")
    ] == [
        ("seealso", "2"),
        ("seealso", "1"),
    ]


def test_R_MRG_9_unlinked_patients_have_no_link_and_a_warning() -> None:
    bundle = message("A37", "ADT_A37", pid("1"), pid("2"))
    assert not [p for p in bundle.all("Patient") if "link" in p]
    assert "merge.links-rewritten" in bundle.codes


@pytest.mark.parametrize("prior", ["", number("700412")], ids=["empty", "same"])
def test_R_MRG_10_without_a_second_number_an_update(prior: str) -> None:
    bundle = message("A40", "ADT_A39", pid("700412"), mrg(prior))
    assert "link" not in bundle.one("Patient")
    assert "merge.incomplete" in bundle.codes


def test_R_MRG_10_a_number_of_both_sides_is_not_the_source() -> None:
    both = number("NAT1", "NI")
    bundle = message("A40", "ADT_A39", f"PID|1||{number('1')}~{both}||Ashgrove^Rowan", mrg(f"{both}~{number('11')}"))
    assert values(bundle.all("Patient")[1]) == [("old", "11")]


def test_R_MRG_11_provenance_names_the_source() -> None:
    bundle = a40()
    event = next(p for p in bundle.all("Provenance") if "entity" in p)
    assert event["activity"]["coding"][0]["code"] == "UPDATE"
    assert [(e["role"], bundle.at(e["what"])) for e in event["entity"]] == [("source", bundle.all("Patient")[1])]


def test_R_MSG_9_a_merge_is_about_all_its_patients() -> None:
    bundle = a40()
    assert [bundle.at(f) for f in bundle.one("MessageHeader")["focus"]] == bundle.all("Patient")


def test_R_MRG_13_a_swap_keeps_each_patient_its_visit_account_and_bed() -> None:
    bundle = message(
        "A17", "ADT_A17", pid("1", account="AC1"), pv1("V1", "412"), pid("2", account="AC2"), pv1("V2", "305")
    )
    seen = [
        (
            e["identifier"][0]["value"],
            bundle.at(e["subject"])["identifier"][0]["value"],
            bundle.at(e["account"][0])["identifier"][0]["value"],
        )
        for e in bundle.all("Encounter")
    ]
    assert seen == [("V1", "1", "AC1"), ("V2", "2", "AC2")]
    assert [bundle.at(a["subject"][0])["identifier"][0]["value"] for a in bundle.all("Account")] == ["1", "2"]


def test_R_MRG_13_a_bed_and_its_state() -> None:
    bundle = message("A20", "ADT_A20", "NPU|4WEST^412^A|H^Housekeeping^HL70116")
    bed = bundle.at(bundle.one("MessageHeader")["focus"][0])
    assert (bed["name"], bed["operationalStatus"]["code"]) == ("A", "H")
