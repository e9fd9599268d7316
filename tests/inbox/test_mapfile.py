"""Rows go into the sender's map and out of it, and the rest stays byte for byte (T-28, T-64)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from segue.inbox.mapfile import added, file_of, removed
from segue.terminology import Terminology, TerminologyError
from segue.terminology.maprows import COLUMNS, MapRow

HEAD = ",".join(COLUMNS) + "\n"
ROW = MapRow("LAB|NORTH", "OBX-3", "L", "GLU", "Glucose", "mg/dL", "LN", "2345-7", "", "equivalent", "", "", "by ada")


def test_T64_the_file_of_a_sender(tmp_path: Path) -> None:
    assert file_of(tmp_path, "LAB|NORTH") == tmp_path / "maps" / "lab-north.csv"
    assert file_of(tmp_path, "|") == tmp_path / "maps" / "any.csv"
    assert file_of(tmp_path, "../../etc|passwd").parent == tmp_path / "maps"


def test_T64_a_row_makes_the_file_and_counts_in_the_digest(tmp_path: Path, terminology: Terminology) -> None:
    file = file_of(tmp_path, ROW.sender)
    added(file, [ROW], terminology)
    assert file.read_text() == HEAD + "LAB|NORTH,OBX-3,L,GLU,Glucose,mg/dL,LN,2345-7,,equivalent,,,by ada\n"
    assert terminology.overlaid(tmp_path).digest != terminology.digest


@pytest.mark.parametrize("end", ["", "\r\n"])
@pytest.mark.parametrize("delimiter", [",", ";"])
def test_T64_what_an_analyst_wrote_stays(tmp_path: Path, terminology: Terminology, delimiter: str, end: str) -> None:
    file = file_of(tmp_path, ROW.sender)
    file.parent.mkdir()
    cells = ('"LAB|NORTH"', "", "L", "NA", '"Sodium, serum"', "", "LN", "2951-2", "", "", "", "", " spaced ")
    before = ("\ufeff" + delimiter.join(COLUMNS) + "\r\n" + delimiter.join(cells) + end).encode()
    file.write_bytes(before)
    added(file, [ROW], terminology)
    assert file.read_bytes().startswith(before)
    assert file.read_bytes().endswith(delimiter.join(ROW).encode() + b"\n")
    assert removed(file, ROW, terminology)
    assert file.read_bytes() == before + (b"" if end else b"\n")


def test_T28_a_file_that_would_not_be_a_map_stays_as_it_was(tmp_path: Path, terminology: Terminology) -> None:
    file = file_of(tmp_path, ROW.sender)
    added(file, [ROW], terminology)
    before = file.read_bytes()
    with pytest.raises(TerminologyError):
        added(file, [ROW._replace(source_code="X", target_system="nonsense")], terminology)
    assert file.read_bytes() == before
    file.write_bytes(before + b"broken,row\n")
    with pytest.raises(TerminologyError):
        added(file, [ROW._replace(source_code="X")], terminology)
    assert file.read_bytes() == before + b"broken,row\n"


def test_T64_the_same_row_is_not_added_twice(tmp_path: Path, terminology: Terminology) -> None:
    file = file_of(tmp_path, ROW.sender)
    added(file, [ROW], terminology)
    added(file, [ROW._replace(comment="by bob")], terminology)
    assert file.read_text().count("GLU") == 1


def test_T64_a_row_that_is_gone_is_said_to_be(tmp_path: Path, terminology: Terminology) -> None:
    file = file_of(tmp_path, ROW.sender)
    assert not removed(file, ROW, terminology)
    added(file, [ROW], terminology)
    assert not removed(file, ROW._replace(target_code="718-7"), terminology)
    assert removed(file, ROW._replace(comment="another"), terminology)
    assert not removed(file, ROW, terminology)


def test_T64_many_writers_lose_no_row(tmp_path: Path, terminology: Terminology) -> None:
    file = file_of(tmp_path, ROW.sender)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: added(file, [ROW._replace(source_code=f"T{n}")], terminology), range(40)))
    assert len(file.read_text().splitlines()) == 41
