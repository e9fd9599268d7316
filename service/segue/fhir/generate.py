"""Writes `tables/elements.json` from HL7's own R4 definitions (P-24): `python -m segue.fhir.generate ARCHIVE`.

Run by hand, never at run time. The archive is hl7.fhir.r4.examples-4.0.1.tgz, which `npm pack` fetches; it holds every
StructureDefinition, ValueSet and CodeSystem of R4 4.0.1. The product has each type v2 can yield with its elements in
order and, for required bindings, the codes. A value set whose codes R4 does not list (media types, currencies) gives
none: such an element is checked by its syntax alone.
"""

from __future__ import annotations

import json
import sys
import tarfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

Json = dict[str, Any]

TABLE = Path(__file__).parent / "tables" / "elements.json"
CANONICAL = "http://hl7.org/fhir/StructureDefinition/"
FHIR_TYPE = "http://hl7.org/fhir/StructureDefinition/structuredefinition-fhir-type"
REGEX = "http://hl7.org/fhir/StructureDefinition/regex"

RESOURCES = (
    "Account", "AllergyIntolerance", "Appointment", "Basic", "Binary", "Bundle", "CapabilityStatement",
    "CarePlan", "CareTeam", "ChargeItem", "Communication", "CommunicationRequest", "Composition", "ConceptMap",
    "Condition", "Consent", "Coverage", "DetectedIssue", "Device", "DeviceRequest", "DeviceUseStatement",
    "DiagnosticReport", "DocumentReference", "Encounter", "Endpoint", "EpisodeOfCare", "FamilyMemberHistory",
    "Flag", "Goal", "Group", "HealthcareService", "ImagingStudy", "Immunization", "ImmunizationRecommendation",
    "List", "Location", "Media", "Medication", "MedicationAdministration", "MedicationDispense",
    "MedicationRequest", "MedicationStatement", "MessageHeader", "NutritionOrder", "Observation",
    "OperationOutcome", "Organization", "Parameters", "Patient", "Practitioner", "PractitionerRole", "Procedure",
    "Provenance", "RelatedPerson", "Schedule", "ServiceRequest", "Slot", "Specimen", "Substance",
    "SupplyDelivery", "SupplyRequest", "Task", "VisionPrescription",
)  # fmt: skip
ABSTRACT = ("Element", "BackboneElement", "Resource", "DomainResource")


class Package:
    """The definitions of one archive by canonical URL."""

    def __init__(self, archive: Path) -> None:
        self.structures: dict[str, Json] = {}
        self.value_sets: dict[str, Json] = {}
        self.code_systems: dict[str, Json] = {}
        kinds = {"StructureDefinition": self.structures, "ValueSet": self.value_sets, "CodeSystem": self.code_systems}
        with tarfile.open(archive) as tar:
            for member in tar:
                into = kinds.get(member.name.removeprefix("package/").partition("-")[0])
                content = tar.extractfile(member) if into is not None else None
                if into is not None and content is not None:
                    resource: Json = json.load(content)
                    into[resource["url"]] = resource

    def codes(self, canonical: str) -> dict[str, list[str]] | None:
        """Codes of a value set by system; None where they cannot be listed."""
        value_set = self.value_sets.get(canonical.partition("|")[0])
        if value_set is None or "compose" not in value_set or "exclude" in value_set["compose"]:
            return None
        found: dict[str, list[str]] = {}
        for include in value_set["compose"]["include"]:
            part = self.included(include)
            if part is None:
                return None
            for system, codes in part.items():
                known = found.setdefault(system, [])
                known += [code for code in codes if code not in known]
        return found

    def included(self, include: Json) -> dict[str, list[str]] | None:
        if "filter" in include:
            return None
        if "valueSet" in include:
            if "system" in include or len(include["valueSet"]) != 1:
                return None
            return self.codes(include["valueSet"][0])
        if "concept" in include:
            return {include["system"]: [concept["code"] for concept in include["concept"]]}
        system = self.code_systems.get(include["system"])
        if system is None or system.get("content") != "complete":
            return None
        return {include["system"]: list(concepts(system.get("concept", [])))}


def concepts(nodes: Iterable[Json]) -> Iterator[str]:
    for node in nodes:
        yield node["code"]
        yield from concepts(node.get("concept", []))


def type_names(element: Json, resource: bool) -> Iterator[str]:
    for kind in element.get("type", []):
        code: str = kind["code"]
        if code.startswith("http://hl7.org/fhirpath/"):
            # Resource.id says "string" there; the page of the specification holds it to the syntax of `id`.
            code = next(e["valueUrl"] for e in kind["extension"] if e["url"] == FHIR_TYPE)
            if resource and element["path"].endswith(".id"):
                code = "id"
        elif kind.get("profile") == [CANONICAL + "SimpleQuantity"]:
            code = "SimpleQuantity"
        yield code


def targets(element: Json) -> list[str]:
    kinds = [kind for kind in element.get("type", []) if kind["code"] == "Reference"]
    names = [profile.removeprefix(CANONICAL) for kind in kinds for profile in kind.get("targetProfile", [])]
    names = list(dict.fromkeys(names))
    return [] if "Resource" in names else names


def rows(structure: Json, package: Package, codes: dict[str, dict[str, list[str]]]) -> Iterator[tuple[str, list[Any]]]:
    """(owner, row) of each element; a row is [name, types, min, many, targets, binding], its empty tail left off."""
    elements: list[Json] = structure["snapshot"]["element"]
    parents = {e["path"].rpartition(".")[0] for e in elements}
    for element in elements[1:]:
        path: str = element["path"]
        owner, _, name = path.rpartition(".")
        if "contentReference" in element:
            kinds = [element["contentReference"].removeprefix("#")]
        elif path in parents:
            kinds = [path]
        else:
            top = structure["kind"] == "resource" and owner == structure["type"]
            kinds = list(dict.fromkeys(type_names(element, top)))
        binding: Json = element.get("binding", {})
        bound = ""
        if binding.get("strength") == "required" and {"code", "Coding", "CodeableConcept"} & set(kinds):
            listed = package.codes(binding["valueSet"])
            if listed:
                bound = binding["valueSet"].rpartition("/")[2].partition("|")[0]
                codes[bound] = listed
            else:
                print(f"no codes listed: {path} ({binding['valueSet']})", file=sys.stderr)
        one_or_more = kinds[0] if len(kinds) == 1 else kinds
        row: list[Any] = [name, one_or_more, element["min"], int(element["max"] == "*"), targets(element), bound]
        while not row[-1]:
            row.pop()
        yield owner, row


def regex(structure: Json) -> str:
    """The syntax HL7 gives for a primitive type; "" where there is none."""
    for element in structure["snapshot"]["element"]:
        if element["path"].endswith(".value"):
            for kind in element.get("type", []):
                for extension in kind.get("extension", []):
                    if extension["url"] == REGEX:
                        return extension["valueString"]
    return ""


def tables(package: Package) -> Json:
    whole = [s for s in package.structures.values() if "snapshot" in s]
    specialised = {s["type"]: s for s in whole if s.get("derivation") != "constraint"}
    types: dict[str, list[list[Any]]] = {}
    codes: dict[str, dict[str, list[str]]] = {}
    wanted = [*ABSTRACT, *RESOURCES]
    primitives: dict[str, str] = {}
    for name in wanted:
        structure = specialised["Quantity" if name == "SimpleQuantity" else name]
        if structure["kind"] == "primitive-type":
            primitives[name] = regex(structure)
            continue
        if name == "SimpleQuantity":
            continue
        for owner, row in rows(structure, package, codes):
            types.setdefault(owner, []).append(row)
            for kind in [row[1]] if isinstance(row[1], str) else row[1]:
                if "." not in kind and kind not in wanted:
                    wanted.append(kind)
    return {
        "fhir": "4.0.1",
        "resources": sorted(RESOURCES),
        "primitives": dict(sorted(primitives.items())),
        "codes": dict(sorted(codes.items())),
        "types": types,
    }


def main(archive: str) -> None:
    TABLE.parent.mkdir(exist_ok=True)
    text = json.dumps(tables(Package(Path(archive))), ensure_ascii=False, separators=(",", ":"))
    TABLE.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
