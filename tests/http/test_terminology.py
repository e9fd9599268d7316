"""ConceptMap and CodeSystem routes (A-63, T-22)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fhir.resources.R4B.bundle import Bundle
from fhir.resources.R4B.conceptmap import ConceptMap
from fhir.resources.R4B.parameters import Parameters

from segue.convert import Converter
from segue.http.app import create_app
from segue.settings import Settings
from segue.terminology.maprows import MapRow, written

GENDER = "http://terminology.hl7.org/CodeSystem/v2-0001"
ROWS = [
    MapRow("LAB|NORTH", "OBX-3", "L", "GLU", "Glucose", "", "LN", "2345-7", "Glucose"),
    MapRow("LAB|NORTH", "OBX-3", "L", "BIG", "", "", "LN", "1-8", "", "wider"),
    MapRow("LAB|NORTH", "OBX-3", "L", "NO", equivalence="unmatched"),
]


@pytest.fixture
async def lab(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    (tmp_path / "maps").mkdir()
    (tmp_path / "maps" / "lab.csv").write_bytes(written(ROWS))
    app = create_app(Converter(terminology=tmp_path), Settings())
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://segue/fhir") as client:
        yield client


def parts(answer: httpx.Response) -> tuple[bool, list[dict[str, Any]]]:
    """`result` and the matches, each part by its name."""
    assert answer.status_code == 200
    Parameters.model_validate(answer.json())
    found = answer.json()["parameter"]
    (result,) = (p["valueBoolean"] for p in found if p["name"] == "result")
    values = [
        {p["name"]: next(v for k, v in p.items() if k.startswith("value")) for p in m["part"]}
        for m in found if m["name"] == "match"
    ]  # fmt: skip
    return result, values


@pytest.mark.parametrize("path", ["/ConceptMap/$translate", "/ConceptMap/lab-north-obx-3/$translate"])
async def test_A63_translate_in_the_words_of_R4(lab: httpx.AsyncClient, path: str) -> None:
    answer = await lab.get(path, params={"code": "GLU", "system": "L"})
    assert parts(answer) == (
        True,
        [
            {
                "equivalence": "equivalent",
                "concept": {"system": "http://loinc.org", "code": "2345-7", "display": "Glucose"},
                "source": "urn:segue:ConceptMap:lab-north-obx-3",
            }
        ],
    )


async def test_A63_translate_in_the_words_of_R5(lab: httpx.AsyncClient) -> None:
    body = {
        "resourceType": "Parameters",
        "parameter": [{"name": "sourceCoding", "valueCoding": {"system": "L", "code": "BIG"}}],
    }
    result, (match,) = parts(await lab.post("/ConceptMap/$translate", json=body))
    assert result
    assert match["relationship"] == "source-is-narrower-than-target"
    assert match["originMap"] == "urn:segue:ConceptMap:lab-north-obx-3"


async def test_A63_a_table_of_the_guide_is_a_map(lab: httpx.AsyncClient) -> None:
    concept = {"coding": [{"system": GENDER, "code": "F"}, {"system": GENDER, "code": "A"}]}
    body = {
        "resourceType": "Parameters",
        "parameter": [
            {"name": "codeableConcept", "valueCodeableConcept": concept},
            {"name": "targetsystem", "valueUri": "http://hl7.org/fhir/administrative-gender"},
        ],
    }
    result, matches = parts(await lab.post("/ConceptMap/AdministrativeSex/$translate", json=body))
    assert result
    assert [(m["equivalence"], m["concept"]["code"]) for m in matches] == [("equivalent", "female"), ("wider", "other")]


@pytest.mark.parametrize("code", ["NO", "GONE"])
async def test_A63_no_match_is_200_with_result_false(lab: httpx.AsyncClient, code: str) -> None:
    result, matches = parts(await lab.get("/ConceptMap/$translate", params={"sourceCode": code, "system": "L"}))
    assert not result
    assert [m["relationship"] for m in matches] == (["not-related-to"] if code == "NO" else [])


@pytest.mark.parametrize(
    ("query", "hint"),
    [
        ("code=F&targetSystem=http://x", "code is a name of R4 and targetSystem one of R5"),
        ("system=L", "A code is missing"),
        ("cod=F", "Did you mean code?"),
        ("code=F&url=urn:none", "No map of that URL is loaded"),
        ("coding=F", "coding needs a body"),
    ],
)
async def test_A63_what_cannot_be_asked_is_400(lab: httpx.AsyncClient, query: str, hint: str) -> None:
    answer = await lab.get(f"/ConceptMap/$translate?{query}")
    assert answer.status_code == 400
    assert answer.json()["resourceType"] == "OperationOutcome"
    assert hint in answer.text


async def test_A63_maps_are_read_and_searched(lab: httpx.AsyncClient) -> None:
    everything = (await lab.get("/ConceptMap")).json()
    Bundle.model_validate(everything)
    assert everything["entry"][0]["resource"]["id"] == "lab-north-obx-3"
    assert everything["total"] > 90
    found = (await lab.get("/ConceptMap", params={"target-system": "http://loinc.org"})).json()
    assert [e["resource"]["id"] for e in found["entry"]] == ["lab-north-obx-3"]
    one = await lab.get("/ConceptMap/AdministrativeSex")
    ConceptMap.model_validate(one.json())
    assert (await lab.get("/ConceptMap", params={"url": one.json()["url"]})).json()["entry"][0][
        "resource"
    ] == one.json()
    assert (await lab.get("/ConceptMap", params={"name": "none"})).json()["total"] == 0
    assert (await lab.get("/ConceptMap/none")).status_code == 404


@pytest.mark.parametrize("system", [GENDER, "HL70001", "2.16.840.1.113883.12.1"])
async def test_lookup_of_a_loaded_table(lab: httpx.AsyncClient, system: str) -> None:
    answer = await lab.get("/CodeSystem/$lookup", params={"system": system, "code": "F"})
    assert {"name": "display", "valueString": "Female"} in answer.json()["parameter"]
    Parameters.model_validate(answer.json())
    coding = {"name": "coding", "valueCoding": {"system": system, "code": "Q9"}}
    missing = await lab.post("/CodeSystem/$lookup", json={"resourceType": "Parameters", "parameter": [coding]})
    assert (missing.status_code, missing.json()["resourceType"]) == (404, "OperationOutcome")
