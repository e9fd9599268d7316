from __future__ import annotations

import gc
from pathlib import Path

from segue.cli.collector import let_young_be
from segue.convert import Converter

ADMISSION = Path(__file__).parents[2] / "examples" / "adt_a01_admission.hl7"


def test_what_conversions_make_is_not_looked_through() -> None:
    """P-52: a conversion leaves nothing behind that only a collector could free, so that one may come seldom."""
    before, raw = gc.get_threshold(), ADMISSION.read_bytes()
    converter = Converter()
    try:
        let_young_be()
        assert gc.get_threshold()[0] > before[0]
        for _ in range(3):
            converter.convert(raw).json()
        gc.collect()
        for _ in range(5):
            converter.convert(raw).json()
        assert gc.collect() < 100  # of some 10,000 objects of five conversions
    finally:
        gc.set_threshold(*before)
