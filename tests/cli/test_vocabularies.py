"""`segue terminology load` and `loaded` (T-70)."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from segue.cli import app


@pytest.fixture
def release(tmp_path: Path) -> Path:
    file = tmp_path / "cvx.txt"
    file.write_bytes("901       |Zeta|zeta vaccine||Active|False|2026/02/03\r\n".encode("utf-16"))
    return file


def call(*arguments: str | Path) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["terminology", *map(str, arguments)])
    return result.exit_code, " ".join(result.output.split())


def test_T70_load_says_what_it_has_made(release: Path, tmp_path: Path) -> None:
    code, text = call("load", release, "--into", tmp_path / "index")
    assert code == 0
    assert "http://hl7.org/fhir/sid/cvx 20260203: 1 codes, 1 active" in text
    code, text = call("loaded", "--into", tmp_path / "index")
    assert code == 0
    assert "cvx http://hl7.org/fhir/sid/cvx 20260203 1 1" in text


def test_T70_the_folder_comes_from_the_settings(release: Path, tmp_path: Path) -> None:
    config = tmp_path / "segue.yaml"
    config.write_text(f"terminology: {{vocabularies: {tmp_path / 'elsewhere'}}}\n")
    assert call("load", release, "--config", config)[0] == 0
    assert (tmp_path / "elsewhere" / "cvx.db").exists()


def test_T70_what_is_no_release_is_exit_code_1(tmp_path: Path) -> None:
    file = tmp_path / "x.txt"
    file.write_text("nothing")
    code, text = call("load", file, "--into", tmp_path / "index")
    assert code == 1
    assert "no vocabulary is recognised" in text


def test_T70_nothing_loaded_says_how_to_load(tmp_path: Path) -> None:
    code, text = call("loaded", "--into", tmp_path / "none")
    assert code == 0
    assert "segue terminology load FILE" in text
