"""Code maps in memory: translations a second, and the loading and weight of a map of 100,000 rows (P-36, T-29)."""

from __future__ import annotations

import gc
import tracemalloc
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.rounds import Case, Row, interleaved, timed
from segue.terminology import Terminology
from segue.terminology.maprows import MapRow, written
from segue.terminology.maps import SenderMaps

ROWS = 100_000
ASKED = 400  # codes of a catalogue that make up most of a day


def sheet() -> bytes:
    return written(
        MapRow(
            "LAB|NORTH" if n % 2 else "", "OBX-3", "L", f"T{n:06d}", f"Test {n}", "", "http://loinc.org", f"{n}-{n % 10}",
            f"Long common name of test {n}", "equivalent",
        )
        for n in range(ROWS)
    )  # fmt: skip


def measure(rounds: int) -> list[Row]:
    base = Terminology.load()
    with TemporaryDirectory() as home:
        (Path(home) / "maps").mkdir()
        (Path(home) / "maps" / "lab.csv").write_bytes(sheet())
        gc.collect()
        tracemalloc.start()
        loaded = base.overlaid(Path(home))
        gc.collect()
        weight = tracemalloc.get_traced_memory()[0] / 1e6
        tracemalloc.stop()
        view = loaded.maps.for_sender("LAB|NORTH")
        assert view is not None
        codes = [f"T{n:06d}" for n in range(0, ROWS, ROWS // ASKED)]

        def asked(maps: SenderMaps) -> None:
            find = maps.find
            for code in codes:
                find("OBX-3", "L", code)

        def load(folder: Path) -> Terminology:
            return base.overlaid(folder)

        found = interleaved({"asked": Case(asked, 50, lambda: view), "load": Case(load, 1, lambda: Path(home))}, rounds)
    each = found["asked"].median_us / len(codes)
    return [
        timed("terminology", f"{len(codes)} translations", found["asked"], ratio=each, against="µs each", bound="<= 1 (P-36)"),
        timed(
            "terminology", f"a map of {ROWS:,} rows, loaded", found["load"], ratio=found["load"].median_us / 1e6,
            against="seconds", bound="<= 2 (P-36)",
        ),
        Row("terminology", f"a map of {ROWS:,} rows, memory", ratio=weight, against="MB", bound="<= 60 (P-36)"),
    ]  # fmt: skip
