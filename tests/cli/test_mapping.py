"""`segue lint` and `segue convert --dump`."""

from __future__ import annotations

from pathlib import Path

from typer.testing import CliRunner

from segue.cli import app


def test_lint_of_the_rules_that_ship() -> None:
    done = CliRunner().invoke(app, ["lint"])
    assert (done.exit_code, done.stdout) == (0, "")
    assert done.stderr == "0 errors, 0 warnings.\n"


def test_lint_names_every_fault_and_fails(tmp_path: Path) -> None:
    (tmp_path / "segments").mkdir()
    (tmp_path / "segments" / "PID.Patient.yaml").write_text("birthDat: '1980'\ngendr: female\n")
    done = CliRunner().invoke(app, ["lint", str(tmp_path)])
    assert done.exit_code == 1
    assert done.stdout.splitlines() == [
        "segments/PID.Patient.yaml:1: error: Patient has no element 'birthDat' – did you mean birthDate?",
        "segments/PID.Patient.yaml:2: error: Patient has no element 'gendr' – did you mean gender?",
        "segments/PID.Patient.yaml:1: warning: no message map uses PID.Patient",
    ]


def test_lint_of_a_folder_of_sites(tmp_path: Path) -> None:
    (tmp_path / "north").mkdir()
    (tmp_path / "north" / "site.yaml").write_text("countri: CA\n")
    done = CliRunner().invoke(app, ["lint", "--sites", str(tmp_path)])
    assert done.exit_code == 1
    assert done.stdout.startswith("sites/north/site.yaml:1: error: no setting 'countri'")


def test_dump_shows_the_function_of_a_map_and_of_its_key() -> None:
    done = CliRunner().invoke(app, ["convert", "--dump", "PID.Patient"])
    assert done.exit_code == 0
    assert done.stdout.startswith("def map_PID_Patient(ctx, seg):\n")
    assert "\ndef map_PID_Patient_key(ctx, seg, out):\n" in done.stdout
    compile(done.stdout, "PID.Patient", "exec")


def test_dump_of_a_map_that_is_not_there_names_the_nearest() -> None:
    done = CliRunner().invoke(app, ["convert", "--dump", "PID.Patien"])
    assert done.exit_code == 2
    assert done.stderr == "No map 'PID.Patien'. Did you mean PID.Patient?\n"
