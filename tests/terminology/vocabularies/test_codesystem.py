"""A FHIR CodeSystem as a vocabulary of its own (T-70)."""

from __future__ import annotations

import json
from pathlib import Path

from segue.terminology.vocabularies import Vocabularies, load

URL = "https://north.example.org/fhir/CodeSystem/wards"


def test_T70_nested_concepts_designations_and_retired_ones(tmp_path: Path) -> None:
    resource = {
        "resourceType": "CodeSystem",
        "url": URL,
        "version": "3",
        "concept": [
            {
                "code": "A",
                "display": "Adults",
                "concept": [{"code": "A1", "display": "Surgery", "designation": [{"value": "Chirurgie"}]}],
            },
            {"code": "Z", "display": "Closed", "property": [{"code": "status", "valueCode": "retired"}]},
        ],
    }
    file = tmp_path / "wards.json"
    file.write_text(json.dumps(resource))
    made = load(file, tmp_path / "index")
    assert made.file.name == "codesystem-https-north-example-org-fhir-codesystem-wards.db"
    index = Vocabularies(tmp_path / "index")
    assert index.display(URL, "A1") == "Surgery"
    assert [match.concept.code for match in index.search("chirurgie")] == ["A1"]
    closed = index.concept(URL, "Z")
    assert closed is not None
    assert not closed.active
    assert index.editions[0].version == "3"
