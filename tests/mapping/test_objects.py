"""Objects: elements, lists, choices, extensions and the control keys (mapping language §2, §3)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

Patient = Callable[..., dict[str, Any] | None]


def test_what_came_from_no_value_vanishes_with_its_parents(patient: Patient) -> None:
    text = """\
birthDate: "{{ PID.7 }}"
contact:
  - relationship: ["v2-0131#N"]
    name: {family: "{{ PID.6.1.1 }}", use: maiden}
"""
    assert patient(text, "PID|||||||1980") == {"birthDate": "1980"}
    assert patient(text, "PID||||||Moravec|1980") == {
        "birthDate": "1980",
        "contact": [
            {
                "relationship": [
                    {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0131", "code": "N"}]}
                ],
                "name": {"use": "maiden", "family": "Moravec"},
            }
        ],
    }


def test_constants_alone_make_no_resource(patient: Patient) -> None:
    assert patient("active: true\ngender: female", "PID|1") is None


def test_keep_holds_an_object_of_constants(patient: Patient) -> None:
    text = 'birthDate: "{{ PID.7 }}"\ncontact: [{$keep: true, gender: unknown, name: {$keep: true, text: none}}]'
    assert patient(text, "PID|||||||1980") == {
        "birthDate": "1980",
        "contact": [{"name": {"text": "none"}, "gender": "unknown"}],
    }


@pytest.mark.parametrize(
    ("text", "pid", "expected"),
    [
        ('birthDate: {$first: ["{{ PID.7 }}", "{{ PID.29 }}"]}', "PID" + "|" * 29 + "2001", {"birthDate": "2001"}),
        ('birthDate: {$if: PID.8, $value: "{{ PID.7 }}"}', "PID|||||||1980|F", {"birthDate": "1980"}),
        ('birthDate: {$if: PID.8, $value: "{{ PID.7 }}"}', "PID|||||||1980", None),
        (
            'birthDate: "{{ PID.7 }}"\ngender: {$case: PID.8, $when: {F W: female, M: male, else: unknown}}',
            "PID|||||||1980|W",
            {"birthDate": "1980", "gender": "female"},
        ),
        (
            'birthDate: "{{ PID.7 }}"\ngender: {$case: PID.8, $when: {F W: female, M: male, else: unknown}}',
            "PID|||||||1980|X",
            {"birthDate": "1980", "gender": "unknown"},
        ),
        (
            'name:\n  - {$each: PID.5, $if: it.2, text: "{{ it.2 }}"}',
            "PID|||||Novak^Ada~Nowak~Novac^Eva",
            {"name": [{"text": "Ada"}, {"text": "Eva"}]},
        ),
        ('name:\n  - $first: ["{{ PID.5 }}", "{{ PID.9 }}"]', "PID|||||||||Novak", {"name": [{"family": "Novak"}]}),
        (
            'name:\n  - {$first: ["{{ PID.5 }}", "{{ PID.9 }}"]}',
            "PID|||||Novak||||Other",
            {"name": [{"family": "Novak"}]},
        ),
    ],
)
def test_control_keys(patient: Patient, text: str, pid: str, expected: object) -> None:
    assert patient(text, pid) == expected


@pytest.mark.parametrize(
    ("pid", "expected"),
    [
        ("PID" + "|" * 29 + "20240102|N", {"deceasedDateTime": "2024-01-02"}),
        ("PID" + "|" * 30 + "Y", {"deceasedBoolean": True}),
        ("PID" + "|" * 29 + "nonsense|Y", {"deceasedBoolean": True}),
    ],
)
def test_a_choice_takes_one_type(patient: Patient, pid: str, expected: object) -> None:
    text = 'deceased[x]:\n  $first:\n    - {dateTime: "{{ PID.29 }}"}\n    - {boolean: "{{ PID.30 }}"}'
    assert patient(text, pid) == expected


def test_a_choice_takes_a_constant(patient: Patient) -> None:
    text = 'birthDate: "{{ PID.7 }}"\ndeceased[x]: {boolean: false}'
    assert patient(text, "PID|||||||1980") == {"birthDate": "1980", "deceasedBoolean": False}


def test_extensions_by_short_name(patient: Patient) -> None:
    text = """\
extension:
  patient-mothersMaidenName: {string: "{{ PID.6 | person_text }}"}
  patient-citizenship: {$each: PID.26, code: {CodeableConcept: "{{ it }}"}}
  veteran-military-status: {CodeableConcept: {text: "{{ PID.27.2 }}"}}
  "http://ward.test/bed": {string: "{{ PID.23 }}"}
"""
    core = "http://hl7.org/fhir/StructureDefinition/"
    assert patient(text, "PID||||||Moravec|" + "|" * 16 + "4|||^Czech~^Slovak|^retired") == {
        "extension": [
            {"url": f"{core}patient-mothersMaidenName", "valueString": "Moravec"},
            {
                "url": f"{core}patient-citizenship",
                "extension": [{"url": "code", "valueCodeableConcept": {"text": "Czech"}}],
            },
            {
                "url": f"{core}patient-citizenship",
                "extension": [{"url": "code", "valueCodeableConcept": {"text": "Slovak"}}],
            },
            {
                "url": "urn:segue:StructureDefinition:veteran-military-status",
                "valueCodeableConcept": {"text": "retired"},
            },
            {"url": "http://ward.test/bed", "valueString": "4"},
        ]
    }


def test_elements_stand_in_FHIR_order(patient: Patient) -> None:
    found = patient('birthDate: "{{ PID.7 }}"\nname: ["{{ PID.5 }}"]\nactive: true', "PID|||||Novak||1980")
    assert found is not None
    assert list(found) == ["active", "name", "birthDate"]


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ('brithDate: "{{ PID.7 }}"', "1: Patient has no element 'brithDate' – did you mean birthDate?"),
        ('contact:\n  - nam: "x"', "2: Patient.contact has no element 'nam' – did you mean name?"),
        ("gender: femal", "1: 'femal' is no code of gender – did you mean female?"),
        ("active: Y", "1: active takes boolean, not a text"),
        ("gender: true", "1: gender takes code, not true"),
        ("birthDate: [1980]", "1: birthDate takes one value"),
        ('birthDate: ["{{ PID.7 }}"]', "1: Patient.birthDate takes one value – use $first for alternatives"),
        ("name: []", "1: name is an empty list"),
        ("birthDate:", "1: empty value – null removes an element, in an overlay only"),
        ('birthDate: {text: "{{ PID.7 }}"}', "1: Patient.birthDate holds date, no object"),
        ("maritalStatus: single", "1: 'single' is no coding – write system#code"),
        ("maritalStatus: 'x#y'", "1: 'x' is no system – write a URI, v2-nnnn or v3-Name"),
        (
            'extension:\n  patient-religon: {string: "{{ PID.23 }}"}',
            "2: no extension 'patient-religon' – did you mean patient-religion?",
        ),
        (
            'extension:\n  patient-religion: "{{ PID.23 }}"',
            "2: an extension takes a type and its value – for instance {string: …}",
        ),
        (
            "deceased[x]: {$first: [{Quantity: 1}]}",
            "1: Patient has no element 'deceasedQuantity' – did you mean deceasedDateTime?",
        ),
        (
            "deceased[x]: {$first: [{boolean: true, dateTime: '2024'}]}",
            "1: deceased[x] takes one type and its value – for instance {Quantity: …}",
        ),
        ('name:\n  - {$each: PID.5.1, text: "{{ it }}"}', "2: $each takes a field – for instance PV1.7"),
        ("birthDate: {$each: PID.7}", "1: $each stands in a repeating element"),
        ("gender: {$case: PID.8}", "1: $case needs $when with the codes"),
        ("$fi: PID.7", "1: no key '$fi' at the top of a map – did you mean $if?"),
        ("birthDate: {$vale: 1}", "1: Patient.birthDate holds date, no object"),
    ],
)
def test_a_fault_names_line_and_nearest_name(fault: Callable[..., str], text: str, error: str) -> None:
    assert fault(text) == f"segments/PID.Patient.yaml:{error}"


def test_an_unknown_control_key_inside_an_object_is_an_error(fault: Callable[..., str]) -> None:
    assert fault('contact:\n  - {$fi: PID.8, name: {text: "{{ PID.5.1 }}"}}').startswith(
        "segments/PID.Patient.yaml:2: "
    )


def test_a_constant_obeys_the_syntax_of_its_type(fault: Callable[..., str]) -> None:
    assert fault("birthDate: soon").startswith("segments/PID.Patient.yaml:1: ")
