"""$convert-data and the FHIR documents (A-40 to A-44, A-64)."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from fhir.resources.R4B.capabilitystatement import CapabilityStatement
from fhir.resources.R4B.operationdefinition import OperationDefinition

from segue.convert import Converter
from segue.http.fhir import NAMES
from segue.http.rules import Rules

from .conftest import Client

Adt = Callable[..., bytes]
URL = "/fhir/$convert-data"


def parameters(*parts: tuple[str, Any], raw: bytes | None = None, key: str = "valueString") -> dict[str, Any]:
    listed = [{"name": name, "valueBoolean" if isinstance(value, bool) else key: value} for name, value in parts]
    if raw is not None:
        listed.insert(0, {"name": "inputData", "valueString": raw.decode()})
    return {"resourceType": "Parameters", "parameter": listed}


def codes(outcome: dict[str, Any]) -> list[str]:
    assert outcome["resourceType"] == "OperationOutcome"
    return [row["details"]["coding"][-1]["code"] for row in outcome["issue"]]


async def test_A40_A43_as_microsoft_s_documentation_calls_it(
    client: httpx.AsyncClient, adt: Adt, converter: Converter
) -> None:
    body = parameters(
        ("inputDataType", "Hl7v2"),
        ("templateCollectionReference", "microsofthealth/hl7v2templates:default"),
        ("rootTemplate", "ADT_A01"),
        raw=adt(),
    )
    reply = await client.post(URL, json=body)
    assert (reply.status_code, reply.headers["content-type"]) == (200, "application/fhir+json")
    assert reply.content == converter.convert(adt()).json()


async def test_A03_the_same_bundle_as_convert(client: httpx.AsyncClient, adt: Adt) -> None:
    plain = await client.post("/v1/convert", content=adt())
    wrapped = await client.post(URL, json=parameters(raw=adt()))
    assert plain.content == wrapped.content


@pytest.mark.parametrize("key", ["valueString", "valueCode", "valueUri"])
async def test_A40_values_of_any_text_type(client: httpx.AsyncClient, adt: Adt, key: str) -> None:
    reply = await client.post(
        URL, json=parameters(("inputDataType", "hl7V2"), ("rootTemplate", "adt_a01"), raw=adt(), key=key)
    )
    assert reply.status_code == 200


async def test_A40_options_are_those_of_convert(client: httpx.AsyncClient, adt: Adt) -> None:
    body = parameters(("bundleType", "batch"), ("strict", False), ("timezone", "-05:00"), ("residue", "off"), raw=adt())
    assert (await client.post(URL, json=body)).json()["type"] == "batch"


@pytest.mark.parametrize("kind", ["Ccda", "Json", "Fhir"])
async def test_A40_other_input_is_not_supported(client: httpx.AsyncClient, adt: Adt, kind: str) -> None:
    reply = await client.post(URL, json=parameters(("inputDataType", kind), raw=adt()))
    assert (reply.status_code, codes(reply.json())) == (422, ["request.input-type"])


@pytest.mark.parametrize(
    ("reference", "status"),
    [
        ("microsofthealth/hl7v2templates:default", 200),
        ("myregistry.azurecr.io/templates@sha256:" + "a" * 64, 200),
        ("registry.example.org/team/templates:1.2", 200),
        ("something else", 412),
    ],
)
async def test_A41_references_of_other_products_mean_the_active_pack(
    client: httpx.AsyncClient, adt: Adt, reference: str, status: int
) -> None:
    reply = await client.post(URL, json=parameters(("templateCollectionReference", reference), raw=adt()))
    assert reply.status_code == status


async def test_A41_it_is_told(client: httpx.AsyncClient, adt: Adt) -> None:
    body = parameters(("templateCollectionReference", "microsofthealth/hl7v2templates:default"), raw=adt())
    reply = await client.post(URL, json=body, headers={"Prefer": "return=OperationOutcome"})
    assert "request.reference-foreign" in codes(reply.json())


async def test_A42_a_template_without_a_map_names_the_nearest(client: httpx.AsyncClient, adt: Adt) -> None:
    reply = await client.post(URL, json=parameters(("rootTemplate", "ADT_A99"), raw=adt()))
    assert reply.status_code == 422
    assert "Did you mean ADT_A" in reply.json()["issue"][0]["diagnostics"]


@pytest.mark.parametrize("end", ["\r", "\n", "\r\n"])
async def test_A44_any_line_end(client: httpx.AsyncClient, adt: Adt, end: str) -> None:
    raw = adt().decode().replace("\r", end).encode()
    assert (await client.post(URL, json=parameters(raw=raw))).status_code == 200


async def test_A44_a_lost_backslash_is_named(client: httpx.AsyncClient, adt: Adt) -> None:
    reply = await client.post(URL, json=parameters(raw=adt().replace(b"^~\\&", b"^~&")))
    assert (reply.status_code, codes(reply.json())) == (400, ["request.backslash-lost"])
    assert "/v1/convert" in reply.json()["issue"][0]["diagnostics"]


async def test_A21_text_in_JSON_needs_no_charset(client: httpx.AsyncClient, adt: Adt) -> None:
    reply = await client.post(URL, json=parameters(raw=adt(name="M\u00fcller", charset="8859/1")))
    assert "M\u00fcller" in reply.text


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"{", "request.body"),
        (b"[]", "request.body"),
        (b'{"resourceType":"Bundle"}', "request.body"),
        (b'{"resourceType":"Parameters","parameter":[5]}', "request.body"),
        (b'{"resourceType":"Parameters"}', "request.empty"),
        (
            b'{"resourceType":"Parameters","parameter":[{"name":"inputDat","valueString":"x"}]}',
            "request.parameter-unknown",
        ),
        (b'{"resourceType":"Parameters","parameter":[{"name":"inputData"}]}', "request.parameter-value"),
        (
            b'{"resourceType":"Parameters","parameter":[{"name":"inputData","valueInteger":5}]}',
            "request.parameter-value",
        ),
    ],
)
async def test_bodies_that_cannot_be_used(client: httpx.AsyncClient, body: bytes, code: str) -> None:
    reply = await client.post(URL, content=body, headers={"Content-Type": "application/json"})
    assert (reply.status_code, codes(reply.json())) == (400, [code])


async def test_A04_a_part_given_twice(client: httpx.AsyncClient, adt: Adt) -> None:
    reply = await client.post(URL, json=parameters(("site", "a"), ("site", "a"), raw=adt()))
    assert (reply.status_code, codes(reply.json())) == (400, ["request.parameter-value"])


async def test_A04_no_query_here(client: httpx.AsyncClient, adt: Adt) -> None:
    assert (await client.post(URL + "?bundle=batch", json=parameters(raw=adt()))).status_code == 400


@pytest.mark.parametrize(
    ("header", "status"), [({"Content-Type": "text/plain"}, 415), ({"Accept": "application/fhir+xml"}, 406)]
)
async def test_A20_types(client: httpx.AsyncClient, adt: Adt, header: dict[str, str], status: int) -> None:
    headers = {"Content-Type": "application/fhir+json"} | header
    reply = await client.post(URL, content=json.dumps(parameters(raw=adt())), headers=headers)
    assert reply.status_code == status


async def test_A70_JSON_has_a_limit_of_its_own(client_for: Client, adt: Adt) -> None:
    reply = await client_for(limits={"json_bytes": 50}).post(URL, json=parameters(raw=adt()))
    assert reply.status_code == 413


async def test_A43_a_refusal_is_an_OperationOutcome(client: httpx.AsyncClient, adt: Adt) -> None:
    reply = await client.post(URL, json=parameters(raw=adt(event="ZZZ^Z01")))
    assert reply.status_code == 422
    assert codes(reply.json())


async def test_A64_metadata(client: httpx.AsyncClient, converter: Converter) -> None:
    reply = await client.get("/fhir/metadata")
    body = reply.json()
    statement = CapabilityStatement.model_validate(body)
    assert (statement.kind, statement.fhirVersion, statement.format) == ("instance", "4.0.1", ["json"])
    assert Rules.of(converter).digest in body["implementation"]["description"]
    assert {"mode": "receiver", "definition": "urn:segue:message:ADT_A01"} in body["messaging"][0]["supportedMessage"]


async def test_the_operation_is_defined_as_it_is_read(client: httpx.AsyncClient) -> None:
    body = (await client.get("/fhir/OperationDefinition/convert-data")).json()
    definition = OperationDefinition.model_validate(body)
    assert [p.name for p in definition.parameter if p.use == "in"] == [
        *NAMES[:4],
        "bundleType",
        "timezone",
        "site",
        "strict",
        "residue",
        "narrative",
    ]


@pytest.mark.parametrize("path", ["/fhir/metadata", "/fhir/OperationDefinition/convert-data", "/openapi.json"])
async def test_A76_documents_are_cacheable(client: httpx.AsyncClient, path: str) -> None:
    tag = (await client.get(path)).headers["etag"]
    assert (await client.get(path, headers={"If-None-Match": tag})).status_code == 304
