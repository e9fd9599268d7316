"""HAPI's FHIR server as a terminology server: $translate for real, cached, and gone (T-31 to T-35)."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import httpx
import pytest

from segue.convert import Converter
from segue.delivery.resolution import resolved
from segue.terminology.remote import Resolver, Server, Translations
from segue.terminology.remote.cache import Cache
from segue.terminology.remote.question import LOOKUP, Kind, Question
from segue.terminology.remote.translations import Local

pytestmark = pytest.mark.integration

LOINC = "http://loinc.org"
MESSAGE = (
    b"MSH|^~\\&|LAB|NORTH|||20240310101500-0500||ORU^R01^ORU_R01|M1|P|2.5.1\rPID|1||7^^^&2.999.1&ISO^MR||Novak^Ada||1980|F\r"
    b"OBR|1|P1|F1|24331-1^Lipids^LN|||20240310|||||||||||||||||||F\rOBX|1|NM|GLU^Glucose^L||5.5|mmol/L|||||F\r"
)


@pytest.fixture(scope="module")
def lab(fhir_server: str) -> str:
    """A local code system with a ConceptMap on the server; its URI."""
    uri = f"https://north.example.org/{uuid.uuid4()}"

    def element(code: str, target: str, equivalence: str) -> dict[str, Any]:
        return {"code": code, "target": [{"code": target, "display": f"words of {target}", "equivalence": equivalence}]}

    elements = [
        element("GLU", "14749-6", "equivalent"),
        element("NA", "2951-2", "wider"),
        element("BAD", "1-1", "equivalent"),
    ]
    concept_map = {
        "resourceType": "ConceptMap",
        "url": f"{uri}/map",
        "status": "active",
        "sourceUri": f"{uri}/all",
        "targetUri": "http://loinc.org/vs",
        "group": [{"source": uri, "target": LOINC, "element": elements}],
    }
    with httpx.Client(base_url=fhir_server, timeout=120) as client:
        client.post(
            "/ConceptMap", json=concept_map, headers={"Content-Type": "application/fhir+json"}
        ).raise_for_status()
    return uri


def server(url: str, **more: Any) -> Server:
    return Server(url, targets=(LOINC,), timeout_s=30, **more)


@pytest.mark.parametrize("dialect", ["auto", "r4"])
@pytest.mark.parametrize("with_map", [False, True])
async def test_T32_translations_of_a_real_server(fhir_server: str, lab: str, dialect: Any, with_map: bool) -> None:
    one = server(fhir_server, dialect=dialect, map_url=f"{lab}/map" if with_map else None)
    found = await one.ask(Question(lab, "GLU"))
    assert [(t.system, t.code) for t in found.targets] == [(LOINC, "14749-6")]
    assert (await one.ask(Question(lab, "GLU", LOINC))).kind is Kind.POSITIVE
    assert (await one.ask(Question(lab, "NONE"))).kind is Kind.NEGATIVE
    assert (await one.ask(Question(lab, "NA"))).kind is Kind.NEGATIVE  # wider is not applied (T-25)
    assert (await one.ask(Question(lab, "BAD"))).kind is Kind.ERROR  # no LOINC check digit (T-36)
    await one.close()


async def test_T31_a_message_and_a_restart_without_the_server(fhir_server: str, lab: str, tmp_path: Path) -> None:
    systems = {Local("LAB|NORTH", "L"): lab}
    translations = Translations(Cache(tmp_path / "cache.db", fhir_server), systems)
    converter = Converter(translator=translations)

    async def convert() -> tuple[Any, bytes]:
        made = converter.convert(MESSAGE)
        return made, made.json()

    resolver = Resolver(server(fhir_server), translations, wait_s=60)
    first = await resolved(convert, resolver)
    assert first.conversion.unmapped == ()
    assert b'"14749-6"' in first.body
    await resolver.close()

    again = Converter(translator=Translations(Cache(tmp_path / "cache.db", fhir_server), systems))
    assert again.convert(MESSAGE).json() == first.body


async def test_T38_displays_of_a_real_server(fhir_server: str) -> None:
    uri = f"https://north.example.org/{uuid.uuid4()}"
    system = {
        "resourceType": "CodeSystem",
        "url": uri,
        "status": "active",
        "content": "complete",
        "concept": [{"code": "GLU", "display": "Glucose in serum"}],
    }
    async with httpx.AsyncClient(base_url=fhir_server, timeout=120) as client:
        (await client.post("/CodeSystem", json=system)).raise_for_status()
    one = server(fhir_server)
    found = await one.ask(Question(uri, "GLU", LOOKUP))
    assert [(t.code, t.display) for t in found.targets] == [("GLU", "Glucose in serum")]
    assert (await one.ask(Question(uri, "NONE", LOOKUP))).kind is Kind.NEGATIVE
    assert (await one.ask(Question(f"{uri}/other", "GLU", LOOKUP))).kind is Kind.NEGATIVE
    await one.close()
