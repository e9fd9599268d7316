"""`segue lint`: all faults at once, each with file:line and the nearest right name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from segue.mapping.lint import lint
from segue.terminology import Terminology

TEN_FAULTS = {
    "datatypes/CX.Money.yaml": "\ncurency: CAD\n",
    "segments/PV1.Encouter.yaml": "status: finished\n",
    "segments/NK1.RelatedPerson.yaml": "name: {a: 1\n",
    "segments/OBX.Observation.yaml": "status: finl\ncode: '{{ OBX.3 }}'\n",
    "segments/PID.Patient.yaml": """\
$keep: true
birthDat: "{{ PID.7 }}"
gender: "{{ PID.8 | table('AdministrativSex') }}"
name: ["{{ PID.5.77 }}"]
""",
    "messages/ORU_R01.yaml": "structure: ORU_R01\nreport: OBR.DiagnosticReport\n",
    "messages/ADT_A01.yaml": "structure: ADT_A01\npatient: PID.Patient\nvisit: {map: PID.Patient}\n",
    "sites/north/site.yaml": "mach: {MSH-4: NORTH}\n",
    "sites/south/terminology/tables/AdministrativeSex.csv": "code,meaning\n1,male\n",
}


def test_ten_faults_are_ten_findings(folder: Callable[..., Path], terminology: Terminology) -> None:
    found = [str(finding) for finding in lint(folder(TEN_FAULTS), terminology) if finding.severity == "error"]
    south = next(line for line in found if "AdministrativeSex.csv" in line)
    assert south.endswith(
        "AdministrativeSex.csv:1: error: the header is not "
        "code,display,target_system,target_code,target_display,lossy,comment"
    )
    assert sorted(line.partition(" – authoritative")[0] for line in found if line != south) == [
        "datatypes/CX.Money.yaml:2: error: Money has no element 'curency' – did you mean currency?",
        "messages/ORU_R01.yaml:2: error: no segment map 'OBR.DiagnosticReport'",
        "segments/NK1.RelatedPerson.yaml:2: error: not YAML: expected ',' or '}', but got '<stream end>'",
        "segments/OBX.Observation.yaml:1: error: 'finl' is no code of status – did you mean final?",
        "segments/PID.Patient.yaml:1: error: no key '$keep' at the top of a map – did you mean $key?",
        "segments/PID.Patient.yaml:2: error: Patient has no element 'birthDat' – did you mean birthDate?",
        "segments/PID.Patient.yaml:3: error: no table 'AdministrativSex' – did you mean AdministrativeSex?",
        "segments/PID.Patient.yaml:4: error: PID.5.77: XPN has no component 77 – components are 1 to 15",
        "segments/PV1.Encouter.yaml:1: error: Encouter is no resource – did you mean Encounter?",
        "sites/north/site.yaml:1: error: no setting 'mach'",
    ]


def test_the_pack_that_ships_has_none(terminology: Terminology) -> None:
    assert [str(finding) for finding in lint(None, terminology)] == []


def test_a_fault_of_the_base_is_not_told_again_for_each_site(
    folder: Callable[..., Path], terminology: Terminology
) -> None:
    home = folder(
        {
            "segments/PID.Patient.yaml": "birthDat: '1980'\n",
            "messages/ADT_A01.yaml": "structure: ADT_A01\npatient: PID.Patient\n",
            "sites/a/site.yaml": "country: CA\n",
            "sites/b/site.yaml": "country: US\n",
        }
    )
    assert len(lint(home, terminology)) == 1


def test_a_fault_of_a_site_names_the_file_of_the_site(folder: Callable[..., Path], terminology: Terminology) -> None:
    home = folder(
        {
            "segments/PID.Patient.yaml": 'birthDate: "{{ PID.7 }}"\n',
            "messages/ADT_A01.yaml": "structure: ADT_A01\npatient: PID.Patient\n",
            "sites/a/segments/PID.Patient.yaml": "gendr: female\n",
        }
    )
    (finding,) = lint(home, terminology)
    assert finding.place == "sites/a/segments/PID.Patient.yaml:1"


def test_a_map_that_nothing_uses_is_a_warning(folder: Callable[..., Path], terminology: Terminology) -> None:
    home = folder({"segments/PID.Patient.yaml": 'birthDate: "{{ PID.7 }}"\n'})
    assert [str(f) for f in lint(home, terminology)] == [
        "segments/PID.Patient.yaml:1: warning: no message map uses PID.Patient"
    ]


def test_sites_of_another_folder(folder: Callable[..., Path], tmp_path: Path, terminology: Terminology) -> None:
    (tmp_path / "sites" / "north").mkdir(parents=True)
    (tmp_path / "sites" / "north" / "site.yaml").write_text("countri: CA\n")
    found = lint(folder({}), terminology, tmp_path / "sites")
    assert [f.place for f in found] == ["sites/north/site.yaml:1"]


@pytest.mark.parametrize(
    "text",
    [
        "map: PID.Patient",
        "map: [PID.Patient]",
        "map: PD1.Patient, also: PID.Patient",
        "map: PD1.Patient, also: [PID.Patient]",
    ],
)
def test_all_ways_to_use_a_map(folder: Callable[..., Path], terminology: Terminology, text: str) -> None:
    one = 'birthDate: "{{ %s }}"\n'
    home = folder(
        {
            "segments/PID.Patient.yaml": one % "PID.7",
            "segments/PD1.Patient.yaml": 'active: "{{ PD1.12 }}"\n',
            "messages/ADT_A01.yaml": f"structure: ADT_A01\npatient: {{{text}}}\nother: PD1.Patient\n",
        }
    )
    assert lint(home, terminology) == []
