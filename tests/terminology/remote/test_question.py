"""Syntax and check digits of codes (T-36)."""

from __future__ import annotations

import pytest

from segue.terminology.remote.question import LOINC, SNOMED, is_uri, well_formed


@pytest.mark.parametrize("code", ["2345-7", "718-7", "24331-1", "85354-9", "29463-7"])
def test_T36_LOINC_codes(code: str) -> None:
    assert well_formed(LOINC, code)


@pytest.mark.parametrize("code", ["2345-8", "GLU", "2345", "-7", "2345-77", "12345678-9", "2345-7 "])
def test_T36_what_is_no_LOINC_code(code: str) -> None:
    assert not well_formed(LOINC, code)


@pytest.mark.parametrize("code", ["22298006", "73211009", "138875005", "900000000000207008"])
def test_T36_SNOMED_identifiers(code: str) -> None:
    assert well_formed(SNOMED, code)


@pytest.mark.parametrize("code", ["22298007", "73211090", "1388", "022298006", "22298006|Myocardial infarction|"])
def test_T36_what_is_no_SNOMED_identifier(code: str) -> None:
    assert not well_formed(SNOMED, code)


@pytest.mark.parametrize(
    ("code", "good"), [("A b", True), ("a  b", False), ("", False), ("x" * 65, False), ("\n", False)]
)
def test_T36_codes_of_other_systems_are_FHIR_codes(code: str, good: bool) -> None:
    assert well_formed("urn:x", code) is good


@pytest.mark.parametrize(
    ("text", "good"), [("urn:oid:1.2", True), ("http://x", True), ("L", False), ("", False), ("a b:c", False)]
)
def test_T36_URIs(text: str, good: bool) -> None:
    assert is_uri(text) is good
