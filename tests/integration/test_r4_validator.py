"""HL7's own validation engine has no error for any Bundle of examples/ (promise 6, P-21)."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from segue import convert

pytestmark = pytest.mark.integration

DEFINITIONS = Path(__file__).parents[2] / "mappings" / "definitions"

# Messages of the engine that R4 does not bear out.
MISTAKEN = {
    # A code with extensions only is allowed in R4; the engine objects even to a data-absent-reason.
    "Terminology_TX_Code_ValueSet_MISSING",
    # Extensions made of R5 elements are read online by the full validator; offline it knows no version 5.0.
    "Extension_EXT_Version_Invalid",
}
# Codes that stay as a rule of ours says, though the engine's copy of the tables does not have them.
KEPT = (
    "v2-0203#PGN",  # R-ID-9: PGN and FGN are in table 0203, not in R4's copy of it
    'Code "fra" is not in valueset',  # R-CODE-4: the code as sent stands behind the BCP-47 tag
)


def test_promise_6_validator_finds_no_error(bundles: Path, peer: Callable[..., list[str]]) -> None:
    done = subprocess.run(peer("ValidateR4", bundles, DEFINITIONS), capture_output=True, text=True, check=True)
    issues = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    errors = [
        f"{i['file']} {i['at']}: {i['text']}"
        for i in issues
        if i["severity"] in {"error", "fatal"} and i["id"] not in MISTAKEN and not any(k in i["text"] for k in KEPT)
    ]
    assert not errors, "\n".join(errors)


def test_validator_sees_an_error_that_is_there(tmp_path: Path, peer: Callable[..., list[str]]) -> None:
    (tmp_path / "broken.json").write_text('{"resourceType": "Patient", "gender": "alien"}')
    done = subprocess.run(peer("ValidateR4", tmp_path, DEFINITIONS), capture_output=True, text=True, check=True)
    assert any(json.loads(line)["severity"] == "error" for line in done.stdout.splitlines() if line.startswith("{"))


def test_R_EXT_1_validator_holds_our_extensions_to_their_definitions(
    tmp_path: Path, examples: Path, peer: Callable[..., list[str]]
) -> None:
    residue = convert((examples / "vendor_22_old_style.hl7").read_bytes(), residue="extension").json()
    assert b"v2-field" in residue
    (tmp_path / "residue.json").write_bytes(residue)
    wrong = {
        "v2-field": {"extension": [{"url": "path", "valueString": "PID-2"}]},  # no value
        "order-control": {"valueCodeableConcept": {"text": "new"}},  # not of a Patient
        "identity-unknown": {"valueString": "yes"},  # a flag, not a text
    }
    for name, content in wrong.items():
        patient = {
            "resourceType": "Patient",
            "extension": [{"url": f"urn:segue:StructureDefinition:{name}", **content}],
        }
        (tmp_path / f"{name}.json").write_text(json.dumps(patient))
    done = subprocess.run(peer("ValidateR4", tmp_path, DEFINITIONS), capture_output=True, text=True, check=True)
    issues = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert {i["file"].removesuffix(".json") for i in issues if i["severity"] == "error"} == set(wrong)
