"""The examples give exactly the Bundles that were read and accepted."""

from __future__ import annotations

from pathlib import Path

import pytest

from segue.convert import Converter

from .rewrite import EXAMPLES, GOLDEN, render


@pytest.fixture(scope="module")
def converter() -> Converter:
    return Converter()


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.json")), ids=lambda path: path.stem)
def test_golden(path: Path, converter: Converter) -> None:
    assert render(EXAMPLES / f"{path.stem}.hl7", converter) == path.read_text()


def test_every_example_is_golden() -> None:
    assert {p.stem for p in GOLDEN.glob("*.json")} == {p.stem for p in EXAMPLES.glob("*.hl7")}
