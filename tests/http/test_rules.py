"""The rules in force and their digest (A-73)."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from segue.convert import Converter
from segue.http.rules import Rules


def stub(pack: str, terminology: str) -> Any:
    about = SimpleNamespace(name="base", version="1", digest=pack, sites={})
    return SimpleNamespace(pack=about, terminology=SimpleNamespace(digest=terminology), messages=("ADT_A01",))


def test_A73_the_digest_covers_maps_and_terminology() -> None:
    digests = {Rules.of(stub(p, t)).digest for p, t in (("a", "x"), ("b", "x"), ("a", "y"))}
    assert len(digests) == 3


def test_A73_header_is_a_structured_field() -> None:
    rules = Rules("base", "1", "sha256:ab", (), ())
    assert rules.header == 'base@1; digest="sha256:ab"'
    assert rules.etag == '"sha256:ab"'


def test_A73_of_the_real_converter(converter: Converter) -> None:
    rules = Rules.of(converter)
    assert rules.digest.startswith("sha256:")
    assert "ADT_A01" in rules.messages
