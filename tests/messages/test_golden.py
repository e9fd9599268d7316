"""The examples give exactly the Bundles that were read and accepted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from segue.convert import Conversion, Converter

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "tests" / "golden"


@pytest.fixture(scope="module")
def converter() -> Converter:
    return Converter()


def bundles(text: str) -> list[Any]:
    found, decoder = [], json.JSONDecoder(parse_float=str)
    while text := text.lstrip():
        value, end = decoder.raw_decode(text)
        found.append(value)
        text = text[end:]
    return found


@pytest.mark.parametrize("stem", sorted(p.stem for p in GOLDEN.glob("*.json")))
def test_golden(stem: str, converter: Converter) -> None:
    made = list(converter.convert_many(ROOT / "examples" / f"{stem}.hl7"))
    text = "".join(c.json().decode() for c in made if isinstance(c, Conversion))
    assert bundles(text) == bundles((GOLDEN / f"{stem}.json").read_text())
