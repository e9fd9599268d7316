"""The tables are what the generator writes: P-04."""

from __future__ import annotations

import json

import pytest

from segue.hl7 import generate, structures


@pytest.mark.parametrize("version", structures.VERSIONS)
def test_P_04_structure_tables_are_up_to_date(version: str) -> None:
    stored = json.loads((generate.TABLES / f"structures-{version}.json").read_text("utf-8"))
    assert stored == generate.structures(version)


def test_P_04_the_dictionary_is_up_to_date() -> None:
    assert (generate.TABLES / "dictionary.json").read_text("utf-8") == generate.dictionary()


def test_P_04_the_tables_stay_small() -> None:
    assert sum(path.stat().st_size for path in generate.TABLES.iterdir()) < 2_000_000


@pytest.mark.parametrize(
    ("raw", "name"),
    [
        ("PATIENT_IDENTIFIER_LIST", "Patient Identifier List"),
        ("SET_ID_PID", "Set ID Pid"),
        ("DATE_OF_BIRTH", "Date of Birth"),
        ("PREFIX_E_G_DR", "Prefix (e.g. DR)"),
    ],
)
def test_names_are_for_people(raw: str, name: str) -> None:
    assert generate.title(raw) == name
