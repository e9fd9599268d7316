"""Sites: chosen by MSH-3/4/9/12, a dialect in ten lines (R-Z, promise 7)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from segue import hl7
from segue.convert import Converter
from segue.mapping.sites import Site, selected
from segue.mapping.source import MappingError

BASE = {
    "segments/PID.Patient.yaml": 'identifier: ["{{ PID.3 }}"]\ngender: "{{ PID.8 | table(\'AdministrativeSex\') }}"\n',
    "messages/ADT_A01.yaml": "structure: ADT_A01\npatient: PID.Patient\n",
}
# what a site writes: two files, ten lines
ZPI = {
    "sites/north/site.yaml": "match: {MSH-4: NORTH}\ntimezone: America/Toronto\n",
    "sites/north/segments/PID.Patient.yaml": """\
$ignore: {ZPI.1: R-NF-9}
extension:
  "http://north.test/fhir/nickname": {string: "{{ ZPI.2 }}"}
  "http://north.test/fhir/vip": {boolean: "{{ ZPI.3 | as('ID') }}"}
generalPractitioner: ["{{ ZPI.4 | as('XCN') }}"]
""",
}
SEX = {
    "sites/north/terminology/tables/AdministrativeSex.csv": (
        "code,display,target_system,target_code,target_display,lossy,comment\nW,Frau,,female,Female,,\nM,Mann,,male,Male,,\n"
    )
}


def patient(made: Any) -> dict[str, Any]:
    return next(e["resource"] for e in made.bundle["entry"] if e["resource"]["resourceType"] == "Patient")


def test_R_Z_a_site_maps_its_own_segment_in_ten_lines(
    packed: Callable[..., Converter], er7: Callable[..., bytes]
) -> None:
    assert sum(text.count("\n") for text in ZPI.values()) <= 10
    made = packed({**BASE, **{k: v.replace("$ignore: {ZPI.1: R-NF-9}\n", "") for k, v in ZPI.items()}}).convert(
        er7("PID|||7^^^&2.999.1&ISO|||||F", "ZPI|1|Addy|Y|99^Marek^Ola^^^^^^&2.999.2&ISO", "PV1|1|O")
    )
    found = patient(made)
    assert found["extension"] == [
        {"url": "http://north.test/fhir/nickname", "valueString": "Addy"},
        {"url": "http://north.test/fhir/vip", "valueBoolean": True},
    ]
    doctor = next(e for e in made.bundle["entry"] if e["resource"]["resourceType"] == "Practitioner")
    assert found["generalPractitioner"] == [{"reference": doctor["fullUrl"]}]
    assert [e.state for e in made.ledger if e.v2.segment == "ZPI" and e.v2.field == 2] == ["mapped"]


def test_R_Z_a_Z_segment_without_a_map_is_reported(base: Converter, er7: Callable[..., bytes]) -> None:
    made = base.convert(er7("PID|||7||Novak", "ZPI|1|Addy"))
    assert [(str(i.v2), i.code) for i in made.issues if i.v2 and i.v2.segment == "ZPI"] == [
        ("ZPI[1]-1[1].1", "field.unmapped"),
        ("ZPI[1]-2[1].1", "field.unmapped"),
    ]


def test_a_site_brings_its_own_table(packed: Callable[..., Converter], er7: Callable[..., bytes]) -> None:
    converter = packed({**BASE, "sites/north/site.yaml": "match: {MSH-4: NORTH}\n", **SEX})
    raw = er7("PID|||7^^^&2.999.1&ISO|||||W")
    assert patient(converter.convert(raw))["gender"] == "female"
    assert "gender" not in patient(converter.convert(raw.replace(b"|NORTH|", b"|SOUTH|", 1)))


@pytest.mark.parametrize(
    ("match", "applies"),
    [
        ({"MSH-3": ("WARD",)}, True),
        ({"MSH-3": ("LAB",)}, False),
        ({"MSH-3": ("LAB", "WARD")}, True),
        ({"MSH-3": ("W*",)}, True),
        ({"MSH-4": ("NORTH",), "MSH-9": ("ADT*",)}, True),
        ({"MSH-4": ("NORTH",), "MSH-9": ("ORU*",)}, False),
        ({"MSH-9": ("ADT^A01^ADT_A01",)}, True),
        ({"MSH-12": ("2.5.1",)}, True),
        ({"MSH-12": ("2?5.1",)}, False),
        ({}, False),
    ],
)
def test_when_a_site_applies(er7: Callable[..., bytes], match: dict[str, tuple[str, ...]], applies: bool) -> None:
    assert Site("north", match).applies(hl7.read(er7("PID|1"))) is applies


def test_the_site_with_most_selectors_wins(er7: Callable[..., bytes]) -> None:
    sites = {
        "wide": Site("wide", {"MSH-4": ("NORTH",)}),
        "narrow": Site("narrow", {"MSH-4": ("NORTH",), "MSH-3": ("WARD",)}),
        "other": Site("other", {"MSH-4": ("SOUTH",)}),
    }
    assert selected(sites, hl7.read(er7("PID|1"))) == "narrow"


def test_a_site_can_be_named_in_the_call(packed: Callable[..., Converter], er7: Callable[..., bytes]) -> None:
    converter = packed(
        {**BASE, "sites/german/site.yaml": "country: DE\n", **{k.replace("north", "german"): v for k, v in SEX.items()}}
    )
    raw = er7("PID|||7^^^&2.999.1&ISO|||||W")
    assert "gender" not in patient(converter.convert(raw))
    assert patient(converter.convert(raw, site="german"))["gender"] == "female"
    with pytest.raises(ValueError, match="no site of that name"):
        converter.convert(raw, site="germn")


def test_R_DATE_6_the_time_zone_of_a_site(packed: Callable[..., Converter], er7: Callable[..., bytes]) -> None:
    files = {
        **BASE,
        "segments/PID.Patient.yaml": 'deceased[x]: {dateTime: "{{ PID.29 }}"}\nidentifier: ["{{ PID.3 }}"]\n',
        "sites/north/site.yaml": "match: {MSH-4: NORTH}\ntimezone: America/Toronto\n",
    }
    made = packed(files).convert(er7("PID|||7^^^&2.999.1&ISO" + "|" * 26 + "202407010815"))
    assert patient(made)["deceasedDateTime"] == "2024-07-01T08:15:00-04:00"


def test_an_overlay_removes_replaces_and_adds(packed: Callable[..., Converter], er7: Callable[..., bytes]) -> None:
    over = 'gender: null\nidentifier: {$add: ["{{ PID.2 }}"]}\nbirthDate: "{{ PID.7 }}"\n'
    made = packed(
        {**BASE, "sites/north/site.yaml": "match: {MSH-4: NORTH}\n", "sites/north/segments/PID.Patient.yaml": over}
    ).convert(er7("PID||8|7^^^&2.999.1&ISO||||1980|F"))
    found = patient(made)
    assert "gender" not in found
    assert [i["value"] for i in found["identifier"]] == ["7", "8"]
    assert found["birthDate"] == "1980"


@pytest.mark.parametrize(
    ("files", "error"),
    [
        (
            {"sites/north/site.yaml": "match: {MSH-5: X}\n"},
            "sites/north/site.yaml:1: no selector 'MSH-5' – MSH-3, MSH-4, MSH-9, MSH-12",
        ),
        ({"sites/north/site.yaml": "match: NORTH\n"}, "sites/north/site.yaml:1: match holds MSH fields and values"),
        ({"sites/north/site.yaml": "\ntimezon: UTC\n"}, "sites/north/site.yaml:2: no setting 'timezon' – "),
        ({"sites/north/site.yaml": "timezone: America/Toront\n"}, "sites/north/site.yaml:1: "),
        ({"sites/north/site.yaml": "residue: extensoin\n"}, "sites/north/site.yaml:1: "),
        (
            {"sites/north/segments/PID.Patient.yaml": "\nbirthDat: '1980'\n"},
            "sites/north/segments/PID.Patient.yaml:2: Patient has no element 'birthDat' – did you mean birthDate?",
        ),
        (
            {"sites/north/segments/PID.Patient.yaml": "photo: null\n"},
            "sites/north/segments/PID.Patient.yaml:1: nothing to remove: the base has no 'photo'",
        ),
    ],
)
def test_a_fault_of_a_site_names_its_own_line(
    folder: Callable[..., Path], terminology: Any, files: dict[str, str], error: str
) -> None:
    from segue.mapping.pack import Pack

    with pytest.raises(MappingError) as raised:
        Pack.load(folder({**BASE, **files})).compiled(terminology, "north")
    assert str(raised.value).startswith(error)


def test_R_VERB_7_a_site_says_how_its_server_is_written(packed: Callable[..., Converter]) -> None:
    converter = packed(
        {
            "segments/PID.Patient.yaml": 'identifier: ["{{ PID.3 }}"]\n',
            "messages/ADT_A01.yaml": "structure: ADT_A01\npatient: PID.Patient\n",
            "sites/hub/site.yaml": "authoritative: false\nclient_ids: false\nupdate: create\n",
        }
    )
    raw = b"MSH|^~\\&|A|B|||20260311||ADT^A01|1|P|2.5\rPID|1||7^^^WARD\rPV1|1|I\r"
    entry = converter.convert(raw, site="hub").bundle["entry"][0]
    assert entry["request"]["method"] == "POST"
    assert entry["request"]["ifNoneExist"].startswith("identifier=urn%3Aietf%3Arfc%3A3986|")


def test_a_switch_of_a_site_is_true_or_false(fault: Callable[..., str]) -> None:
    assert "'no' is no client_ids" in fault({**BASE, "sites/hub/site.yaml": "client_ids: 'no'\n"})
