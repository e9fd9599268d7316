"""The rules in force and their digest (A-73)."""

from __future__ import annotations

from pathlib import Path

from segue.convert import Converter
from segue.http.rules import Rules


def test_A73_the_digest_covers_the_terminology_of_sites(tmp_path: Path) -> None:
    home = tmp_path / "north" / "terminology"
    home.mkdir(parents=True)
    digests: set[str] = set()
    for text in (None, "spelling,code,trap,comment\nG/L,10*9/L,,\n", "spelling,code,trap,comment\nT/L,10*12/L,,\n"):
        if text is not None:
            (home / "units.csv").write_text(text)
        digests.add(Rules.of(Converter(sites=tmp_path)).digest)
    assert len(digests) == 3


def test_A73_header_is_a_structured_field() -> None:
    rules = Rules("base", "1", "sha256:ab", (), ())
    assert rules.header == 'base@1; digest="sha256:ab"'
    assert rules.etag == '"sha256:ab"'


def test_A73_of_the_real_converter(converter: Converter) -> None:
    rules = Rules.of(converter)
    assert rules.digest.startswith("sha256:")
    assert "ADT_A01" in rules.messages
