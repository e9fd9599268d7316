"""Paths, methods and faults of the application (A-01, A-06, A-34)."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from segue.convert import Converter

from .conftest import Client


@pytest.mark.parametrize("path", ["/", "/nope", "/v1", "/v1/convert/", "/v1/nope"])
async def test_A06_unknown_path_names_the_roots(client: httpx.AsyncClient, path: str) -> None:
    reply = await client.post(path, content=b"MSH")
    assert reply.status_code == 404
    assert reply.headers["content-type"] == "application/problem+json"
    assert "/v1" in reply.json()["detail"]
    assert "/fhir" in reply.json()["detail"]


async def test_A01_faults_under_fhir_are_OperationOutcomes(client: httpx.AsyncClient) -> None:
    reply = await client.get("/fhir/Patient")
    assert (reply.status_code, reply.headers["content-type"]) == (404, "application/fhir+json")
    assert reply.json()["resourceType"] == "OperationOutcome"


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [("GET", "/v1/convert", "POST"), ("POST", "/livez", "GET"), ("GET", "/fhir/$convert-data", "POST")],
)
async def test_A06_wrong_method_says_what_is_allowed(
    client: httpx.AsyncClient, method: str, path: str, allow: str
) -> None:
    reply = await client.request(method, path)
    assert reply.status_code == 405
    assert allow in reply.headers["allow"]


@pytest.mark.parametrize("path", ["/fhir/$convert-data", "/fhir/%24convert-data"])
async def test_A06_dollar_is_matched_both_ways(client: httpx.AsyncClient, path: str) -> None:
    assert (await client.post(path, json={})).status_code == 400


class Broken:
    """A converter with a bug that quotes the message."""

    def __init__(self, converter: Converter) -> None:
        self.converter = converter

    def __getattr__(self, name: str) -> Any:
        return getattr(self.converter, name)

    def convert(self, raw: bytes, **_options: Any) -> Any:
        raise RuntimeError(raw.decode())


@pytest.mark.parametrize("path", ["/v1/convert", "/fhir/$convert-data"])
async def test_A34_a_bug_is_a_500_with_a_correlation_id_only(
    client_for: Client, converter: Converter, path: str
) -> None:
    raw = "MSH|^~\\&|A|B|C|D|2026||ADT^A01|M1|P|2.5\rPID|1||1||Marlow\r"
    body = {"resourceType": "Parameters", "parameter": [{"name": "inputData", "valueString": raw}]}
    client = client_for(Broken(converter))
    reply = (
        await client.post(path, json=body)
        if path.startswith("/fhir")
        else await client.post(path, content=raw.encode())
    )
    assert reply.status_code == 500
    assert not [word for word in ("Marlow", "Traceback", "RuntimeError", ".py") if word in reply.text]
    if path.startswith("/v1"):
        assert reply.json()["instance"] == f"urn:uuid:{reply.headers['x-request-id']}"


async def test_docs_can_be_turned_off(client_for: Client) -> None:
    client = client_for(http={"docs": False})
    assert [(await client.get(path)).status_code for path in ("/docs", "/openapi.json")] == [404, 404]
