"""Loading vocabularies of the size of the real ones, with invented content: time and memory (T-70), and asking them.

    python -m benchmarks.run vocabulary

Each load runs in a process of its own, so that its largest memory is its own. Sizes: LOINC 2.81 and the international edition of
SNOMED CT, rounded. `SEGUE_BENCH_SHARE=0.1` takes a tenth of them.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.rounds import Case, Row, interleaved, timed

SHARE = float(os.environ.get("SEGUE_BENCH_SHARE", "1"))
LOINC_CODES = int(109_000 * SHARE)
SNOMED_CONCEPTS, INACTIVE_OF_TEN, DESCRIPTIONS_A_CONCEPT = int(520_000 * SHARE), 3, 3
LARGEST_MB = 2048

_LOAD = """
import sys, time
from pathlib import Path
from segue.terminology.vocabularies import load
begin = time.perf_counter()
load(Path(sys.argv[1]), Path(sys.argv[2]))
took = time.perf_counter() - begin
peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
print(took, int(peak.split()[1]) / 1024)
"""


def measure(rounds: int) -> list[Row]:
    from segue.terminology.vocabularies import Vocabularies

    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        loinc, snomed = folder / "Loinc.csv", folder / "Snapshot"
        loinc.write_text("".join(_loinc()), "utf-8")
        _snomed(snomed)
        for name, release, codes in (("LOINC", loinc, LOINC_CODES), ("SNOMED CT", snomed, SNOMED_CONCEPTS)):
            rows += _load(name, release, folder / "index", codes)
        index = Vocabularies(folder / "index")
        codes = iter(range(10**9))
        found = interleaved(
            {
                "a display, asked before": Case(lambda _: index.display("http://loinc.org", "1-1"), 1000),
                "a display, first time": Case(
                    lambda _: index.display("http://loinc.org", f"{next(codes) % LOINC_CODES}-1"), 1000
                ),
                "suggestions for a text": Case(lambda _: index.search("serum alpha1 beta2", unit="mg/dL"), 20),
            },
            rounds,
        )
        rows += [timed("vocabulary", name, timing) for name, timing in found.items()]
    return rows


def _load(name: str, release: Path, index: Path, codes: int) -> list[Row]:
    done = subprocess.run(
        [sys.executable, "-c", _LOAD, str(release), str(index)], capture_output=True, text=True, check=True
    )
    seconds, memory_mb = map(float, done.stdout.split())
    return [
        Row("vocabulary", f"load {name}, {codes:,} codes", median_us=seconds * 1e6, per_second=codes / seconds),
        Row(
            "vocabulary",
            f"{memory_mb:.0f} MB at most",
            ratio=memory_mb / LARGEST_MB,
            against="2 GB",
            bound="<= 1 (T-70)",
        ),
    ]


def _words(chance: random.Random, count: int) -> str:
    return " ".join(
        f"{chance.choice(('alpha', 'beta', 'gamma', 'delta', 'rho'))}{chance.randrange(4000)}" for _ in range(count)
    )


def _loinc() -> Iterator[str]:
    chance = random.Random(1)
    yield (
        '"LOINC_NUM","COMPONENT","PROPERTY","TIME_ASPCT","SYSTEM","SCALE_TYP","METHOD_TYP","CLASS","VersionLastChanged",'
        '"DefinitionDescription","STATUS","RELATEDNAMES2","SHORTNAME","LONG_COMMON_NAME","EXAMPLE_UCUM_UNITS","COMMON_TEST_RANK"\r\n'
    )
    for number in range(LOINC_CODES):
        name = _words(chance, 3)
        related = "; ".join(_words(chance, 1) for _ in range(25))
        yield (
            f'"{number}-1","{name}","MCnc","Pt","Ser/Plas","Qn","","CHEM","2.81","{_words(chance, 30)}","ACTIVE","{related}",'
            f'"{name} SerPl","{name} [Mass/volume] in Serum or Plasma","mg/dL","{number % 3000}"\r\n'
        )


def _snomed(folder: Path) -> None:
    chance = random.Random(2)
    terminology, language = folder / "Terminology", folder / "Refset" / "Language"
    terminology.mkdir(parents=True)
    language.mkdir(parents=True)
    with (
        (terminology / "sct2_Concept_Snapshot_INT_20260101.txt").open("w") as concepts,
        (terminology / "sct2_Description_Snapshot-en_INT_20260101.txt").open("w") as descriptions,
        (language / "der2_cRefset_LanguageSnapshot-en_INT_20260101.txt").open("w") as members,
    ):
        concepts.write("id\teffectiveTime\tactive\tmoduleId\tdefinitionStatusId\r\n")
        descriptions.write(
            "id\teffectiveTime\tactive\tmoduleId\tconceptId\tlanguageCode\ttypeId\tterm\tcaseSignificanceId\r\n"
        )
        members.write("id\teffectiveTime\tactive\tmoduleId\trefsetId\treferencedComponentId\tacceptabilityId\r\n")
        for number in range(SNOMED_CONCEPTS):
            concept = 100_000_000 + number * 10
            concepts.write(
                f"{concept}\t20260101\t{int(number % 10 >= INACTIVE_OF_TEN)}\t900000000000207008\t900000000000074008\r\n"
            )
            for turn in range(DESCRIPTIONS_A_CONCEPT):
                key = 1_000_000_000 + number * 100 + turn
                kind = "900000000000003001" if turn == 0 else "900000000000013009"
                descriptions.write(
                    f"{key}\t20260101\t1\t900000000000207008\t{concept}\ten\t{kind}\t{_words(chance, 5)}\t900000000000448009\r\n"
                )
                for refset in ("900000000000509007", "900000000000508004"):
                    grade = "900000000000548007" if turn < 2 else "900000000000549004"
                    members.write(
                        f"{key:032x}{refset[-4:]}\t20260101\t1\t900000000000207008\t{refset}\t{key}\t{grade}\r\n"
                    )
