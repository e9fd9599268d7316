"""SNOMED CT: three files of the snapshot, preferred terms, what is inactive (T-70)."""

from __future__ import annotations

from pathlib import Path

import pytest

from segue.terminology.vocabularies import Vocabularies, load
from segue.terminology.vocabularies.snomed import SYSTEM


@pytest.fixture
def index(snomed_zip: Path, tmp_path: Path) -> Vocabularies:
    load(snomed_zip, tmp_path / "index")
    return Vocabularies(tmp_path / "index")


def test_T70_the_preferred_term_of_the_US_stands_before_that_of_GB(index: Vocabularies) -> None:
    assert index.display(SYSTEM, "910001009") == "Grommet edema"


def test_T70_where_the_US_prefers_none_GB_does(index: Vocabularies) -> None:
    assert index.display(SYSTEM, "910002002") == "Plinth of bone"


def test_T70_inactive_concepts_are_known_and_never_found(index: Vocabularies) -> None:
    old = index.concept(SYSTEM, "910003007")
    assert old is not None
    assert (old.active, old.display) == (False, "Old plinth (disorder)")
    assert [match.concept.code for match in index.search("plinth")] == ["910002002"]


def test_T70_inactive_descriptions_are_not_found(index: Vocabularies) -> None:
    assert index.search("withdrawn wording") == []
    assert [match.concept.code for match in index.search("GROMMET")] == ["910001009"]


def test_T70_the_version_is_the_date_of_the_snapshot(index: Vocabularies) -> None:
    (edition,) = index.editions
    assert (edition.name, edition.version, edition.codes, edition.active) == ("snomed", "20260101", 3, 2)
