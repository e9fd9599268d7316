"""`segue config` (O-41)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from segue.cli.configuration import check, schema, show


@pytest.fixture
def bad(tmp_path: Path) -> Path:
    file = tmp_path / "segue.yaml"
    file.write_text("http: {prot: 1}\nbundel: x\n")
    return file


def test_O41_check_tells_every_fault(bad: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check(bad) == 1
    assert capsys.readouterr().err.splitlines() == [
        f"http.prot ({bad}:1): unknown key – did you mean port?",
        f"bundel ({bad}:2): unknown key – did you mean bundle?",
    ]


def test_O41_check_of_good_settings(capsys: pytest.CaptureFixture[str]) -> None:
    assert check(None) == 0
    assert capsys.readouterr().out == "settings are good\n"


def test_O41_show_names_origins(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "segue.yaml"
    file.write_text("site: north\n")
    assert show(file) == 0
    rows = {line.split(":")[0]: line for line in capsys.readouterr().out.splitlines()}
    assert rows["site"].split() == ["site:", '"north"', "#", f"{file}:1"]
    assert rows["http.port"].split() == ["http.port:", "8080", "#", "default"]


def test_O41_show_of_bad_settings(bad: Path) -> None:
    assert show(bad) == 1


def test_O41_schema(capsys: pytest.CaptureFixture[str]) -> None:
    assert schema() == 0
    assert "listeners" in json.loads(capsys.readouterr().out)["properties"]
