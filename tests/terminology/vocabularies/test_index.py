"""Displays, existence and search over what was loaded (T-63, T-71)."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from segue.terminology.vocabularies import Vocabularies, VocabularyError, load

LOINC = "http://loinc.org"


@pytest.fixture
def index(loinc_csv: Path, snomed_zip: Path, tmp_path: Path) -> Vocabularies:
    load(loinc_csv, tmp_path / "index")
    load(snomed_zip, tmp_path / "index")
    return Vocabularies(tmp_path / "index")


def codes(index: Vocabularies, text: str, **narrowed: str) -> list[str]:
    return [match.concept.code for match in index.search(text, systems=(LOINC,), **narrowed)]


def test_T63_related_names_are_found_and_common_tests_stand_first(index: Vocabularies) -> None:
    assert codes(index, "ZRB") == ["90002-9", "90001-1"]


@pytest.mark.parametrize(
    ("unit", "specimen", "first"),
    [
        ("mmol/L", "", "90002-9"),
        ("umol/L", "", "90002-9"),  # by the kind of property: no example unit
        ("mg/dL", "Ser", "90001-1"),
        ("mg/dL", "Urine", "90003-7"),
        ("mg/dL", "UR", "90003-7"),
    ],
)
def test_T63_a_unit_and_a_specimen_narrow(index: Vocabularies, unit: str, specimen: str, first: str) -> None:
    assert codes(index, "Zorbine", unit=unit, specimen=specimen)[0] == first


def test_T63_more_words_of_the_text_stand_before_a_fitting_unit(index: Vocabularies) -> None:
    assert codes(index, "zorbine urine", unit="mmol/L")[0] == "90003-7"


def test_T63_a_score_is_the_share_of_words(index: Vocabularies) -> None:
    (found, *_) = index.search("zorbine nonsense", systems=(LOINC,))
    assert found.score == 0.5


@pytest.mark.parametrize(
    "text", ["", "   ", '"', "a OR (", "NEAR(", "*", "-", "'; DROP TABLE concept", "^", "zorb\x00"]
)
def test_T63_any_text_may_be_looked_for(index: Vocabularies, text: str) -> None:
    assert len(index.search(text)) <= 5


def test_T63_deprecated_codes_are_never_suggested(index: Vocabularies) -> None:
    assert codes(index, "Deprecated Zorbine in Serum")[:1] != ["90004-5"]


def test_T71_what_is_not_loaded_is_not_known(index: Vocabularies, tmp_path: Path) -> None:
    assert index.knows(LOINC)
    assert not index.knows("http://hl7.org/fhir/sid/cvx")
    assert index.display("http://hl7.org/fhir/sid/cvx", "01") is None
    assert Vocabularies(tmp_path / "none").editions == ()
    assert Vocabularies().search("zorbine") == []


def test_T28_the_digest_changes_with_what_is_loaded(index: Vocabularies, tmp_path: Path, cvx_text: Path) -> None:
    before = Vocabularies(tmp_path / "index").digest
    assert before == index.digest
    load(cvx_text, tmp_path / "index")
    assert Vocabularies(tmp_path / "index").digest != before


def test_T71_threads_share_an_index(index: Vocabularies) -> None:
    wrong: list[object] = []

    def ask() -> None:
        for _ in range(50):
            if codes(index, "zorbine", unit="mmol/L")[0] != "90002-9":
                wrong.append("search")

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_T70_a_file_that_is_no_index_says_so(tmp_path: Path) -> None:
    (tmp_path / "loinc.db").write_bytes(b"no database, but long enough to be looked at" * 100)
    with pytest.raises(VocabularyError, match="load the release again"):
        Vocabularies(tmp_path)
