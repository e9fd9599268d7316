"""Header and provenance of an ADT (R-MSG, R-PROV)."""

from __future__ import annotations

import segue

from .bundle import Bundle, Json, convert

PID = "PID|1||1^^^NORTH&2.999.10.1&ISO^MR||Ashgrove^Rowan"
OPERATOR = "A2290^Fennimore^Tess"


def header(**fields: str) -> str:
    cells = [""] * 28
    known = {
        "f3": "WARD",
        "f4": "NORTHGATE",
        "f7": "20260311084512-0500",
        "f9": "ADT^A04^ADT_A01",
        "f10": "C1",
        "f11": "P",
        "f12": "2.5.1",
    }
    for name, value in {**known, **fields}.items():
        cells[int(name[1:])] = value
    return "MSH|^~\\&|" + "|".join(cells[3:]).rstrip("|")


def event(evn: str, **fields: str) -> tuple[Bundle, list[Json]]:
    bundle = convert(evn, PID, "PV1|1|O", header=header(**fields))
    return bundle, bundle.all("Provenance")[2:]


def test_R_PROV_1_source_and_transformation_are_two() -> None:
    bundle = convert(PID, "PV1|1|O")
    source, transformation = bundle.all("Provenance")
    assert source["activity"]["coding"][0]["code"] == "A01"
    assert transformation["activity"]["coding"][0]["code"] == "v2-fhir-transformation"


def test_R_PROV_1_source_and_transformation_are_two_without_a_control_id() -> None:
    assert len(convert(PID, "PV1|1|O", header=header(f10="")).all("Provenance")) == 2


def test_D_PROV_9_operator_and_organisation() -> None:
    bundle, [found] = event(f"EVN||20260311084500-0500|||{OPERATOR}|20260311083000-0500")
    kinds = [
        (a.get("type", {}).get("coding", [{}])[0].get("code"), bundle.at(a["who"])["resourceType"])
        for a in found["agent"]
    ]
    assert kinds == [("enterer", "Practitioner"), (None, "Organization")]


def test_D_PROV_9_every_operator() -> None:
    _, [found] = event(f"EVN||20260311084500-0500|||{OPERATOR}~B1^Plum^Ann", f4="")
    assert len(found["agent"]) == 2


def test_R_REQ_15_an_event_of_nobody() -> None:
    _, [found] = event("EVN||20260311084500-0500", f4="")
    assert found["agent"][0]["who"]["extension"][0]["valueCode"] == "unknown"


def test_R_PROV_6_times_of_the_event() -> None:
    _, [found] = event("EVN||20260311084500-0500||||20260311083000-0500")
    assert (found["recorded"], found["occurredDateTime"]) == ("2026-03-11T08:45:00-05:00", "2026-03-11T08:30:00-05:00")


def test_R_PROV_3_a_time_without_offset_is_no_instant_and_stays_as_sent() -> None:
    _, [found] = event("EVN||202603110845", f7="202603110850")
    assert "recorded" not in found
    assert [e.get("valueCode") or e["valueString"] for e in found["_recorded"]["extension"]] == [
        "unknown",
        "202603110845",
    ]


def test_D_PROV_13_an_unknown_reason() -> None:
    _, [found] = event("EVN||20260311084500-0500||U")
    assert found["reason"][0]["extension"][0]["valueCode"] == "unknown"


def test_R_PROV_6_place_of_the_event() -> None:
    bundle, [found] = event("EVN||20260311084500-0500|||||SOUTH^2.999.10.2^ISO")
    assert bundle.at(found["location"])["identifier"][0]["value"] == "urn:oid:2.999.10.2"


def test_R_MSG_3_endpoint_of_the_application() -> None:
    source = convert(PID, header=header(f3="WARD^2.999.10.7^ISO")).one("MessageHeader")["source"]
    assert (source["name"], source["endpoint"]) == ("WARD", "urn:oid:2.999.10.7")


def test_R_ORG_2_an_unreadable_universal_id_is_kept_as_it_is() -> None:
    bundle = convert(PID, header=header(f4="NORTHGATE^main site^L"))
    assert [i["value"] for i in bundle.at(bundle.one("MessageHeader")["sender"])["identifier"]] == [
        "NORTHGATE",
        "main site",
    ]


def test_R_MSG_8_language_of_the_message_as_tag() -> None:
    assert convert(PID, header=header(f19="eng^English^ISO639")).one("MessageHeader")["language"] == "en"


def test_R_MSG_8_what_is_no_language_is_left_out() -> None:
    assert "language" not in convert(PID, header=header(f19="PROSE")).one("MessageHeader")


def test_R_MSG_8_what_the_header_says_to_the_receiver_is_kept() -> None:
    bundle = convert(PID, header=header(f8="KEY7", f13="42", f15="AL", f16="NE", f17="CAN"))
    found = {e["url"].rpartition(":")[2]: e for e in bundle.one("MessageHeader")["extension"]}
    assert found["message-security"]["valueString"] == "KEY7"
    assert found["sequence-number"]["valueString"] == "42"
    assert found["accept-acknowledgment"]["valueCodeableConcept"]["coding"][0]["code"] == "AL"
    assert found["application-acknowledgment"]["valueCodeableConcept"]["coding"][0]["code"] == "NE"
    assert found["country"]["valueCodeableConcept"]["coding"][0]["code"] == "CAN"
    assert not any(code == "field.unmapped" for code, _ in bundle.issues)


def test_R_DATE_15_a_recorded_time_that_was_cut_or_cannot_be_read_is_told() -> None:
    def told(time: str) -> list[str]:
        raw = f"MSH|^~\\&|A||B||20260311||ADT^A08|1|P|2.5.1\rEVN||{time}\rPID|1||7^^^X\rPV1|1|I\r"
        return [i.code for i in segue.convert(raw.encode()).issues if i.v2 is not None and i.v2.segment == "EVN"]

    assert told("20260311084500-0500") == told("20260311") == []
    assert told("20260311084500") == ["field.time-cut"]
    assert told("20269911") == ["field.date-unreadable"]


def test_R_MSG_4_who_receives_is_told_without_a_receiving_application() -> None:
    bundle = convert(PID, header=header(f6="REGION^2.999.10.9^ISO"))
    destination = bundle.one("MessageHeader")["destination"][0]
    assert bundle.at(destination["receiver"])["name"] == "REGION"
    assert destination["_endpoint"]["extension"][0]["valueCode"] == "unknown"


def test_R_MSG_4_MSH_23_is_an_organisation_with_a_number_of_its_own() -> None:
    bundle = convert(PID, header=header(f5="HUB", f6="REGION", f23="Region Health^L^^^^TRUSTS^XX^^^RH5", f12="2.7"))
    receiver = bundle.at(bundle.one("MessageHeader")["destination"][0]["receiver"])
    assert (receiver["name"], [i["value"] for i in receiver["identifier"]]) == ("Region Health", ["RH5"])


def test_R_MSG_4_no_destination_where_nothing_names_one() -> None:
    assert "destination" not in convert(PID, header=header()).one("MessageHeader")
