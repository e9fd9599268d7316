"""Rules follow their files (T-28, O-43)."""

from __future__ import annotations

from pathlib import Path
from threading import Event

import pytest

from segue import reloading
from segue.convert import Converter
from segue.reloading import Reloading, RuleFiles
from segue.terminology import TerminologyError
from segue.terminology.maprows import MapRow, written

RAW = (
    b"MSH|^~\\&|LAB|NORTH|||20240310101500-0500||ORU^R01^ORU_R01|M1|P|2.5.1\rPID|1||7^^^&2.999.1&ISO^MR||Novak^Ada\r"
    b"OBR|1|P1|F1|24331-1^Lipids^LN\rOBX|1|NM|GLU^Glucose^L||5.5|mmol/L|||||F"
)


@pytest.fixture
def files(tmp_path: Path) -> RuleFiles:
    (tmp_path / "terminology" / "maps").mkdir(parents=True)
    (tmp_path / "sites" / "north").mkdir(parents=True)
    (tmp_path / "sites" / "north" / "site.yaml").write_text("match: {MSH-4: NORTH}\n")
    return RuleFiles(terminology=tmp_path / "terminology", sites=tmp_path / "sites")


@pytest.fixture
def sheet(files: RuleFiles) -> Path:
    assert files.terminology is not None
    return files.terminology / "maps" / "lab.csv"


def row(target: str) -> bytes:
    return written([MapRow("LAB|NORTH", "OBX-3", "L", "GLU", "", "", "LN", target)])


def code(converter: Converter) -> str:
    made = converter.convert(RAW)
    return next(e["resource"]["code"] for e in made.bundle["entry"] if "valueQuantity" in e["resource"])["coding"][0][
        "code"
    ]


@pytest.fixture(autouse=True)
def _always(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reloading, "SHARE", 0)  # look before each message


def test_T28_an_edit_counts_from_the_next_message_on(files: RuleFiles, sheet: Path) -> None:
    told: list[str | None] = []
    converter = Reloading(files, told.append)
    before = converter.digest
    assert code(converter) == "GLU"
    sheet.write_bytes(row("14749-6"))
    assert code(converter) == "14749-6"
    assert converter.digest != before
    sheet.write_bytes(row("2345-7"))
    assert code(converter) == "2345-7"
    sheet.unlink()
    assert code(converter) == "GLU"
    assert converter.digest == before
    assert told == [None, None, None]


def test_T28_a_file_that_cannot_be_used_is_refused_whole_and_the_old_one_serves_on(
    files: RuleFiles, sheet: Path
) -> None:
    told: list[str | None] = []
    sheet.write_bytes(row("14749-6"))
    converter = Reloading(files, told.append)
    good = converter.digest
    sheet.write_bytes(row("2345-7") + b",OBX-3,L,NA,,,LOIN,2951-2,,,,,\n")
    assert code(converter) == code(converter) == "14749-6"
    assert converter.digest == good
    (fault,) = told
    assert fault is not None
    assert fault.endswith(f"({sheet}:3)")
    sheet.write_bytes(row("2345-7"))
    assert code(converter) == "2345-7"
    assert told[1:] == [None]


def test_O43_sites_and_units_follow_too(files: RuleFiles) -> None:
    assert files.sites is not None
    converter = Reloading(files)
    home = files.sites / "north"
    (home / "terminology").mkdir()
    (home / "terminology" / "units.csv").write_text("spelling,code,trap,comment\nmmol/L,mmol/L,,\nblorp,/uL,,\n")
    (home / "site.yaml").write_text("match: {MSH-4: NORTH}\nunmapped: text\n")
    made = converter.convert(RAW.replace(b"mmol/L", b"blorp"))
    observation = next(e["resource"] for e in made.bundle["entry"] if "valueQuantity" in e["resource"])
    assert observation["code"] == {"text": "Glucose"}
    assert observation["valueQuantity"]["code"] == "/uL"


def test_O43_a_broken_site_changes_nothing(files: RuleFiles) -> None:
    assert files.sites is not None
    told: list[str | None] = []
    converter = Reloading(files, told.append)
    (files.sites / "north" / "site.yaml").write_text("match: {MSH-4: NORTH}\nunmapped: drop\n")
    assert code(converter) == "GLU"
    assert "site.yaml:2" in (told[0] or "")


def test_P34_a_large_change_is_read_beside_the_service(
    files: RuleFiles, sheet: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reloading, "IN_LINE_BYTES", 0)
    done = Event()
    converter = Reloading(files, lambda _fault: done.set())
    sheet.write_bytes(row("14749-6"))
    code(converter)
    assert done.wait(30)
    assert code(converter) == "14749-6"


def test_a_fault_at_the_start_is_no_start(files: RuleFiles, sheet: Path) -> None:
    sheet.write_bytes(row("2345-7") + b"half a row")
    with pytest.raises(TerminologyError):
        Reloading(files)


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="none"):
        RuleFiles(sites=tmp_path / "none").converter()
