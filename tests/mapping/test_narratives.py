"""Narratives: text for a reader, off unless asked for, safe whatever the message says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2.exceptions import SecurityError

import segue
from segue.fhir.narrative import is_safe
from segue.mapping.narratives import Narratives
from segue.mapping.source import MappingError
from segue.packdata import data_folder

SHIPPED = Narratives.load(data_folder("mappings"))
MESSAGE = (
    b"MSH|^~\\&|LAB|NORTH|||20260311084512-0500||ORU^R01^ORU_R01|1|P|2.5.1\r"
    b"PID|1||7^^^NORTH^MR||Quill^Odile||19800102|F\r"
    b"OBR|1|P1|F1|GLU^Glucose^L|||20260311080000-0500\r"
    b"OBX|1|SN|GLU^Glucose^L||<^10|mg/dL|70-99|L|||F\r"
)


def texts(**options: Any) -> dict[str, str]:
    bundle = segue.convert(MESSAGE, **options).bundle
    found = [entry["resource"] for entry in bundle["entry"]]
    return {resource["resourceType"]: resource["text"]["div"] for resource in found if "text" in resource}


def test_no_resource_has_a_text_unless_asked_for() -> None:
    assert texts() == {}
    assert texts(narrative=False) == {}


def test_a_text_says_what_the_resource_says() -> None:
    found = texts(narrative=True)
    assert "<p>Glucose: &lt;10 mg/dL</p>" in found["Observation"]
    assert "<li>Reference range: 70-99</li>" in found["Observation"]
    assert "<p>Odile Quill</p>" in found["Patient"]
    assert "<li>Born: 1980-01-02</li>" in found["Patient"]
    assert all(is_safe(div) for div in found.values())


def test_a_resource_of_which_nothing_can_be_said_has_no_text() -> None:
    resource = {"resourceType": "Provenance", "recorded": "2026-03-11"}
    assert SHIPPED.told(resource) is resource


def test_P_20_the_resource_told_is_not_changed() -> None:
    resource = {"resourceType": "Patient", "name": [{"family": "Quill"}]}
    assert SHIPPED.told(resource) is not resource
    assert "text" not in resource


@given(st.text(), st.sampled_from(("Patient", "Observation", "Location", "Encounter", "DiagnosticReport")))
def test_O_21_whatever_stands_in_a_value_the_text_is_safe(text: str, kind: str) -> None:
    """R4's txt-1, with characters that XML does not know and mark-up in a name."""
    resource: dict[str, Any] = {"resourceType": kind, "status": text, "identifier": [{"value": text or "1"}]}
    resource["name"] = [{"text": text}] if kind == "Patient" else text
    resource["class"] = {"display": text}
    resource["code"] = {"text": text}
    told = SHIPPED.told(resource)
    assert "text" not in told or is_safe(told["text"]["div"])


def test_a_template_reaches_no_python() -> None:
    made = Narratives({"Patient": "{{ resource.__class__.__mro__ }}{{ resource.pop('id') }}"})
    with pytest.raises(SecurityError):
        made.told({"resourceType": "Patient", "id": "1"})
    assert "text" not in Narratives({"Patient": "{{ resource.__class__ }}"}).told({"resourceType": "Patient"})


def test_a_faulty_template_is_told_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "narratives").mkdir()
    (tmp_path / "narratives" / "Patient.html").write_text("<p>\n{% if %}</p>")
    with pytest.raises(MappingError) as caught:
        Narratives.load(tmp_path)
    assert str(caught.value.place) == "narratives/Patient.html:2"
