"""The strict schema: what no JSON of ours may be (P-21, section 4 of the measurements)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from jsonschema_rs import Draft202012Validator

from segue.fhir.elements import resources
from segue.fhir.schema import schema

Json = dict[str, Any]

VALIDATOR = Draft202012Validator(schema())
PATIENT: Json = {
    "resourceType": "Patient",
    "id": "p-1",
    "identifier": [{"system": "urn:oid:1.2.3", "value": "4711"}],
    "name": [
        {
            "family": "Quill",
            "given": ["Ada", None],
            "_given": [None, {"extension": [{"url": "urn:x:1", "valueCode": "a"}]}],
        }
    ],
    "gender": "female",
    "birthDate": "1971-02-28",
    "_birthDate": {"extension": [{"url": "urn:x:time", "valueDateTime": "1971-02-28T10:00:00Z"}]},
    "deceasedBoolean": False,
}
OBSERVATION: Json = {
    "resourceType": "Observation",
    "status": "final",
    "code": {"coding": [{"system": "http://loinc.org", "code": "2345-7"}]},
    "valueQuantity": {"value": Decimal("5.10"), "unit": "mmol/L"},
    "referenceRange": [{"low": {"value": Decimal("3.9")}}],
}
ABSENT: Json = {
    "extension": [{"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "unknown"}]
}


def patient(**more: Any) -> Json:
    return {**PATIENT, **more}


def observation(**more: Any) -> Json:
    return {**OBSERVATION, **more}


def without(resource: Json, *keys: str) -> Json:
    return {k: v for k, v in resource.items() if k not in keys}


TAKEN: dict[str, Json] = {
    "patient": PATIENT,
    "observation": OBSERVATION,
    "required primitive by extension": {**without(OBSERVATION, "status"), "_status": ABSENT},
    "whole number as Decimal": observation(valueQuantity={"value": Decimal("5")}),
    "choice with extension of the same type": patient(_deceasedBoolean=ABSENT),
    "contained": patient(contained=[{"resourceType": "Organization", "id": "o", "name": "x"}]),
    "nested extension": patient(extension=[{"url": "urn:x:1", "extension": [{"url": "a", "valueCode": "b"}]}]),
    "all given names absent": patient(name=[{"_given": [ABSENT]}]),
}

REFUSED: dict[str, Json] = {
    "no resourceType": without(PATIENT, "resourceType"),
    "unknown resourceType": {"resourceType": "Patent"},
    "unknown element": patient(nickname="x"),
    "element of another resource": patient(valueString="x"),
    "empty array": patient(name=[]),
    "empty object": patient(maritalStatus={}),
    "empty object in array": patient(name=[{}]),
    "empty text": patient(name=[{"family": ""}]),
    "null": patient(gender=None),
    "object for array": patient(name={"family": "x"}),
    "array for object": patient(maritalStatus=[{"text": "x"}]),
    "text for boolean": patient(deceasedBoolean="false"),
    "number for text": patient(name=[{"family": 5}]),
    "text for number": observation(valueQuantity={"value": "5.1"}),
    "boolean for number": observation(valueQuantity={"value": True}),
    "text for object": patient(maritalStatus="M"),
    "required primitive missing": without(OBSERVATION, "status"),
    "required object missing": without(OBSERVATION, "code"),
    "required choice missing": {
        "resourceType": "MedicationRequest",
        "status": "active",
        "intent": "order",
        "subject": ABSENT,
    },
    "required in a backbone element": patient(link=[{"type": "seealso"}]),
    "required url of an extension": patient(extension=[{"valueString": "x"}]),
    "code outside a required binding": patient(gender="alien"),
    "code of a required binding in other case": patient(gender="Female"),
    "concept outside a required binding": {
        "resourceType": "Condition",
        "subject": {"display": "x"},
        "clinicalStatus": {"coding": [{"system": "urn:x:1", "code": "active"}]},
    },
    "concept of a required binding as text": {
        "resourceType": "Condition",
        "subject": {"display": "x"},
        "clinicalStatus": {"text": "active"},
    },
    "two values of a choice": observation(valueString="x"),
    "two values of a choice, one by extension": observation(_valueString=ABSENT),
    "two types of a boolean choice": patient(deceasedDateTime="2024"),
    "choice of a type it has not": patient(deceasedString="x"),
    "date that is none": patient(birthDate="1971-02-30"),
    "date with time": patient(birthDate="1971-02-28T10:00:00Z"),
    "instant without offset": observation(issued="2024-05-01T10:00:00"),
    "id with other characters": patient(id="a_b"),
    "relative system": patient(identifier=[{"system": "MRN", "value": "1"}]),
    "broken OID": patient(identifier=[{"system": "urn:oid:1..2", "value": "1"}]),
    "extension with value and extensions (ext-1)": patient(
        extension=[{"url": "urn:x:1", "valueCode": "a", "extension": [{"url": "b", "valueCode": "c"}]}]
    ),
    "extension with two values": patient(extension=[{"url": "urn:x:1", "valueCode": "a", "valueString": "b"}]),
    "extension with nothing (ext-1)": patient(extension=[{"url": "urn:x:1"}]),
    "primitive extension that is no object": patient(_birthDate="x"),
    "only an id (ele-1)": patient(maritalStatus={"id": "a"}),
    "comparator in a SimpleQuantity (sqty-1)": observation(referenceRange=[{"low": {"value": 3, "comparator": "<"}}]),
    "extension on an id": patient(_id=ABSENT),
    "fault in a contained resource": patient(contained=[{"resourceType": "Patient", "gender": "alien"}]),
}


@pytest.mark.parametrize("resource", TAKEN.values(), ids=TAKEN.keys())
def test_P_21_taken(resource: Json):
    assert [error.message for error in VALIDATOR.iter_errors(resource)] == []


@pytest.mark.parametrize("resource", REFUSED.values(), ids=REFUSED.keys())
def test_P_21_refused(resource: Json):
    assert not VALIDATOR.is_valid(resource)


@pytest.mark.parametrize("name", sorted(resources()))
def test_P_21_every_resource_type_is_found_by_its_name(name: str):
    [error] = [
        e for e in VALIDATOR.iter_errors({"resourceType": name, "nothing": 1}) if e.kind.name == "additionalProperties"
    ]
    assert error.schema_path[:2] == ["$defs", name]


def test_P_21_an_unknown_type_is_one_error():
    assert len(list(VALIDATOR.iter_errors({"resourceType": "Nothing", "a": 1}))) == 1
