"""1 000 messages of 200 patients who share practitioners and places, taken in at once and delivered from the journal in
parallel to HAPI's FHIR server: every resource once, none twice, and the last content of each (S-54, S-61a)."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from segue.journal.journal import Journal
from segue.mllp.client import Client

pytestmark = pytest.mark.integration

PATIENTS, SENDERS, PRACTITIONERS, WARDS = 200, 20, 10, 5
MRN, VISIT, NPI = "1.2.826.0.1.99.1", "1.2.826.0.1.99.2", "2.16.840.1.113883.4.6"


def message(patient: int, step: int) -> bytes:
    """Admitted, renamed, a result, moved, renamed again: the fifth says how it ends."""
    event = ("ADT^A01^ADT_A01", "ADT^A08^ADT_A01", "ORU^R01^ORU_R01", "ADT^A02^ADT_A02", "ADT^A08^ADT_A01")[step]
    at = f"202603{1 + step:02}101500-0500"
    doctor = f"{(patient + step) % PRACTITIONERS}^Doctor{(patient + step) % PRACTITIONERS}^A^^^^^^NPI&{NPI}&ISO^L^^^NPI"
    ward = f"ZW{patient % WARDS}^R{patient % 7}^1^NORTH"
    lines = [
        f"MSH|^~\\&|ADT|NORTH|EHR|HOSP|{at}||{event}|P{patient}-{step}|P|2.5.1",
        *([f"EVN||{at}"] if event.startswith("ADT") else []),
        f"PID|1||P{patient}^^^NORTH&{MRN}&ISO^MR||Marlow{patient}^Step{step}||19800102|F",
        f"PV1|1|I|{ward}||||{doctor}||||||||||||V{patient}^^^NORTH&{VISIT}&ISO^VN",
    ]
    if event.startswith("ORU"):
        lines += [
            f"OBR|1||F{patient}^LAB^1.2.826.0.1.99.3^ISO|2345-7^Glucose^LN|||{at}|||||||||{doctor}||||||{at}||CH|F",
            f"OBX|1|NM|2345-7^Glucose^LN||{patient}|mmol/L|||||F|||{at}",
        ]
    return ("\r".join(lines) + "\r").encode()


async def send_all(port: int) -> Counter[str]:
    """The messages of a patient in their order over one connection, 20 connections at once."""
    codes: Counter[str] = Counter()

    async def sender(number: int) -> None:
        async with Client("127.0.0.1", port, timeout_s=120) as client:
            for step in range(5):
                for patient in range(number, PATIENTS, SENDERS):
                    codes[(await client.send(message(patient, step))).code] += 1

    await asyncio.gather(*(sender(number) for number in range(SENDERS)))
    return codes


async def settled(where: str) -> dict[str, int]:
    """The states of all messages, when none is on its way any more."""
    journal = await Journal.open(where)
    try:
        async with asyncio.timeout(600):
            while True:
                counts = await journal.counts()
                if not counts["received"] + counts["converted"] + counts["retrying"]:
                    return {state: n for state, n in counts.items() if n and state != "total"}
                await asyncio.sleep(0.2)
    finally:
        await journal.close()


@pytest.fixture(scope="module")
def client(fhir_server: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=fhir_server, timeout=120) as made:
        yield made


def found(client: httpx.Client, kind: str, **query: str) -> list[dict[str, Any]]:
    resources: list[dict[str, Any]] = []
    url: str | None = f"/{kind}?{httpx.QueryParams({**query, '_count': '500'})}"
    while url:
        page = client.get(url).raise_for_status().json()
        resources += [entry["resource"] for entry in page.get("entry", [])]
        url = next((link["url"] for link in page["link"] if link["relation"] == "next"), None)
    return resources


def by_identifier(resources: list[dict[str, Any]], system: str) -> Counter[str]:
    return Counter(
        identifier["value"]
        for resource in resources
        for identifier in resource.get("identifier", [])
        if identifier.get("system") == system
    )


def test_S61a_every_resource_once_and_the_last_content(
    client: httpx.Client, fhir_server: str, serve: Callable[..., int], tmp_path: Path
) -> None:
    config, journal = tmp_path / "segue.yaml", str(tmp_path / "journal.db")
    target = {"name": "hapi", "url": fhir_server, "parallel": 8}
    config.write_text(yaml.safe_dump({"targets": [target], "journal": {"url": journal}}))
    port = serve("--config", str(config))
    assert asyncio.run(send_all(port)) == {"AA": 5 * PATIENTS}
    assert asyncio.run(settled(journal)) == {"delivered": 5 * PATIENTS}

    patients = found(client, "Patient", identifier=f"urn:oid:{MRN}|")
    assert by_identifier(patients, f"urn:oid:{MRN}") == {f"P{n}": 1 for n in range(PATIENTS)}
    names = {p["identifier"][0]["value"]: p["name"][0] for p in patients}
    assert all(names[f"P{n}"]["given"] == ["Step4"] for n in range(PATIENTS))
    assert all(names[f"P{n}"]["family"] == f"Marlow{n}" for n in range(PATIENTS))

    visits = found(client, "Encounter", identifier=f"urn:oid:{VISIT}|")
    assert by_identifier(visits, f"urn:oid:{VISIT}") == {f"V{n}": 1 for n in range(PATIENTS)}
    of_patient = {p["id"]: p["identifier"][0]["value"][1:] for p in patients}
    assert all(of_patient[v["subject"]["reference"].split("/")[1]] == v["identifier"][0]["value"][1:] for v in visits)

    doctors = found(client, "Practitioner", identifier="http://hl7.org/fhir/sid/us-npi|")
    numbers = by_identifier(doctors, "http://hl7.org/fhir/sid/us-npi")
    assert {number: count for number, count in numbers.items() if len(number) == 1} == {
        str(n): 1 for n in range(PRACTITIONERS)
    }

    wards = [place for place in found(client, "Location") if place.get("name", "").startswith("ZW")]
    assert Counter(place["name"] for place in wards) == {f"ZW{n}": 1 for n in range(WARDS)}

    results = found(client, "Observation", code="http://loinc.org|2345-7")
    values = Counter(
        (of_patient.get(o["subject"]["reference"].split("/")[1]), o["valueQuantity"]["value"])
        for o in results
        if o["subject"]["reference"].split("/")[1] in of_patient
    )
    assert values == {(str(n), n): 1 for n in range(PATIENTS)}
