"""CVX as the CDC publishes it: pipes in UTF-16 or UTF-8, and XML (T-70)."""

from __future__ import annotations

from pathlib import Path

import pytest

from segue.terminology.vocabularies import Vocabularies, load
from segue.terminology.vocabularies.cvx import SYSTEM


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8", "utf-8-sig"])
def test_T70_padded_codes_statuses_and_the_date_of_the_latest_change(
    cvx_text: Path, tmp_path: Path, encoding: str
) -> None:
    text = cvx_text.read_bytes().decode("utf-16")
    cvx_text.write_bytes(text.encode(encoding))
    load(cvx_text, tmp_path / "index")
    index = Vocabularies(tmp_path / "index")
    assert index.display(SYSTEM, "901") == "Zeta types 1 and 2"
    old, dream = index.concept(SYSTEM, "02"), index.concept(SYSTEM, "903")
    assert old is not None
    assert old.active  # recorded of the past: a vaccine that was given
    assert dream is not None
    assert not dream.active
    assert index.editions[0].version == "20260203"


def test_T70_xml_with_bare_ampersands(cvx_xml: Path, tmp_path: Path) -> None:
    load(cvx_xml, tmp_path / "index")
    index = Vocabularies(tmp_path / "index")
    assert index.display(SYSTEM, "901") == "Zeta & types"
    assert index.search("francais")[0].concept.code == "901"
    assert index.editions[0].version == "20110320"
