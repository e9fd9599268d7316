"""`segue terminology import`, `export`, `check` (T-20, T-22, T-27)."""

from __future__ import annotations

import json
from pathlib import Path

import orjson
import pytest
from typer.testing import CliRunner

from segue.cli import app
from segue.terminology.maprows import COLUMNS

HEAD = ",".join(COLUMNS)
SHEET = (
    f"{HEAD}\n"
    'LAB|NORTH,OBX-3,L,007,"Glucose, fasting",mmol/L,LN,14771-0,,,2026-01-01,,"say ""ok"""\n'
    "LAB|NORTH,OBR-4,L,LIP,,,LN,24331-1,Lipids,equal,,,\n"
    "LAB|NORTH,OBX-3,L,NA,,,,,,,,,\n"
)


def segue(*arguments: object) -> tuple[int, str, str]:
    done = CliRunner().invoke(app, ["terminology", *map(str, arguments)])
    return done.exit_code, done.stdout, done.stderr


def test_T20_csv_to_conceptmap_to_csv_gives_the_same_file(tmp_path: Path) -> None:
    sheet, one, two = tmp_path / "north.csv", tmp_path / "one", tmp_path / "two"
    sheet.write_text(SHEET)
    code, _, told = segue("import", sheet, "--terminology", one)
    assert (code, told) == (0, f"{one}/maps/north.csv: 3 rows, 1 without a target.\n")
    code, text, _ = segue("export", "--terminology", one, "--sender", "LAB|NORTH", "--as", "conceptmap")
    assert code == 0
    assert [e["resource"]["id"] for e in orjson.loads(text)["entry"]] == ["lab-north-obx-3", "lab-north-obr-4"]
    (tmp_path / "north.json").write_text(text)
    assert segue("import", tmp_path / "north.json", "--terminology", two)[0] == 0
    assert segue("export", "--terminology", two) == (0, SHEET, "")


def test_T28_a_file_with_a_fault_is_refused_whole_and_the_old_one_stays(tmp_path: Path) -> None:
    sheet, home = tmp_path / "north.csv", tmp_path / "home"
    sheet.write_text(SHEET)
    segue("import", sheet, "--terminology", home)
    for bad, what in ((",,L,X,,,LOIN,1-8,,,,,\n", "LOIN"), (",,L,,,,urn:none,,,other-map,,,\n", "no map has the URL")):
        sheet.write_text(SHEET + bad)
        code, _, told = segue("import", sheet, "--terminology", home)
        assert code == 1
        assert "north.csv:5: error: " in told
        assert what in told
    assert (home / "maps" / "north.csv").read_text() == SHEET
    assert [path.name for path in (home / "maps").iterdir()] == ["north.csv"]


def test_a_sender_is_given_to_rows_that_name_none(tmp_path: Path) -> None:
    sheet, home = tmp_path / "all.csv", tmp_path / "home"
    sheet.write_text(f"{HEAD}\n,,L,X,,,LN,1-8,,,,,\nLAB|,,L,Y,,,LN,1-8,,,,,\n")
    segue("import", sheet, "--terminology", home, "--sender", "A|B")
    assert segue("export", "--terminology", home, "--sender", "A|B")[1] == f"{HEAD}\nA|B,,L,X,,,LN,1-8,,,,,\n"
    assert segue("export", "--terminology", home, "--sender", "none")[0] == 1


@pytest.mark.parametrize(
    ("rows", "what"),
    [
        ("A|,,L,X,,,LN,1-8,,,,,\nA|,,l,X,,,LN,2-6,,,,,\n", ":3: warning: 'X' disagrees with line 2: both targets are given"),
        ("A|,,L,X,,,LN,1-8,,,,,\nA|,,L,X,,,LN,1-8,,,,,\n", ":3: warning: 'X' says what line 2 says"),
        ("A|,,L,X,,,,,,,,,\n", ":2: warning: 'X' waits for its target"),
        ("A|,,L,1.2E+05,,,LN,1-8,,,,,\n", "looks like a number that a spreadsheet has rewritten"),
        (",,L,X,,,LN,1-8,,,,,\n", "the local system 'L' is mapped for every sender"),
        ("A|,,L,X,,,LN,1-8,,wider,,,\n", "wider is applied only where a setting allows it"),
        ("A|,OBX-6,,x,,,UCUM,K/uL,,,,,\n", "'K/uL' is not UCUM, or means something else there"),
        ("A|,,L,X,,,HL70078,ZZ,,,,,\n", "'ZZ' is not in http://terminology.hl7.org/CodeSystem/v2-0078"),
        ("A|,PID-8,,W,,,http://hl7.org/fhir/administrative-gender,femal,,,,,\n", "'femal' is not a code that"),
    ],
)  # fmt: skip
def test_T27_what_to_look_at_is_told_with_its_line(tmp_path: Path, rows: str, what: str) -> None:
    (tmp_path / "maps").mkdir()
    (tmp_path / "maps" / "lab.csv").write_text(f"{HEAD}\n{rows}")
    code, out, _ = segue("check", "--terminology", tmp_path)
    assert code == 0
    assert what in out


def test_T27_targets_are_looked_up_in_the_vocabularies_that_are_loaded(tmp_path: Path) -> None:
    known = tmp_path / "loinc.json"
    concepts = [
        {"code": "1-8", "display": "Acyclovir"},
        {"code": "2-6", "display": "Alfentanil", "property": [{"code": "status", "valueCode": "retired"}]},
    ]
    system = {"resourceType": "CodeSystem", "url": "http://loinc.org", "content": "complete", "name": "LOINC"}
    known.write_text(json.dumps(system | {"status": "active", "concept": concepts}))
    assert segue("load", known, "--into", tmp_path / "vocabularies")[0] == 0
    (tmp_path / "maps").mkdir()
    rows = "A|,,L,X,,,LN,1-8,,,,,\nA|,,L,Y,,,LN,2-6,,,,,\nA|,,L,Z,,,LN,3-4,,,,,\n"
    (tmp_path / "maps" / "lab.csv").write_text(f"{HEAD}\n{rows}")
    told = segue("check", "--terminology", tmp_path, "--vocabularies", tmp_path / "vocabularies")[1].splitlines()
    assert [line.partition("warning: ")[2] for line in told] == [
        "'2-6' (Alfentanil) is no longer used in the loaded http://loinc.org",
        "'3-4' is not in the loaded http://loinc.org",
    ]


def test_T27_a_site_is_checked_too_and_its_local_names_are_its_own(tmp_path: Path) -> None:
    maps = tmp_path / "north" / "terminology" / "maps"
    maps.mkdir(parents=True)
    (maps / "lab.csv").write_text(f"{HEAD}\n,,L,X,,,LN,1-8,,,,,\n,,L,Y,,,,,,,,,\n")
    code, out, _ = segue("check", "--sites", tmp_path)
    assert (code, out) == (0, f"{maps}/lab.csv:3: warning: 'Y' waits for its target\n")
    (maps / "lab.csv").write_text(f"{HEAD}\n,,L,X,,,LON,1-8,,,,,\n")
    code, _, told = segue("check", "--sites", tmp_path)
    assert code == 1
    assert told.startswith(f"{maps}/lab.csv:2: error: the target system 'LON'")
