"""The invariants of R4 that JSON Schema can say, as fragments that `schema` joins to the type they belong to (P-22).

One row an invariant, under R4's own key and by R4's own FHIRPath expression. What needs a comparison of values, a look
elsewhere in the Bundle or a count is in `invariants`. Rows of severity warning are left out, and so are rows that hold
for whatever a message brings.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from segue.fhir.elements import choices, element, elements, is_primitive

Json = dict[str, Any]

UCUM = "http://unitsofmeasure.org"
CLINICAL = "http://terminology.hl7.org/CodeSystem/condition-clinical"
VERIFICATION = "http://terminology.hl7.org/CodeSystem/condition-ver-status"
ALLERGY_VERIFICATION = "http://terminology.hl7.org/CodeSystem/allergyintolerance-verification"


def keys(owner: str, name: str) -> list[str]:
    """Every JSON key by which an element can be present; a primitive may have extensions only."""
    choice = choices(owner).get(name)
    known = [e for e in elements(owner).values() if e.choice == name] if choice else [element(owner, name)]
    found: list[str] = []
    for one in known:
        if one is None:
            raise KeyError(f"{owner}.{name}")
        found.append(one.name)
        if is_primitive(one.types[0]) and one.types[0] != "xhtml" and one.name not in ("id", "url"):
            found.append("_" + one.name)
    return found


def either(*fragments: Json) -> Json:
    return {"anyOf": list(fragments)}


def no(fragment: Json) -> Json:
    return {"not": fragment}


def implies(condition: Json, then: Json) -> Json:
    return {"if": condition, "then": then}


def alike(one: Json, other: Json) -> Json:
    """Both or neither."""
    return {"if": one, "then": other, "else": no(other)}


def has(path: str) -> Json:
    """`exists()` of an element, named by its path."""
    owner, _, name = path.rpartition(".")
    present = [{"required": [key]} for key in keys(owner, name)]
    return present[0] if len(present) == 1 else either(*present)


def code(name: str, *values: object) -> Json:
    return {"required": [name], "properties": {name: {"enum": list(values)}}}


def coded(name: str, system: str, *codes: str) -> Json:
    """A CodeableConcept with one of these codes."""
    coding: Json = {**code("code", *codes), "required": ["system", "code"]}
    coding["properties"]["system"] = {"const": system}
    return {"required": [name], "properties": {name: _with_coding(coding)}}


def _with_coding(coding: Json) -> Json:
    return {"required": ["coding"], "properties": {"coding": {"contains": coding}}}


def _none_at_home(name: str) -> Json:
    return {"properties": {name: {"items": no(code("use", "home"))}}}


def _choice_of_two(owner: str, one: str, other: str) -> Json:
    return alike(has(f"{owner}.{one}"), no(has(f"{owner}.{other}")))


def _quantity(kind: str) -> dict[str, Json]:
    return {"qty-3": implies(has(f"{kind}.code"), has(f"{kind}.system"))}


def _measured(kind: str) -> Json:
    """A value needs a code, a system is UCUM."""
    valued = implies(has(f"{kind}.value"), has(f"{kind}.code"))
    return {"allOf": [valued, {"properties": {"system": {"const": UCUM}}}]}


def _timing() -> dict[str, Json]:
    at = "Timing.repeat."
    meal = {"properties": {"when": {"not": {"contains": {"enum": ["C", "CM", "CD", "CV"]}}}}}
    return {
        "tim-1": implies(has(at + "duration"), has(at + "durationUnit")),
        "tim-2": implies(has(at + "period"), has(at + "periodUnit")),
        "tim-4": {"properties": {"duration": {"minimum": 0}}},
        "tim-5": {"properties": {"period": {"minimum": 0}}},
        "tim-6": implies(has(at + "periodMax"), has(at + "period")),
        "tim-7": implies(has(at + "durationMax"), has(at + "duration")),
        "tim-8": implies(has(at + "countMax"), has(at + "count")),
        "tim-9": implies(has(at + "offset"), {"allOf": [has(at + "when"), meal]}),
        "tim-10": no({"allOf": [has(at + "timeOfDay"), has(at + "when")]}),
    }


def _appointment() -> dict[str, Json]:
    start, end = has("Appointment.start"), has("Appointment.end")
    # R4's expression says 'no-show' where the code is 'noshow': only a cancelled appointment can pass.
    reason = implies(has("Appointment.cancelationReason"), code("status", "cancelled"))
    return {
        "app-2": alike(start, end),
        "app-3": either({"allOf": [start, end]}, code("status", "proposed", "cancelled", "waitlist")),
        "app-4": reason,
    }


def _allergy() -> dict[str, Json]:
    wrong = coded("verificationStatus", ALLERGY_VERIFICATION, "entered-in-error")
    clinical = has("AllergyIntolerance.clinicalStatus")
    return {"ait-1": either(wrong, clinical), "ait-2": no({"allOf": [wrong, clinical]})}


def _condition() -> dict[str, Json]:
    ended = coded("clinicalStatus", CLINICAL, "resolved", "remission", "inactive")
    wrong = coded("verificationStatus", VERIFICATION, "entered-in-error")
    return {
        "con-4": implies(has("Condition.abatement[x]"), ended),
        "con-5": no({"allOf": [wrong, has("Condition.clinicalStatus")]}),
    }


def _capability() -> dict[str, Json]:
    at = "CapabilityStatement."
    software, implementation = has(at + "software"), has(at + "implementation")
    no_endpoint = {"properties": {"messaging": {"items": no(has(at + "messaging.endpoint"))}}}
    return {
        "cpb-1": either(has(at + "rest"), has(at + "messaging"), has(at + "document")),
        "cpb-2": either(has(at + "description"), software, implementation),
        "cpb-3": either(code("kind", "instance"), no_endpoint),
        "cpb-14": implies(code("kind", "instance"), implementation),
        "cpb-15": implies(code("kind", "capability"), {"allOf": [no(implementation), software]}),
        "cpb-16": implies(code("kind", "requirements"), {"allOf": [no(implementation), no(software)]}),
    }


def _bundle() -> dict[str, Json]:
    request, response = has("Bundle.entry.request"), has("Bundle.entry.response")
    entry: Json = {"items": request}
    answer: Json = {"items": response}
    return {
        "bdl-1": implies(has("Bundle.total"), code("type", "searchset", "history")),
        "bdl-2": either(
            code("type", "searchset"), {"properties": {"entry": {"items": no(has("Bundle.entry.search"))}}}
        ),
        "bdl-3": {
            "if": code("type", "batch", "transaction", "history"),
            "then": {"properties": {"entry": entry}},
            "else": {"properties": {"entry": {"items": no(request)}}},
        },
        "bdl-4": {
            "if": code("type", "batch-response", "transaction-response", "history"),
            "then": {"properties": {"entry": answer}},
            "else": {"properties": {"entry": {"items": no(response)}}},
        },
        "bdl-9": implies(code("type", "document"), _document_identifier()),
        "bdl-10": implies(code("type", "document"), {"required": ["timestamp"]}),
    }


def _document_identifier() -> Json:
    whole = {"allOf": [has("Identifier.system"), has("Identifier.value")]}
    return {"required": ["identifier"], "properties": {"identifier": whole}}


def _trigger() -> dict[str, Json]:
    name, timing, data = (has(f"TriggerDefinition.{name}") for name in ("name", "timing[x]", "data"))
    by_data: Json = {"required": ["type"], "properties": {"type": {"pattern": "^data-"}}}
    needs = [
        implies(code("type", "named-event"), name),
        implies(code("type", "periodic"), timing),
        implies(by_data, data),
    ]
    return {
        "trd-1": no({"allOf": [data, timing]}),
        "trd-2": implies(has("TriggerDefinition.condition"), data),
        "trd-3": {"allOf": needs},
    }


def _parameter() -> Json:
    at = "Parameters.parameter."
    part, value, resource = has(at + "part"), has(at + "value[x]"), has(at + "resource")
    return {"oneOf": [part, value, resource]}


@cache
def constraints(owner: str) -> Mapping[str, Json]:
    """The fragments of one type by invariant."""
    return _rows().get(owner, {})


def constrained() -> frozenset[str]:
    """The types that have constraints here."""
    return frozenset(_rows())


@cache
def _rows() -> dict[str, dict[str, Json]]:
    ratio = {
        "allOf": [
            alike(has("Ratio.numerator"), has("Ratio.denominator")),
            either(has("Ratio.numerator"), has("Ratio.extension")),
        ]
    }
    return {
        "Age": {**_quantity("Age"), "age-1": {"allOf": [_measured("Age"), _above_zero()]}},
        "AllergyIntolerance": _allergy(),
        "Appointment": _appointment(),
        "Appointment.participant": {
            "app-1": either(has("Appointment.participant.type"), has("Appointment.participant.actor"))
        },
        "Attachment": {"att-1": implies(has("Attachment.data"), has("Attachment.contentType"))},
        "Bundle": _bundle(),
        "Bundle.entry": {
            "bdl-5": either(*(has(f"Bundle.entry.{name}") for name in ("resource", "request", "response"))),
            "bdl-8": {"properties": {"fullUrl": no({"pattern": "/_history/"})}},
        },
        "CapabilityStatement": _capability(),
        "CarePlan.activity": {
            "cpl-3": no({"allOf": [has("CarePlan.activity.detail"), has("CarePlan.activity.reference")]})
        },
        "Composition.section": {
            "cmp-1": either(*(has(f"Composition.section.{name}") for name in ("text", "entry", "section"))),
            "cmp-2": no({"allOf": [has("Composition.section.emptyReason"), has("Composition.section.entry")]}),
        },
        "ConceptMap.group.element.target": {
            "cmd-1": implies(code("equivalence", "narrower", "inexact"), has("ConceptMap.group.element.target.comment"))
        },
        "ConceptMap.group.unmapped": {
            "cmd-2": implies(code("mode", "fixed"), has("ConceptMap.group.unmapped.code")),
            "cmd-3": implies(code("mode", "other-map"), has("ConceptMap.group.unmapped.url")),
        },
        "Condition": _condition(),
        "Condition.evidence": {"con-2": either(has("Condition.evidence.code"), has("Condition.evidence.detail"))},
        "Condition.stage": {"con-1": either(has("Condition.stage.summary"), has("Condition.stage.assessment"))},
        "Consent": {"ppc-1": either(has("Consent.policy"), has("Consent.policyRule"))},
        "ContactPoint": {"cpt-2": implies(has("ContactPoint.value"), has("ContactPoint.system"))},
        "Count": {**_quantity("Count"), "cnt-3": {"allOf": [_measured("Count"), _unity(), _whole_number()]}},
        "DataRequirement.codeFilter": {"drq-1": _choice_of_two("DataRequirement.codeFilter", "path", "searchParam")},
        "DataRequirement.dateFilter": {"drq-2": _choice_of_two("DataRequirement.dateFilter", "path", "searchParam")},
        "Distance": {**_quantity("Distance"), "dis-1": _measured("Distance")},
        "Duration": {
            **_quantity("Duration"),
            "drt-1": implies(has("Duration.code"), {"allOf": [code("system", UCUM), has("Duration.value")]}),
        },
        "Expression": {"exp-1": either(has("Expression.expression"), has("Expression.reference"))},
        "FamilyMemberHistory": {
            "fhs-1": no({"allOf": [has("FamilyMemberHistory.age[x]"), has("FamilyMemberHistory.born[x]")]}),
            "fhs-2": implies(has("FamilyMemberHistory.estimatedAge"), has("FamilyMemberHistory.age[x]")),
        },
        "Goal.target": {"gol-1": implies(has("Goal.target.detail[x]"), has("Goal.target.measure"))},
        "Group": {"grp-1": implies(has("Group.member"), code("actual", True))},
        "Immunization.education": {
            "imm-1": either(has("Immunization.education.documentType"), has("Immunization.education.reference"))
        },
        "ImmunizationRecommendation.recommendation": {
            "imr-1": either(
                has("ImmunizationRecommendation.recommendation.vaccineCode"),
                has("ImmunizationRecommendation.recommendation.targetDisease"),
            )
        },
        "List": {
            "lst-1": no({"allOf": [has("List.emptyReason"), has("List.entry")]}),
            "lst-2": either(code("mode", "changes"), _no_entry_has("deleted")),
            "lst-3": either(code("mode", "working"), _no_entry_has("date")),
        },
        "MedicationAdministration.dosage": {
            "mad-1": either(has("MedicationAdministration.dosage.dose"), has("MedicationAdministration.dosage.rate[x]"))
        },
        "Observation": {"obs-6": no({"allOf": [has("Observation.dataAbsentReason"), has("Observation.value[x]")]})},
        "Observation.referenceRange": {
            "obs-3": either(*(has(f"Observation.referenceRange.{name}") for name in ("low", "high", "text")))
        },
        "Organization": {
            "org-1": either(has("Organization.identifier"), has("Organization.name")),
            "org-2": _none_at_home("address"),
            "org-3": _none_at_home("telecom"),
        },
        "Parameters.parameter": {"inv-1": _parameter()},
        "Patient.contact": {
            "pat-1": either(
                *(has(f"Patient.contact.{name}") for name in ("name", "telecom", "address", "organization"))
            )
        },
        "Quantity": _quantity("Quantity"),
        "Ratio": {"rat-1": ratio},
        "ServiceRequest": {"prr-1": implies(has("ServiceRequest.orderDetail"), has("ServiceRequest.code"))},
        "Timing.repeat": _timing(),
        "TriggerDefinition": _trigger(),
    }


def _above_zero() -> Json:
    return {"properties": {"value": {"exclusiveMinimum": 0}}}


def _unity() -> Json:
    return {"properties": {"code": {"const": "1"}}}


def _whole_number() -> Json:
    return {"properties": {"value": {"multipleOf": 1}}}


def _no_entry_has(name: str) -> Json:
    return {"properties": {"entry": {"items": no(has(f"List.entry.{name}"))}}}
