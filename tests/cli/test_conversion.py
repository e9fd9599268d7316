"""`segue convert` from the first argument to the exit code."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from segue.cli import conversion
from segue.cli.conversion import refusal, run
from segue.cli.rules import RulesError
from segue.convert import Converter
from segue.issues import Location, issue

from .conftest import Run, adt


@pytest.fixture(autouse=True)
def _one_converter(converter: Converter, monkeypatch: pytest.MonkeyPatch) -> None:
    """Compiling the maps once is enough for all calls in this process."""
    monkeypatch.setattr(conversion, "converter_for", lambda _sites, **_rules: converter)


def call(*paths: Path | str, **settings: Any) -> int:
    wanted: dict[str, Any] = {"out": None, "ndjson": False, "options": {}, "report": False, "jobs": 1}
    return run([str(path) for path in paths], **(wanted | settings))


def test_A03_one_message_is_its_bundle(
    feed: Path, converter: Converter, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    assert call(feed / "good.hl7") == 0
    out, err = capfdbinary.readouterr()
    assert out == converter.convert(adt("G1")).json() + b"\n"
    assert b"Marlow" not in err


def test_a_failed_message_is_one_coded_line_and_the_others_still_convert(
    feed: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert call(feed) == 1
    out, err = capfd.readouterr()
    assert len(out.splitlines()) == 3
    refused = [line for line in err.splitlines() if "[" in line]
    assert [line.split(" ")[:2] for line in refused] == [
        [f"{feed}/bad.txt[1]", "B1"],
        [f"{feed}/sub/several.er7[2]", "S2"],
    ]
    assert all("-unsupported 20" in line and "MSH[1]-9" in line and " – " in line for line in refused)
    assert "5 messages: 3 converted, 2 failed." in err
    assert "Marlow" not in err


def test_ndjson_has_a_line_for_each_message(feed: Path, capfd: pytest.CaptureFixture[str]) -> None:
    call(feed / "sub", ndjson=True)
    kinds = [json.loads(line)["resourceType"] for line in capfd.readouterr().out.splitlines()]
    assert kinds == ["Bundle", "OperationOutcome", "Bundle"]


def test_files_are_mirrored(feed: Path, tmp_path: Path) -> None:
    assert call(feed, out=tmp_path / "out") == 1
    found = sorted(str(p.relative_to(tmp_path / "out")) for p in (tmp_path / "out").rglob("*.*"))
    assert found == ["good.json", "sub/several.ndjson"]


def test_options_reach_the_converter(feed: Path, capfd: pytest.CaptureFixture[str]) -> None:
    call(feed / "good.hl7", options={"bundle": "collection"})
    assert json.loads(capfd.readouterr().out)["type"] == "collection"


def test_a_report_is_on_standard_error(feed: Path, capfd: pytest.CaptureFixture[str]) -> None:
    call(feed / "good.hl7", report=True)
    out, err = capfd.readouterr()
    assert json.loads(out)["resourceType"] == "Bundle"
    assert "PID[1]-5" in err


def test_a_file_without_a_message(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty.hl7").write_bytes(b"")
    (tmp_path / "batch.hl7").write_bytes(b"BHS|^~\\&|A\rBTS|0\r")
    assert call(tmp_path) == 1
    err = capfd.readouterr().err
    assert "batch.hl7: no message in it" in err
    assert "empty.hl7[1]" in err


def test_an_output_that_cannot_be_written(feed: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "sub").write_text("a file where a folder is needed")
    assert call(feed / "good.hl7", feed, out=tmp_path / "out") in (1, 2)
    assert call(feed / "sub", feed, out=tmp_path / "out") in (1, 2)
    assert call(feed, out=tmp_path / "out") == 1
    assert "cannot write" in capfd.readouterr().err


def test_nothing_to_read(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert call(tmp_path / "none") == 2
    assert "no such file" in capfd.readouterr().err


def test_rules_that_cannot_be_used(
    feed: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def fails(_sites: object, **_rules: object) -> Converter:
        raise RulesError("segments/PID.Patient.yaml:7: no such element")

    monkeypatch.setattr(conversion, "converter_for", fails)
    assert call(feed) == 2
    assert "segments/PID.Patient.yaml:7" in capfd.readouterr().err


def test_refusal_line() -> None:
    found = issue("field.date-unreadable", Location("PID", 1, 7), value="Marlow")
    assert refusal("a.hl7", 2, "", found) == f"a.hl7[2] field.date-unreadable 102 PID[1]-7 {found.text}"


def test_A03_a_process_with_workers_writes_the_same(
    feed: Path, segue: Run, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    assert call(feed, ndjson=True) == 1
    out, err = capfdbinary.readouterr()
    done = segue("convert", str(feed), "--ndjson", "--jobs", "2")
    assert (done.returncode, done.stdout, done.stderr) == (1, out, err)


@pytest.mark.parametrize("paths", [(), ("-",)])
def test_standard_input(
    paths: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(adt("M1"))))
    assert call(*paths) == 0
    assert json.loads(capfd.readouterr().out)["resourceType"] == "Bundle"


def test_a_terminal_without_arguments_is_told_what_to_name(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(sys, "stdin", Terminal())
    assert call() == 2
    assert "name files or folders" in capfd.readouterr().err
