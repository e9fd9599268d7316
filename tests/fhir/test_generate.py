"""The generator on an archive of a few definitions in the form of HL7's package."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from segue.fhir.generate import Package, rows, targets, type_names

Json = dict[str, Any]

HL7 = "http://hl7.org/fhir/"


def resource(kind: str, name: str, **more: Any) -> Json:
    return {"resourceType": kind, "url": f"{HL7}{kind}/{name}", **more}


COLOURS = resource(
    "CodeSystem",
    "colour",
    content="complete",
    concept=[{"code": "red", "concept": [{"code": "pink"}]}, {"code": "blue"}],
)
FOREIGN = resource("CodeSystem", "foreign", content="not-present")


def value_set(name: str, **compose: Any) -> Json:
    return resource("ValueSet", name, compose=compose)


SETS = [
    value_set("all", include=[{"system": COLOURS["url"]}]),
    value_set("some", include=[{"system": COLOURS["url"], "concept": [{"code": "red"}]}]),
    value_set("nested", include=[{"valueSet": [f"{HL7}ValueSet/some"]}]),
    value_set("filtered", include=[{"system": COLOURS["url"], "filter": [{"property": "x", "op": "=", "value": "y"}]}]),
    value_set("without", include=[{"system": COLOURS["url"]}], exclude=[{"system": COLOURS["url"]}]),
    value_set("foreign", include=[{"system": FOREIGN["url"]}]),
]


@pytest.fixture
def package(tmp_path: Path) -> Package:
    archive = tmp_path / "package.tgz"
    with tarfile.open(archive, "w:gz") as tar:
        for held in [COLOURS, FOREIGN, *SETS]:
            data = json.dumps(held).encode()
            info = tarfile.TarInfo(f"package/{held['resourceType']}-{held['url'].rpartition('/')[2]}.json")
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return Package(archive)


@pytest.mark.parametrize(
    ("name", "codes"),
    [("all", ["red", "pink", "blue"]), ("some", ["red"]), ("nested", ["red"])],
)
def test_codes_of_a_value_set(package: Package, name: str, codes: list[str]):
    assert package.codes(f"{HL7}ValueSet/{name}|4.0.1") == {COLOURS["url"]: codes}


@pytest.mark.parametrize("name", ["filtered", "without", "foreign", "nothing"])
def test_codes_that_cannot_be_listed_are_None(package: Package, name: str):
    assert package.codes(f"{HL7}ValueSet/{name}") is None


def element(path: str, *types: Json, **more: Any) -> Json:
    return {"path": path, "min": 0, "max": "1", **({"type": list(types)} if types else {}), **more}


def test_rows_of_a_structure(package: Package):
    some = {"strength": "required", "valueSet": f"{HL7}ValueSet/some|4.0.1"}
    elements = [
        element("Box"),
        element("Box.lid", {"code": "BackboneElement"}, max="*"),
        element("Box.lid.colour", {"code": "code"}, min=1, binding=some),
        element("Box.value[x]", {"code": "string"}, {"code": "boolean"}),
        element("Box.inner", contentReference="#Box.lid"),
    ]
    codes: dict[str, dict[str, list[str]]] = {}
    structure = {"type": "Box", "kind": "resource", "snapshot": {"element": elements}}
    assert list(rows(structure, package, codes)) == [
        ("Box", ["lid", "Box.lid", 0, 1]),
        ("Box.lid", ["colour", "code", 1, 0, [], "some"]),
        ("Box", ["value[x]", ["string", "boolean"]]),
        ("Box", ["inner", "Box.lid"]),
    ]
    assert codes == {"some": {COLOURS["url"]: ["red"]}}


def test_targets_of_a_reference_to_anything_are_none():
    def to(*names: str) -> Json:
        return {"code": "Reference", "targetProfile": [f"{HL7}StructureDefinition/{name}" for name in names]}

    assert targets(element("Box.owner", to("Patient", "Group"))) == ["Patient", "Group"]
    assert targets(element("Box.about", to("Resource"))) == []


def test_the_id_of_a_resource_is_an_id():
    url = f"{HL7}StructureDefinition/structuredefinition-fhir-type"
    kind = {"code": "http://hl7.org/fhirpath/System.String", "extension": [{"url": url, "valueUrl": "string"}]}
    assert list(type_names(element("Box.id", kind), True)) == ["id"]
    assert list(type_names(element("Box.lid.id", kind), False)) == ["string"]
