"""Every invariant that the schema carries has a resource that breaks it and one that does not (P-22)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from segue.fhir.constraints import constrained, constraints
from segue.fhir.validation import validate

Json = dict[str, Any]

UCUM = "http://unitsofmeasure.org"
TERMINOLOGY = "http://terminology.hl7.org/CodeSystem/"
TEXT: Json = {"text": "x"}
TO_PATIENT: Json = {"reference": "Patient/1"}
TO_OTHER: Json = {"reference": "Device/1"}


def concept(system: str, code: str) -> Json:
    return {"coding": [{"system": TERMINOLOGY + system, "code": code}]}


def holding(kind: str, value: Any) -> Json:
    """A resource around one value of a data type."""
    return {"resourceType": "Basic", "code": TEXT, "extension": [{"url": "urn:example:x", "value" + kind: value}]}


def observation(**more: Any) -> Json:
    return {"resourceType": "Observation", "status": "final", "code": TEXT, **more}


def patient(**more: Any) -> Json:
    return {"resourceType": "Patient", **more}


def appointment(status: str = "booked", **more: Any) -> Json:
    people = more.pop("participant", [{"actor": TO_PATIENT, "status": "accepted"}])
    return {"resourceType": "Appointment", "status": status, "participant": people, **more}


def condition(**more: Any) -> Json:
    return {"resourceType": "Condition", "subject": TO_PATIENT, **more}


def allergy(**more: Any) -> Json:
    return {"resourceType": "AllergyIntolerance", "patient": TO_PATIENT, **more}


def bundle(kind: str, *entries: Json, **more: Any) -> Json:
    return {"resourceType": "Bundle", "type": kind, "entry": list(entries), **more}


def entry(**more: Any) -> Json:
    return {"fullUrl": "http://example.org/Basic/1", "resource": {"resourceType": "Basic", "code": TEXT}, **more}


def capability(kind: str = "instance", **more: Any) -> Json:
    fixed: Json = {"date": "2024", "fhirVersion": "4.0.1", "format": ["json"], "status": "active", "kind": kind}
    return {"resourceType": "CapabilityStatement", **fixed, **more}


def concept_map(element: Json | None = None, unmapped: Json | None = None) -> Json:
    group: Json = {"element": [{"code": "a", "target": [element or {"code": "b", "equivalence": "equal"}]}]}
    if unmapped:
        group["unmapped"] = unmapped
    return {"resourceType": "ConceptMap", "status": "active", "group": [group]}


def composition(section: Json) -> Json:
    fixed: Json = {"status": "final", "type": TEXT, "date": "2024", "title": "x", "author": [TO_PATIENT]}
    return {"resourceType": "Composition", **fixed, "section": [section]}


def document(identifier: Json | None = None, **more: Any) -> Json:
    held = {"fullUrl": "http://example.org/Composition/1", "resource": composition({"text": narrative()})}
    whole = identifier or {"system": "urn:example:x", "value": "1"}
    return bundle("document", held, **{"identifier": whole, "timestamp": "2024-05-01T10:00:00Z", **more})


def narrative() -> Json:
    return {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml">x</div>'}


def family(**more: Any) -> Json:
    fixed: Json = {"status": "completed", "patient": TO_PATIENT, "relationship": TEXT}
    return {"resourceType": "FamilyMemberHistory", **fixed, **more}


def care_plan(activity: Json) -> Json:
    fixed: Json = {"status": "active", "intent": "plan", "subject": TO_PATIENT}
    return {"resourceType": "CarePlan", **fixed, "activity": [activity]}


def a_list(mode: str = "snapshot", **more: Any) -> Json:
    return {"resourceType": "List", "status": "current", "mode": mode, **more}


def consent(**more: Any) -> Json:
    fixed: Json = {"status": "active", "scope": TEXT, "category": [TEXT], "patient": TO_PATIENT}
    return {"resourceType": "Consent", **fixed, **more}


def goal(target: Json) -> Json:
    fixed: Json = {"lifecycleStatus": "active", "description": TEXT, "subject": TO_PATIENT}
    return {"resourceType": "Goal", **fixed, "target": [target]}


def immunization(**more: Any) -> Json:
    fixed: Json = {"status": "completed", "vaccineCode": TEXT, "patient": TO_PATIENT, "occurrenceDateTime": "2024"}
    return {"resourceType": "Immunization", **fixed, **more}


def forecast(**more: Any) -> Json:
    fixed: Json = {"patient": TO_PATIENT, "date": "2024"}
    recommendation = {"forecastStatus": TEXT, **more}
    return {"resourceType": "ImmunizationRecommendation", **fixed, "recommendation": [recommendation]}


def administration(dosage: Json) -> Json:
    fixed: Json = {"status": "completed", "subject": TO_PATIENT, "effectiveDateTime": "2024"}
    return {"resourceType": "MedicationAdministration", **fixed, "medicationCodeableConcept": TEXT, "dosage": dosage}


def organization(**more: Any) -> Json:
    return {"resourceType": "Organization", **more}


def request(**more: Any) -> Json:
    fixed: Json = {"status": "active", "intent": "order", "subject": TO_PATIENT}
    return {"resourceType": "ServiceRequest", **fixed, **more}


def parameter(**more: Any) -> Json:
    return {"resourceType": "Parameters", "parameter": [{"name": "x", **more}]}


def repeat(**more: Any) -> Json:
    return holding("Timing", {"repeat": more})


GET: Json = {"request": {"method": "GET", "url": "Basic/1"}}
PUT: Json = {"request": {"method": "PUT", "url": "Basic/1"}}
OK: Json = {"response": {"status": "200"}}
CLINICAL = concept("condition-clinical", "resolved")
WRONG = concept("condition-ver-status", "entered-in-error")
ALLERGY_WRONG = concept("allergyintolerance-verification", "entered-in-error")
ALLERGY_ACTIVE = concept("allergyintolerance-clinical", "active")
START: Json = {"start": "2024-05-01T10:00:00Z"}
END: Json = {"end": "2024-05-01T11:00:00Z"}
AGE: Json = {"value": 3, "system": UCUM, "code": "a"}
IMPLEMENTATION: Json = {"implementation": {"description": "x"}}
CONDITION: Json = {"language": "text/fhirpath", "expression": "true"}
REST: Json = {"rest": [{"mode": "server"}]}
MLLP: Json = {"protocol": {"system": "urn:example:x", "code": "mllp"}, "address": "mllp://example.org"}
AT_HOME: Json = {"use": "home", "text": "x"}
PHONE_AT_HOME: Json = {"use": "home", "system": "phone", "value": "1"}

# invariant, resource that obeys it, resource that breaks it
CASES: list[tuple[str, Json, Json]] = [
    ("age-1", holding("Age", AGE), holding("Age", {"value": 3})),
    ("age-1", holding("Age", AGE), holding("Age", {**AGE, "value": 0})),
    ("age-1", holding("Age", AGE), holding("Age", {**AGE, "system": "http://example.org"})),
    ("ait-1", allergy(clinicalStatus=ALLERGY_ACTIVE), allergy()),
    ("ait-1", allergy(verificationStatus=ALLERGY_WRONG), allergy()),
    (
        "ait-2",
        allergy(
            clinicalStatus=ALLERGY_ACTIVE, verificationStatus=concept("allergyintolerance-verification", "confirmed")
        ),
        allergy(clinicalStatus=ALLERGY_ACTIVE, verificationStatus=ALLERGY_WRONG),
    ),
    (
        "app-1",
        appointment("proposed", participant=[{"type": [TEXT], "status": "accepted"}]),
        appointment("proposed", participant=[{"status": "accepted"}]),
    ),
    ("app-2", appointment(**START, **END), appointment("proposed", **START)),
    ("app-3", appointment("waitlist"), appointment("booked")),
    ("app-4", appointment("cancelled", cancelationReason=TEXT), appointment("proposed", cancelationReason=TEXT)),
    ("app-4", appointment("noshow", **START, **END), appointment("noshow", cancelationReason=TEXT, **START, **END)),
    (
        "att-1",
        holding("Attachment", {"data": "QQ==", "contentType": "text/plain"}),
        holding("Attachment", {"data": "QQ=="}),
    ),
    ("bdl-1", bundle("searchset", entry(), total=1), bundle("collection", entry(), total=1)),
    (
        "bdl-2",
        bundle("searchset", entry(search={"mode": "match"})),
        bundle("collection", entry(search={"mode": "match"})),
    ),
    ("bdl-3", bundle("transaction", entry(**PUT)), bundle("transaction", entry())),
    ("bdl-3", bundle("collection", entry()), bundle("collection", entry(**GET))),
    ("bdl-4", bundle("batch-response", entry(**OK)), bundle("batch-response", entry())),
    ("bdl-4", bundle("collection", entry()), bundle("collection", entry(**OK))),
    ("bdl-5", bundle("collection", entry()), bundle("collection", {"fullUrl": "http://example.org/1"})),
    (
        "bdl-8",
        bundle("collection", entry()),
        bundle("collection", entry(fullUrl="http://example.org/Basic/1/_history/2")),
    ),
    ("bdl-9", document(), document(identifier={"value": "1"})),
    ("bdl-10", document(), {k: v for k, v in document().items() if k != "timestamp"}),
    ("cmd-1", concept_map(), concept_map({"code": "b", "equivalence": "narrower"})),
    (
        "cmd-1",
        concept_map({"code": "b", "equivalence": "inexact", "comment": "x"}),
        concept_map({"equivalence": "inexact"}),
    ),
    ("cmd-2", concept_map(unmapped={"mode": "fixed", "code": "x"}), concept_map(unmapped={"mode": "fixed"})),
    (
        "cmd-3",
        concept_map(unmapped={"mode": "other-map", "url": "urn:example:x"}),
        concept_map(unmapped={"mode": "other-map"}),
    ),
    ("cmp-1", composition({"entry": [TO_PATIENT]}), composition({"title": "x"})),
    ("cmp-2", composition({"entry": [TO_PATIENT]}), composition({"entry": [TO_PATIENT], "emptyReason": TEXT})),
    (
        "cnt-3",
        holding("Count", {"value": 3, "system": UCUM, "code": "1"}),
        holding("Count", {"value": 3, "system": UCUM, "code": "a"}),
    ),
    (
        "cnt-3",
        holding("Count", {"value": 3, "system": UCUM, "code": "1"}),
        holding("Count", {"value": Decimal("3.5"), "system": UCUM, "code": "1"}),
    ),
    ("con-1", condition(stage=[{"summary": TEXT}]), condition(stage=[{"type": TEXT}])),
    (
        "con-2",
        condition(evidence=[{"code": [TEXT]}]),
        condition(evidence=[{"extension": [{"url": "urn:example:x", "valueCode": "y"}]}]),
    ),
    (
        "con-4",
        condition(abatementString="x", clinicalStatus=CLINICAL),
        condition(abatementString="x", clinicalStatus=concept("condition-clinical", "active")),
    ),
    ("con-4", condition(), condition(abatementDateTime="2024")),
    ("con-5", condition(verificationStatus=WRONG), condition(verificationStatus=WRONG, clinicalStatus=CLINICAL)),
    ("cpb-1", capability(**IMPLEMENTATION, **REST), capability(**IMPLEMENTATION)),
    ("cpb-2", capability("requirements", description="x", **REST), capability("requirements", **REST)),
    (
        "cpb-3",
        capability(messaging=[{"endpoint": [MLLP]}], **IMPLEMENTATION),
        capability("requirements", messaging=[{"endpoint": [MLLP]}], description="x"),
    ),
    ("cpb-14", capability(**IMPLEMENTATION, **REST), capability(description="x", **REST)),
    (
        "cpb-15",
        capability("capability", software={"name": "x"}, **REST),
        capability("capability", software={"name": "x"}, **IMPLEMENTATION, **REST),
    ),
    (
        "cpb-16",
        capability("requirements", description="x", **REST),
        capability("requirements", software={"name": "x"}, **REST),
    ),
    (
        "cpl-3",
        care_plan({"reference": TO_OTHER | {"reference": "Task/1"}}),
        care_plan({"reference": {"reference": "Task/1"}, "detail": {"status": "scheduled"}}),
    ),
    (
        "cpt-2",
        patient(telecom=[{"system": "phone", "value": "1"}]),
        patient(telecom=[{"value": "1"}]),
    ),
    (
        "dis-1",
        holding("Distance", {"value": 3, "system": UCUM, "code": "m"}),
        holding("Distance", {"value": 3, "unit": "m"}),
    ),
    (
        "drq-1",
        holding("DataRequirement", {"type": "Patient", "codeFilter": [{"path": "x"}]}),
        holding("DataRequirement", {"type": "Patient", "codeFilter": [{"path": "x", "searchParam": "y"}]}),
    ),
    (
        "drq-2",
        holding("DataRequirement", {"type": "Patient", "dateFilter": [{"searchParam": "x"}]}),
        holding("DataRequirement", {"type": "Patient", "dateFilter": [{"valueDateTime": "2024"}]}),
    ),
    (
        "drt-1",
        holding("Duration", {"value": 3, "system": UCUM, "code": "h"}),
        holding("Duration", {"value": 3, "system": "http://example.org", "code": "h"}),
    ),
    (
        "exp-1",
        holding("Expression", {"language": "text/fhirpath", "expression": "x"}),
        holding("Expression", {"language": "text/fhirpath"}),
    ),
    ("fhs-1", family(ageString="x"), family(ageString="x", bornString="y")),
    ("fhs-2", family(ageString="x", estimatedAge=True), family(estimatedAge=True)),
    (
        "gol-1",
        goal({"measure": TEXT, "detailString": "x"}),
        goal({"detailString": "x"}),
    ),
    (
        "grp-1",
        {"resourceType": "Group", "type": "person", "actual": True, "member": [{"entity": TO_PATIENT}]},
        {"resourceType": "Group", "type": "person", "actual": False, "member": [{"entity": TO_PATIENT}]},
    ),
    ("imm-1", immunization(education=[{"documentType": "x"}]), immunization(education=[{"publicationDate": "2024"}])),
    ("imr-1", forecast(targetDisease=TEXT), forecast()),
    ("inv-1", parameter(valueString="x"), parameter()),
    ("inv-1", parameter(part=[{"name": "y", "valueCode": "z"}]), parameter(valueCode="x", resource=patient())),
    ("lst-1", a_list(emptyReason=TEXT), a_list(emptyReason=TEXT, entry=[{"item": TO_PATIENT}])),
    (
        "lst-2",
        a_list("changes", entry=[{"item": TO_PATIENT, "deleted": True}]),
        a_list(entry=[{"item": TO_PATIENT, "deleted": True}]),
    ),
    (
        "lst-3",
        a_list("working", entry=[{"item": TO_PATIENT, "date": "2024"}]),
        a_list(entry=[{"item": TO_PATIENT, "date": "2024"}]),
    ),
    ("mad-1", administration({"dose": {"value": 1}}), administration({"text": "x"})),
    (
        "obs-3",
        observation(referenceRange=[{"text": "low"}]),
        observation(referenceRange=[{"type": TEXT}]),
    ),
    (
        "obs-6",
        observation(dataAbsentReason=TEXT),
        observation(dataAbsentReason=TEXT, valueString="x"),
    ),
    ("org-1", organization(identifier=[{"value": "x"}]), organization(active=True)),
    (
        "org-2",
        organization(name="x", address=[{**AT_HOME, "use": "work"}]),
        organization(name="x", address=[AT_HOME]),
    ),
    (
        "org-3",
        organization(name="x", telecom=[{**PHONE_AT_HOME, "use": "work"}]),
        organization(name="x", telecom=[PHONE_AT_HOME]),
    ),
    (
        "pat-1",
        patient(contact=[{"name": {"family": "Quill"}}]),
        patient(contact=[{"gender": "female"}]),
    ),
    ("ppc-1", consent(policyRule=TEXT), consent()),
    ("prr-1", request(code=TEXT, orderDetail=[TEXT]), request(orderDetail=[TEXT])),
    ("qty-3", holding("Quantity", {"system": UCUM, "code": "g"}), holding("Quantity", {"value": 1, "code": "g"})),
    (
        "qty-3",
        holding("Duration", {"value": 3, "system": UCUM, "code": "h"}),
        holding("Duration", {"value": 3, "code": "h"}),
    ),
    (
        "rat-1",
        holding("Ratio", {"numerator": {"value": 1}, "denominator": {"value": 2}}),
        holding("Ratio", {"numerator": {"value": 1}}),
    ),
    ("tim-1", repeat(duration=1, durationUnit="h"), repeat(duration=1)),
    ("tim-2", repeat(period=1, periodUnit="d"), repeat(period=1)),
    ("tim-4", repeat(duration=0, durationUnit="h"), repeat(duration=-1, durationUnit="h")),
    ("tim-5", repeat(period=0, periodUnit="h"), repeat(period=Decimal("-0.5"), periodUnit="h")),
    ("tim-6", repeat(period=1, periodMax=2, periodUnit="d"), repeat(periodMax=2)),
    ("tim-7", repeat(duration=1, durationMax=2, durationUnit="h"), repeat(durationMax=2)),
    ("tim-8", repeat(count=1, countMax=2), repeat(countMax=2)),
    ("tim-9", repeat(offset=30, when=["AC"]), repeat(offset=30)),
    ("tim-9", repeat(offset=30, when=["PC"]), repeat(offset=30, when=["CM"])),
    ("tim-10", repeat(when=["HS"]), repeat(when=["HS"], timeOfDay=["20:00:00"])),
    (
        "trd-1",
        holding("TriggerDefinition", {"type": "data-added", "data": [{"type": "Patient"}]}),
        holding("TriggerDefinition", {"type": "data-added", "data": [{"type": "Patient"}], "timingDate": "2024"}),
    ),
    (
        "trd-2",
        holding("TriggerDefinition", {"type": "named-event", "name": "x"}),
        holding("TriggerDefinition", {"type": "named-event", "name": "x", "condition": CONDITION}),
    ),
    (
        "trd-3",
        holding("TriggerDefinition", {"type": "periodic", "timingDate": "2024"}),
        holding("TriggerDefinition", {"type": "periodic", "name": "x"}),
    ),
    (
        "trd-3",
        holding("TriggerDefinition", {"type": "named-event", "name": "x"}),
        holding("TriggerDefinition", {"type": "data-added", "name": "x"}),
    ),
]


def rules(resource: Json) -> set[str | None]:
    return {found.rule for found in validate(resource)}


@pytest.mark.parametrize(("key", "good", "bad"), CASES, ids=[case[0] for case in CASES])
def test_P_22_an_invariant_finds_what_breaks_it(key: str, good: Json, bad: Json):
    assert f"R4 {key}" in rules(bad)


@pytest.mark.parametrize(("key", "good", "bad"), CASES, ids=[case[0] for case in CASES])
def test_P_22_an_invariant_lets_pass_what_obeys_it(key: str, good: Json, bad: Json):
    assert rules(good) == set()


def test_P_22_every_invariant_has_a_case():
    known = {key for owner in constrained() for key in constraints(owner)}
    assert known - {case[0] for case in CASES} == set()


def test_an_element_that_is_there_by_extension_only_exists():
    absent: Json = {"extension": [{"url": "urn:example:x", "valueCode": "unknown"}]}
    assert rules(patient(telecom=[{"_system": absent, "value": "1"}])) == set()
