"""Members of a release, and lines that know where they stand."""

from __future__ import annotations

import io
from pathlib import Path

from segue.terminology.vocabularies.release import Lines, Release


def test_lines_go_on_at_a_position() -> None:
    content = "\ufeffa\né\r\nc".encode()
    lines = Lines(io.BytesIO(content), "x")
    assert next(lines) == "a\n"
    assert next(lines) == "é\r\n"
    again = Lines(io.BytesIO(content), "x")
    again.skip_to(lines.position)
    assert list(again) == ["c"]


def test_T70_a_fingerprint_changes_with_the_content(tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    found: set[str] = set()
    for text in ("one", "two"):
        file.write_text(text)
        release = Release(file)
        found.add(release.fingerprint(release.members))
    assert len(found) == 2


def test_T70_the_least_deep_member_counts(rxnorm_zip: Path) -> None:
    with Release(rxnorm_zip) as release:
        found = release.find(r"rxnconso\.rrf")
        assert found is not None
        assert found.name == "rrf/RXNCONSO.RRF"
