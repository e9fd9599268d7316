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
