"""A release becomes an index, whole or not at all, and a killed load goes on (T-70)."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from segue.terminology.vocabularies import Vocabularies, VocabularyError, load, loading
from segue.terminology.vocabularies.part import Part


def rows(file: Path) -> list[tuple[object, ...]]:
    with sqlite3.connect(file) as db:
        concepts = db.execute("SELECT code, display, active, properties FROM concept ORDER BY code").fetchall()
        words = db.execute("SELECT display, others FROM words ORDER BY rowid").fetchall()
    db.close()
    return [*concepts, *words]


def rxnorm(path: Path, count: int) -> Path:
    """A release large enough to be killed in: one ingredient a line."""
    with (path / "RXNCONSO.RRF").open("w") as out:
        for number in range(count):
            cui = str(100_000 + number)
            out.write(f"{cui}|ENG|P|L|PF|S|Y|A||{cui}||RXNORM|IN|{cui}|drug number {number}|0|N||\n")
    return path / "RXNCONSO.RRF"


def test_T70_a_load_leaves_one_file(loinc_csv: Path, tmp_path: Path) -> None:
    made = load(loinc_csv, tmp_path / "index")
    assert (made.kind.system, made.resumed) == ("http://loinc.org", False)
    assert [file.name for file in (tmp_path / "index").iterdir()] == ["loinc.db"]


def test_T70_archive_folder_and_file_give_the_same(loinc_zip: Path, loinc_csv: Path, tmp_path: Path) -> None:
    folder = tmp_path / "unpacked" / "LoincTable"
    folder.mkdir(parents=True)
    (folder / "Loinc.csv").write_bytes(loinc_csv.read_bytes())
    found = [rows(load(path, tmp_path / str(n)).file) for n, path in enumerate((loinc_zip, loinc_csv, folder.parent))]
    assert found[0] == found[1] == found[2]


KILLED = """
import os, signal, sys
from pathlib import Path
from segue.terminology.vocabularies import load, loading
loading.ROWS_AT_ONCE = 500
seen = []
def progress(what, share):
    seen.append(share)
    if len(seen) == int(sys.argv[3]):
        os.kill(os.getpid(), signal.SIGKILL)
load(Path(sys.argv[1]), Path(sys.argv[2]), progress)
"""


@pytest.mark.parametrize("commits", [1, 3, 5])
def test_T70_a_killed_load_goes_on_and_ends_the_same(
    tmp_path: Path, commits: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = rxnorm(tmp_path, 2_000)
    killed = subprocess.run([sys.executable, "-c", KILLED, str(file), str(tmp_path / "index"), str(commits)])
    assert killed.returncode == -signal.SIGKILL
    assert not (tmp_path / "index" / "rxnorm.db").exists()
    monkeypatch.setattr(loading, "ROWS_AT_ONCE", 500)
    shares: list[float] = []
    again = load(file, tmp_path / "index", lambda _, share: shares.append(share))
    assert again.resumed
    assert len(shares) == 6 - commits  # four commits of rows, one of the stage, one of the full text
    assert rows(again.file) == rows(load(file, tmp_path / "straight").file)


def test_T70_a_killed_load_of_another_release_begins_anew(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    one.mkdir()
    other.mkdir()
    file = rxnorm(one, 2_000)
    subprocess.run([sys.executable, "-c", KILLED, str(file), str(tmp_path / "index"), "2"], check=False)
    made = load(rxnorm(other, 10), tmp_path / "index")
    assert not made.resumed
    assert Vocabularies(tmp_path / "index").editions[0].codes == 10


def test_T70_a_bad_release_leaves_the_old_index(loinc_csv: Path, tmp_path: Path) -> None:
    before = rows(load(loinc_csv, tmp_path / "index").file)
    loinc_csv.write_text(loinc_csv.read_text("utf-8") + '"99999-9","too","few"\r\n', encoding="utf-8")
    with pytest.raises(VocabularyError, match="3 cells instead of 20"):
        load(loinc_csv, tmp_path / "index")
    assert rows(tmp_path / "index" / "loinc.db") == before


def test_T70_an_open_index_serves_on_while_another_takes_its_place(loinc_csv: Path, tmp_path: Path) -> None:
    load(loinc_csv, tmp_path / "index")
    old = Vocabularies(tmp_path / "index")
    loinc_csv.write_text(loinc_csv.read_text("utf-8").replace("Zorbine [Mass", "Changed [Mass"), encoding="utf-8")
    load(loinc_csv, tmp_path / "index")
    assert old.display("http://loinc.org", "90001-1") == "Zorbine [Mass/volume] in Serum or Plasma"
    fresh = Vocabularies(tmp_path / "index")
    assert fresh.display("http://loinc.org", "90001-1") == "Changed [Mass/volume] in Serum or Plasma"


def test_T70_a_second_load_at_the_same_time_is_refused(tmp_path: Path) -> None:
    file = rxnorm(tmp_path, 10)
    first = Part(tmp_path / "index" / "rxnorm.part", "x")
    with pytest.raises(VocabularyError, match="another process is loading"):
        load(file, tmp_path / "index")
    first.close()
    load(file, tmp_path / "index")


def test_T70_a_damaged_part_is_no_obstacle(tmp_path: Path) -> None:
    (tmp_path / "index").mkdir()
    (tmp_path / "index" / "rxnorm.part").write_bytes(os.urandom(5_000))
    assert not load(rxnorm(tmp_path, 10), tmp_path / "index").resumed


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("notes.txt", b"just words", "no vocabulary is recognised"),
        ("RXNCONSO.RRF", b"", "no code of this vocabulary"),
        ("RXNCONSO.RRF", b"a|b\n", "2 cells instead of 19"),
        ("RXNCONSO.RRF", b"\xff\xfe|b\n", "not UTF-8"),
        ("Loinc.csv", b'"LOINC_NUM","X"\n', "header lacks"),
        ("cvx.txt", b"01|a|b\n", "3 cells instead of 7 in line 1"),
        ("cvx.xml", b"<CVXCodes><CVXInfo></CVXCodes>", "not well-formed"),
        ("cvx.xml", b'<!DOCTYPE x [<!ENTITY a "b">]><CVXCodes/>', "document type"),
        ("sct2_Concept_Snapshot_INT_20260101.txt", b"id", "lacks its language reference set and descriptions"),
        ("x.json", b'{"resourceType": "CodeSystem", "concept": []}', "has no url"),
        ("x.json", b'{"resourceType": "CodeSystem", "url": "urn:x"}', "no code of this vocabulary"),
        ("a.zip", b"PK\x05\x06" + bytes(18), "no vocabulary is recognised"),
    ],
)
def test_T70_what_cannot_be_loaded_says_why(tmp_path: Path, name: str, content: bytes, words: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(VocabularyError, match=words):
        load(tmp_path / name, tmp_path / "index")
    assert not list(tmp_path.glob("index/*.db"))


def test_T70_a_path_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(VocabularyError, match="No such file"):
        load(tmp_path / "none.zip", tmp_path)
