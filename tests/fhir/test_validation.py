"""The whole judgement: a path, a rule, no data; and agreement with an independent implementation (P-21 to P-24)."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from fhir.resources.R4B.bundle import Bundle
from hypothesis import given
from hypothesis import strategies as st

from segue.fhir.validation import fhirpath, validate

Json = dict[str, Any]

PATIENT = "urn:uuid:00000000-0000-4000-8000-000000000001"
ENCOUNTER = "urn:uuid:00000000-0000-4000-8000-000000000002"
OBSERVATION = "urn:uuid:00000000-0000-4000-8000-000000000003"
SECRET = "Quillfeather"


def entry(url: str, resource: Json) -> Json:
    return {"fullUrl": url, "resource": resource, "request": {"method": "POST", "url": resource["resourceType"]}}


def bundle() -> Json:
    patient: Json = {
        "resourceType": "Patient",
        "identifier": [{"system": "urn:oid:1.2.3", "value": "4711", "period": {"start": "2020"}}],
        "name": [{"family": "Quill", "given": ["Ada"], "period": {"start": "1990-01-01", "end": "2000-01-01"}}],
        "gender": "female",
        "birthDate": "1971-02-28",
        "contact": [{"name": {"family": "Quill"}}],
    }
    encounter: Json = {
        "resourceType": "Encounter",
        "status": "finished",
        "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "IMP"},
        "subject": {"reference": PATIENT},
        "period": {"start": "2024-05-01T10:00:00-04:00"},
    }
    observation: Json = {
        "resourceType": "Observation",
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "2345-7"}], "text": "Glucose"},
        "subject": {"reference": PATIENT},
        "encounter": {"reference": ENCOUNTER},
        "effectiveDateTime": "2024-05-01T10:00:00-04:00",
        "valueQuantity": {"value": Decimal("5.10"), "unit": "mmol/L"},
        "referenceRange": [{"low": {"value": Decimal("3.9")}, "high": {"value": Decimal("6.1")}}],
    }
    entries = [entry(PATIENT, patient), entry(ENCOUNTER, encounter), entry(OBSERVATION, observation)]
    return {"resourceType": "Bundle", "type": "transaction", "timestamp": "2024-05-01T10:00:00Z", "entry": entries}


def places(resource: Json) -> list[tuple[str | None, str | None]]:
    return [(found.fhirpath, found.rule) for found in validate(resource)]


def broken(at: int, **changes: Any) -> Json:
    whole = bundle()
    resource = whole["entry"][at]["resource"]
    for key, value in changes.items():
        if value is None:
            del resource[key]
        else:
            resource[key] = value
    return whole


AT_PATIENT = "Bundle.entry[0].resource.ofType(Patient)"
AT_OBSERVATION = "Bundle.entry[2].resource.ofType(Observation)"


def test_P_21_a_valid_bundle_has_no_issue():
    assert validate(bundle()) == []


def test_P_24_fhir_resources_accepts_the_valid_bundle():
    assert Bundle.model_validate_json(json.dumps(bundle(), default=float)).type == "transaction"


BROKEN: dict[str, tuple[Json, str, str]] = {
    "code": (broken(0, gender="alien"), AT_PATIENT + ".gender", "R4 enum"),
    "unknown": (broken(0, nickname="x"), AT_PATIENT + ".nickname", "R4 unknown element"),
    "missing primitive": (broken(2, status=None), AT_OBSERVATION + ".status", "R4 required"),
    "missing object": (broken(2, code=None), AT_OBSERVATION + ".code", "R4 required"),
    "choice": (broken(2, valueString="x"), AT_OBSERVATION + ".value.ofType(string)", "R4 choice value[x]"),
    "empty list": (broken(0, name=[]), AT_PATIENT + ".name", "R4 minItems"),
    "empty object": (broken(0, maritalStatus={}), AT_PATIENT + ".maritalStatus", "R4 minProperties"),
    "empty text": (broken(0, name=[{"family": ""}]), AT_PATIENT + ".name[0].family", "R4 pattern"),
    "date": (broken(0, birthDate="1971-02-31"), AT_PATIENT + ".birthDate", "R4 pattern"),
    "number": (broken(2, valueQuantity={"value": "5"}), AT_OBSERVATION + ".value.ofType(Quantity).value", "R4 type"),
    "obs-6": (broken(2, dataAbsentReason={"text": "x"}), AT_OBSERVATION, "R4 obs-6"),
    "pat-1": (broken(0, contact=[{"gender": "male"}]), AT_PATIENT + ".contact[0]", "R4 pat-1"),
    "ext-1": (broken(0, extension=[{"url": "urn:x:1"}]), AT_PATIENT + ".extension[0]", "R4 ext-1"),
    "per-1": (
        broken(0, name=[{"family": "x", "period": {"start": "2001", "end": "2000"}}]),
        AT_PATIENT + ".name[0].period",
        "R4 per-1",
    ),
    "target": (broken(2, subject={"reference": ENCOUNTER}), AT_OBSERVATION + ".subject", "R4 reference target"),
    "dangling": (
        broken(2, subject={"reference": PATIENT[:-1] + "f"}),
        AT_OBSERVATION + ".subject.reference",
        "R4 reference resolves",
    ),
}


@pytest.mark.parametrize(("whole", "path", "rule"), BROKEN.values(), ids=BROKEN.keys())
def test_P_22_an_issue_names_place_and_rule(whole: Json, path: str, rule: str):
    assert (path, rule) in places(whole)


def test_bdl_3_a_collection_takes_no_request():
    assert ("Bundle.entry[0]", "R4 bdl-3") in places({**bundle(), "type": "collection"})


def test_bdl_7_an_address_stands_once():
    whole = bundle()
    whole["entry"].append(entry(PATIENT, {"resourceType": "Organization", "name": "x"}))
    assert ("Bundle.entry[3].fullUrl", "R4 bdl-7") in places(whole)


def test_A_32_no_issue_holds_data():
    whole = broken(
        0,
        gender=SECRET,
        birthDate=SECRET,
        name=[{"family": f"{SECRET}\x00", "period": {"start": SECRET}}],
        identifier=[{"system": SECRET, "value": ""}],
    )
    found = validate(whole)
    assert len(found) >= 5
    assert SECRET not in repr(found)
    assert all(issue.value is None for issue in found)


def test_issues_are_fatal_and_of_one_code():
    assert {(i.code, i.severity) for i in validate(broken(0, gender="alien"))} == {("bundle.invalid", "fatal")}


def test_every_fault_is_reported_once():
    found = places(broken(0, gender="alien", birthDate="x"))
    assert len(found) == len(set(found)) == 2


def test_an_object_that_stands_twice_is_placed_where_it_stands_first():
    shared = {"reference": ENCOUNTER}
    whole = broken(2, subject=shared, performer=[shared])
    assert places(whole)[0] == (AT_OBSERVATION + ".subject", "R4 reference target")


def test_half_a_surrogate_pair_is_an_issue():
    assert places(broken(0, name=[{"family": "\ud800"}])) == [("Bundle", "R4 text is Unicode")]


def test_no_more_issues_than_anyone_reads():
    whole = bundle()
    whole["entry"] += [
        entry(f"urn:uuid:00000000-0000-4000-9000-{n:012d}", {"resourceType": "Patient", "x": 1}) for n in range(300)
    ]
    assert len(validate(whole)) == 200


def test_other_resources_are_judged_too():
    assert places({"resourceType": "OperationOutcome"}) == [("OperationOutcome.issue", "R4 required")]
    assert places({"resourceType": "Nothing"}) == [("Nothing.resourceType", "R4 enum")]


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ((), "Bundle"),
        (("entry", 0, "resource", "_birthDate"), AT_PATIENT + ".birthDate"),
        (("entry", 2, "resource", "valueQuantity", "value"), AT_OBSERVATION + ".value.ofType(Quantity).value"),
        (("entry", 9, "resource", "nothing"), "Bundle.entry[9].resource.nothing"),
    ],
)
def test_fhirpath(path: tuple[str | int, ...], text: str):
    assert fhirpath(bundle(), path) == text


def paths(node: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    if path:
        yield path
    children = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for step, child in children:
        yield from paths(child, (*path, step))


LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.text(), st.decimals(allow_nan=False, allow_infinity=False)
)
KEYS = st.sampled_from(
    ["extension", "reference", "start", "end", "id", "_given", "given", "resourceType", "contained", "url"]
)
VALUES = st.recursive(LEAVES, lambda inner: st.lists(inner) | st.dictionaries(KEYS, inner), max_leaves=6)


@given(st.sampled_from(list(paths(bundle()))), VALUES)
def test_P_21_any_value_anywhere_is_judged_without_failing(path: tuple[str | int, ...], value: Any):
    whole: Any = copy.deepcopy(bundle())
    at = whole
    for step in path[:-1]:
        at = at[step]
    at[path[-1]] = value
    assert all(issue.fhirpath for issue in validate(whole))


@given(st.sampled_from(list(paths(bundle()))))
def test_P_21_what_is_left_out_is_valid_or_an_issue(path: tuple[str | int, ...]):
    whole: Any = copy.deepcopy(bundle())
    at = whole
    for step in path[:-1]:
        at = at[step]
    del at[path[-1]]
    found = validate(whole)
    if not found:
        Bundle.model_validate_json(json.dumps(whole, default=float))
