"""The element tables against what R4 4.0.1 says and against an independent implementation of it."""

from __future__ import annotations

from importlib import import_module

import pytest

from segue.fhir import elements
from segue.fhir.elements import element, is_primitive, is_resource, order


def test_P_24_subject_of_an_observation_has_the_narrower_targets_of_R4():
    subject = element("Observation", "subject")
    assert subject is not None
    assert subject.targets == ("Patient", "Group", "Device", "Location")


def test_P_24_subject_of_a_report_has_the_narrower_targets_of_R4():
    subject = element("DiagnosticReport", "subject")
    assert subject is not None
    assert set(subject.targets) == {"Patient", "Group", "Device", "Location"}


def test_a_plain_element():
    identifier = element("Patient", "identifier")
    assert identifier is not None
    assert (identifier.types, identifier.many, identifier.required) == (("Identifier",), True, False)
    assert (identifier.targets, identifier.codes, identifier.choice) == ((), None, None)


def test_a_backbone_element_is_named_by_its_path():
    contact = element("Patient", "contact")
    assert contact is not None
    assert contact.types == ("Patient.contact",)
    assert element("Patient.contact", "relationship") is not None


def test_an_element_that_points_elsewhere_for_its_content_names_the_place():
    link = element("Bundle.entry", "link")
    assert link is not None
    assert link.types == ("Bundle.link",)


def test_a_choice_by_its_own_name_has_all_types():
    deceased = element("Patient", "deceased[x]")
    assert deceased is not None
    assert (deceased.types, deceased.choice) == (("boolean", "dateTime"), "deceased[x]")


def test_a_choice_by_a_concrete_key_has_one_type():
    deceased = element("Patient", "deceasedDateTime")
    assert deceased is not None
    assert (deceased.name, deceased.types, deceased.choice) == ("deceasedDateTime", ("dateTime",), "deceased[x]")


def test_targets_stand_only_on_the_reference_of_a_choice():
    concept = element("MedicationRequest", "medicationCodeableConcept")
    reference = element("MedicationRequest", "medicationReference")
    assert concept is not None
    assert reference is not None
    assert (concept.targets, reference.targets) == ((), ("Medication",))


def test_a_required_choice_is_required_under_every_key():
    assert all(e.required for e in elements.elements("MedicationRequest").values() if e.choice == "medication[x]")


def test_codes_of_a_required_binding():
    gender = element("Patient", "gender")
    assert gender is not None
    assert gender.codes == {"male", "female", "other", "unknown"}


def test_codes_of_a_required_binding_by_system():
    clinical = element("Condition", "clinicalStatus")
    assert clinical is not None
    held = elements.bindings(clinical.binding)
    assert set(held) == {"http://terminology.hl7.org/CodeSystem/condition-clinical"}
    assert "recurrence" in held["http://terminology.hl7.org/CodeSystem/condition-clinical"]


def test_a_binding_that_is_not_required_gives_no_codes():
    category = element("Observation", "category")
    assert category is not None
    assert category.codes is None


def test_a_reference_to_anything_has_no_targets():
    focus = element("Observation", "focus")
    assert focus is not None
    assert focus.targets == ()


def test_simple_quantities_are_quantities():
    low = element("Range", "low")
    assert low is not None
    assert (low.types, low.simple) == (("Quantity",), True)


@pytest.mark.parametrize("owner", ["Patient", "Observation", "Bundle", "Binary", "Parameters"])
def test_every_resource_has_what_all_resources_have(owner: str):
    assert {"id", "meta", "implicitRules", "language"} <= set(elements.elements(owner))


@pytest.mark.parametrize("owner", ["Identifier", "Patient.contact", "Quantity", "Extension"])
def test_every_type_has_id_and_extension(owner: str):
    assert list(elements.elements(owner))[:2] == ["id", "extension"]


def test_the_id_of_a_resource_has_the_syntax_of_an_id():
    own, inner = element("Patient", "id"), element("Identifier", "id")
    assert own is not None
    assert inner is not None
    assert (own.types, inner.types) == (("id",), ("string",))


@pytest.mark.parametrize("owner", ["Patient", "Nothing", "Patient.nothing", ""])
def test_unknown_names_are_None(owner: str):
    assert element(owner, "nothing") is None
    assert element(owner, "_birthDate") is None


def test_order_of_keys():
    rank = order("Patient")
    assert list(rank)[:6] == ["resourceType", "id", "_id", "meta", "_meta", "implicitRules"]
    assert rank["_birthDate"] == rank["birthDate"] + 1
    assert rank["gender"] < rank["deceasedBoolean"] < rank["deceasedDateTime"] < rank["address"]
    assert rank["gender"] < rank["deceased[x]"] < rank["address"]


def test_only_resources_begin_with_resourceType():
    assert "resourceType" not in order("Identifier")


def test_kinds_of_types():
    assert is_primitive("dateTime")
    assert not is_primitive("Period")
    assert is_resource("Patient")
    assert not is_resource("Patient.contact")


def test_every_type_that_an_element_names_has_elements():
    named = {t for owner in elements.owners() for e in elements.elements(owner).values() for t in e.types}
    assert {t for t in named if not is_primitive(t) and not elements.elements(t)} == set()


@pytest.mark.parametrize(
    "name",
    ["Patient", "Encounter", "ServiceRequest", "Specimen", "Coverage", "Immunization", "Appointment", "Observation"],
)
def test_P_24_fhir_resources_knows_the_same_elements(name: str):
    model = getattr(import_module(f"fhir.resources.R4B.{name.lower()}"), name)
    theirs = {f.alias or key for key, f in model.model_fields.items() if not key.endswith("__ext")}
    theirs -= {"resource_type", "resourceType", "fhir_comments"}
    assert set(elements.elements(name)) == theirs
