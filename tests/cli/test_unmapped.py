"""`segue unmapped` (O-89, T-64 to T-67)."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from segue.cli import app
from segue.inbox.entry import key_of
from segue.inbox.sighting import added_up, line
from segue.inbox.store import Inbox
from segue.terminology import Unmapped

GLU = Unmapped("LAB|NORTH", "OBX-3", "L", "GLU", "mg/dL", "Glucose")
ID = key_of(GLU).id


@pytest.fixture
def config(tmp_path: Path) -> Path:
    inbox = Inbox(tmp_path / "inbox.db")
    inbox.record(added_up([line([GLU], [], f"M{n}", 1_700_000_000.0 + n) for n in range(3)]))
    inbox.close()
    file = tmp_path / "segue.yaml"
    file.write_text(
        f"inbox: {{url: {tmp_path / 'inbox.db'}}}\n"
        f"terminology: {{folder: {tmp_path / 'terminology'}, vocabularies: {tmp_path / 'none'}}}\n"
    )
    return file


def call(config: Path, *arguments: str | Path) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["unmapped", *map(str, arguments), "--config", str(config)])
    return result.exit_code, result.output


def test_T67_list_and_show(config: Path) -> None:
    code, text = call(config, "list")
    assert code == 0
    assert "GLU" in text
    assert ID in text  # whole, to be copied
    assert "GLU" not in call(config, "list", "--state", "ignored")[1]
    code, text = call(config, "show", ID)
    assert code == 0
    assert "Glucose (3)" in text
    assert "M2 M1 M0" in text


def test_T64_accept_one_and_undo(config: Path, tmp_path: Path) -> None:
    file = tmp_path / "terminology" / "maps" / "lab-north.csv"
    code, text = call(config, "accept", ID, "--code", "2345-7", "--dry-run", "--by", "ada")
    assert code == 0
    assert "would map GLU of LAB|NORTH to LN 2345-7" in " ".join(text.split())
    assert not file.exists()
    assert call(config, "accept", ID, "--code", "2345-7", "--by", "ada")[0] == 0
    assert "LN,2345-7,,equivalent,,,accepted by ada" in file.read_text()
    assert call(config, "accept", ID, "--code", "2345-7")[0] == 1
    assert call(config, "undo", ID)[1].strip() == "GLU of LAB|NORTH is open"
    assert "GLU" not in file.read_text()


def test_T67_export_and_accept_the_filled_sheet(config: Path, tmp_path: Path) -> None:
    code, text = call(config, "export")
    assert code == 0
    sheet = tmp_path / "sheet.csv"
    sheet.write_text(text)
    assert "no row has a target" in call(config, "accept", sheet)[1]
    sheet.write_text(text.replace("mg/dL,,,,", "mg/dL,LN,2345-7,,"))
    code, text = call(config, "accept", sheet)
    assert code == 0
    assert "mapped GLU of LAB|NORTH" in " ".join(text.split())
    sheet.write_text(sheet.read_text().replace("GLU", "GLX"))
    code, text = call(config, "accept", sheet)
    assert code == 1
    assert "leave these cells as exported" in " ".join(text.split())


def test_T65_ignore_and_reopen(config: Path) -> None:
    assert call(config, "ignore", ID, "--reason", "noise")[1].strip() == "GLU of LAB|NORTH is ignored"
    assert call(config, "reopen", ID)[1].strip() == "GLU of LAB|NORTH is open"


@pytest.mark.parametrize(
    ("arguments", "words"), [(("show", "none"), "no entry"), (("accept", "none.csv"), "cannot be read")]
)
def test_what_cannot_be_done_is_exit_code_1(config: Path, arguments: tuple[str, ...], words: str) -> None:
    code, text = call(config, *arguments)
    assert code == 1
    assert words in text


def test_T60_without_an_inbox_it_says_how_to_keep_one(tmp_path: Path) -> None:
    file = tmp_path / "empty.yaml"
    file.write_text("")
    code, text = call(file, "list")
    assert code == 2
    assert "inbox.url" in text


def test_T60_an_inbox_that_cannot_be_opened_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    file = tmp_path / "a.yaml"
    file.write_text(f"inbox: {{url: {tmp_path / 'file' / 'inbox.db'}}}\n")
    code, text = call(file, "list")
    assert code == 1
    assert str(tmp_path / "file") in text
