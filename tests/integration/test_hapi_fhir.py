"""HAPI's FHIR server takes each transaction Bundle, and a second time changes nothing (promise 3, S-61)."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def client(fhir_server: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=fhir_server, headers={"Content-Type": "application/fhir+json"}, timeout=120) as made:
        yield made


def post(client: httpx.Client, file: Path) -> list[dict[str, Any]]:
    answer = client.post("", content=file.read_bytes())
    assert answer.status_code == 200, f"{file.name}: {answer.text[:2000]}"
    return [entry["response"] for entry in answer.json()["entry"]]


def places(responses: list[dict[str, Any]]) -> list[str]:
    return [response["location"].split("/_history/")[0] for response in responses if "location" in response]


def test_same_bundle_twice_gives_the_same_resources(client: httpx.Client, bundles: Path) -> None:
    for file in sorted(bundles.glob("*.json")):
        first, second = post(client, file), post(client, file)
        assert places(first) == places(second), file.name
        assert {response["status"][:3] for response in first} <= {"200", "201"}, file.name
        assert {response["status"][:3] for response in second} == {"200"}, file.name


def test_server_returns_the_patient_as_sent(client: httpx.Client, bundles: Path) -> None:
    file = bundles / "adt_a01_admission-0.json"
    patient = next(
        e["resource"] for e in json.loads(file.read_text())["entry"] if e["resource"]["resourceType"] == "Patient"
    )
    (place,) = {place for place in places(post(client, file)) if place.startswith("Patient/")}
    stored = client.get(place).raise_for_status().json()
    assert stored["name"] == patient["name"]
    assert stored["identifier"] == patient["identifier"]
    assert stored["birthDate"] == patient["birthDate"]


def test_service_delivers_to_the_server(
    client: httpx.Client, fhir_server: str, serve: Callable[..., int], examples: Path
) -> None:
    port = serve("--deliver", fhir_server)
    message = examples / "adt_a28_add_person.hl7"
    sent = subprocess.run(
        [sys.executable, "-m", "segue.cli", "send", str(message), "--port", str(port)], capture_output=True, text=True
    )
    assert sent.returncode == 0, sent.stdout + sent.stderr
    found = client.get("/Patient", params={"identifier": "PX-20881"}).raise_for_status().json()
    assert [entry["resource"]["name"][0]["family"] for entry in found["entry"]] == ["Nakagawa"]
