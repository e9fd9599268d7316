"""RxNorm: its own atoms, the name by term type, obsolete ones (T-70)."""

from __future__ import annotations

from pathlib import Path

import pytest

from segue.terminology.vocabularies import Vocabularies, load
from segue.terminology.vocabularies.rxnorm import SYSTEM


@pytest.fixture
def index(rxnorm_zip: Path, tmp_path: Path) -> Vocabularies:
    load(rxnorm_zip, tmp_path / "index")
    return Vocabularies(tmp_path / "index")


def test_T70_the_name_by_term_type_whatever_the_order(index: Vocabularies) -> None:
    assert index.display(SYSTEM, "9001") == "fictilol"
    assert index.display(SYSTEM, "9002") == "fictilol 5 MG Oral Tablet"


def test_T70_synonyms_are_found(index: Vocabularies) -> None:
    assert index.search("fictilol base")[0].concept.code == "9001"


def test_T70_obsolete_foreign_and_other_languages(index: Vocabularies) -> None:
    old = index.concept(SYSTEM, "9003")
    assert old is not None
    assert not old.active
    assert index.concept(SYSTEM, "9004") is None
    assert index.concept(SYSTEM, "9005") is None


def test_T70_the_whole_release_not_the_prescribable_subset(index: Vocabularies) -> None:
    assert index.concept(SYSTEM, "1") is None
    assert index.editions[0].version == "20260908"
