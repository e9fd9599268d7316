"""Message maps: groups, instances, references (mapping language §4, R-MSG-2, R-RID-5)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from segue.conversion import Conversion
from segue.convert import Converter

OBX = """\
$key: [[OBX.21.1], [OBX.1]]
status: final
code: "{{ OBX.3 }}"
value[x]: {string: "{{ OBX.5.1 | as('ST') }}"}
"""
OBR = """\
$key: [[OBR.3.1]]
identifier: ["{{ OBR.3 }}"]
status: final
code: "{{ OBR.4 }}"
"""
PID = 'identifier: ["{{ PID.3 }}"]\n'
FILES = {
    "segments/PID.Patient.yaml": PID,
    "segments/PD1.Patient.yaml": 'active: "{{ PD1.12 }}"\n',
    "segments/OBR.DiagnosticReport.yaml": OBR,
    "segments/OBX.Observation.yaml": OBX,
}
ORU = (
    "PID|||7^^^&2.999.1&ISO",
    "PD1|" + "|" * 11 + "Y",
    "OBR|1||F1^L|1^One",
    "OBX|1|ST|a^A||x||||||F",
    "OBR|2||F2^L|2^Two",
    "OBX|2|ST|b^B||y||||||F",
)


@pytest.fixture
def oru(packed: Callable[..., Converter], er7: Callable[..., bytes]) -> Callable[..., Conversion]:
    def run(map_: str, *segments: str, files: dict[str, str] | None = None) -> Conversion:
        converter = packed({**FILES, **(files or {}), "messages/ORU_R01.yaml": f"structure: ORU_R01\n{map_}"})
        return converter.convert(er7(*(segments or ORU), kind="ORU^R01^ORU_R01"))

    return run


def of(made: Conversion, kind: str) -> list[dict[str, Any]]:
    return [e["resource"] for e in made.bundle["entry"] if e["resource"]["resourceType"] == kind]


def url(made: Conversion, resource: dict[str, Any]) -> str:
    return next(e["fullUrl"] for e in made.bundle["entry"] if e["resource"] is resource)


WHOLE = """\
PATIENT_RESULT:
  PATIENT:
    patient: {map: PID.Patient, also: PD1.Patient}
  ORDER_OBSERVATION:
    report: {map: OBR.DiagnosticReport, subject: patient}
    OBSERVATION:
      result: {map: OBX.Observation, subject: patient, into: report.result}
"""


def test_an_instance_belongs_to_its_group(oru: Callable[..., Conversion]) -> None:
    made = oru(WHOLE)
    first, second = of(made, "DiagnosticReport")
    one, two = of(made, "Observation")
    assert first["result"] == [{"reference": url(made, one)}]
    assert second["result"] == [{"reference": url(made, two)}]
    assert one["subject"] == {"reference": url(made, of(made, "Patient")[0])}


def test_R_RID_4_a_second_segment_completes_the_resource(oru: Callable[..., Conversion]) -> None:
    (patient,) = of(oru(WHOLE), "Patient")
    assert patient["active"] is True
    assert patient["identifier"][0]["value"] == "7"


def test_also_never_makes_a_resource(oru: Callable[..., Conversion]) -> None:
    made = oru(WHOLE, "PD1|" + "|" * 11 + "Y", "OBR|1||F1^L|1^One")
    assert of(made, "Patient") == []
    assert "subject" not in of(made, "DiagnosticReport")[0]


def test_a_list_of_maps_each_may_make_it(oru: Callable[..., Conversion]) -> None:
    made = oru(
        "patient: [PID.Patient, PD1.Patient]\nreport: OBR.DiagnosticReport\n",
        "PD1|" + "|" * 11 + "Y",
        "OBR|1||F1^L|1^One",
    )
    (patient,) = of(made, "Patient")
    assert patient["active"] is True


def test_when_decides(oru: Callable[..., Conversion]) -> None:
    made = oru(WHOLE.replace("into: report.result", "into: report.result, when: \"OBX.3.1 == 'a'\""))
    assert [o["code"]["coding"][0]["code"] for o in of(made, "Observation")] == ["a"]


def test_R_MSG_2_a_segment_out_of_place_keeps_its_map(oru: Callable[..., Conversion]) -> None:
    made = oru(WHOLE, "PID|||7^^^&2.999.1&ISO", "OBR|1||F1^L|1^One", "OBX|1|ST|a^A||x||||||F", "PD1|" + "|" * 11 + "Y")
    assert of(made, "Patient")[0]["active"] is True


def test_R_MSG_2_the_only_patient_belongs_to_every_group(oru: Callable[..., Conversion]) -> None:
    made = oru(WHOLE, "OBR|1||F1^L|1^One", "OBX|1|ST|a^A||x||||||F", "PID|||7^^^&2.999.1&ISO")
    assert of(made, "DiagnosticReport")[0]["subject"] == {"reference": url(made, of(made, "Patient")[0])}


def test_R_REQ_a_required_reference_to_nothing_says_so(oru: Callable[..., Conversion]) -> None:
    files = {"segments/NK1.RelatedPerson.yaml": '$key: []\nname: ["{{ NK1.2 }}"]\n'}
    related = "related: {map: NK1.RelatedPerson, patient: patient}\n"
    made = oru(WHOLE + related, "NK1|1|Novak^Eva", "OBR|1||F1^L|1^One", files=files)
    assert of(made, "RelatedPerson")[0]["patient"]["extension"][0]["valueCode"] == "unknown"


def test_include_and_extends_compose_maps(packed: Callable[..., Converter], er7: Callable[..., bytes]) -> None:
    converter = packed(
        {
            **FILES,
            "messages/people.yaml": "patient: PID.Patient\n",
            "messages/ORU_R01.yaml": "structure: ORU_R01\ninclude: people\nreport: OBR.DiagnosticReport\n",
            "messages/ORU_R30.yaml": "structure: ORU_R30\nextends: ORU_R01\nresult: OBX.Observation\n",
        }
    )
    assert converter.messages == ("ORU_R01", "ORU_R30")
    made = converter.convert(er7(*ORU[:4], kind="ORU^R30^ORU_R30"))
    assert len(of(made, "Observation")) == len(of(made, "Patient")) == 1


def test_events_limit_a_map(packed: Callable[..., Converter], er7: Callable[..., bytes]) -> None:
    from segue.issues import Refusal

    converter = packed({**FILES, "messages/ADT_A01.yaml": "structure: ADT_A01\nevents: [A01]\npatient: PID.Patient\n"})
    assert converter.convert(er7(ORU[0])).event == "ADT^A01"
    with pytest.raises(Refusal) as refused:
        converter.convert(er7(ORU[0], kind="ADT^A08^ADT_A01"))
    assert [i.code for i in refused.value.issues] == ["message.event-unsupported"]


@pytest.mark.parametrize(
    ("map_", "error"),
    [
        ("report: OBR.DiagnosticRport", "no segment map 'OBR.DiagnosticRport' – did you mean OBR.DiagnosticReport?"),
        ("report: {map: OBR.DiagnosticReport, sbject: patient}", "DiagnosticReport has no reference 'sbject'"),
        (
            "report: {map: OBR.DiagnosticReport, subject: patint}",
            "no instance 'patint' – there are report",
        ),
        (
            "report: {map: OBR.DiagnosticReport}\nresult: {map: OBX.Observation, into: report}",
            "into names an instance and its element – for instance report.result",
        ),
        (
            "report: {map: OBR.DiagnosticReport}\nresult: {map: OBX.Observation, into: reprt.result}",
            "no instance 'reprt' – did you mean report?",
        ),
        (
            "report: {map: OBR.DiagnosticReport}\nresult: {map: OBX.Observation, into: report.rsult}",
            "DiagnosticReport has no reference 'rsult'",
        ),
        (
            "report: {map: OBR.DiagnosticReport}\nresult: {map: OBX.Observation, into: report.specimen}",
            "DiagnosticReport.specimen cannot refer to a Observation",
        ),
        (
            "report: {map: [OBR.DiagnosticReport, PID.Patient]}",
            "report is a DiagnosticReport, PID.Patient makes a Patient",
        ),
        ("report: {also: OBR.DiagnosticReport}", "report has no map"),
        ("PATIENT: PID.Patient", "group PATIENT holds instances and groups"),
        ("finish: [party]\nreport: OBR.DiagnosticReport", "'party' finishes no message"),
        ("include: headr\nreport: OBR.DiagnosticReport", "no message map 'headr'"),
    ],
)
def test_a_fault_of_a_message_map(fault: Callable[..., str], map_: str, error: str) -> None:
    found = fault({**FILES, "messages/M.yaml": f"structure: ORU_R01\n{map_}\n"})
    assert found.startswith("messages/M.yaml:")
    assert found.partition(": ")[2] == error


def test_a_group_that_the_structure_does_not_have_is_an_error(fault: Callable[..., str]) -> None:
    found = fault({**FILES, "messages/M.yaml": "structure: ORU_R01\nPATENT_RESULT:\n  report: OBR.DiagnosticReport\n"})
    assert found.startswith("messages/M.yaml:2: ")


def test_focus_names_instances_of_the_map(fault: Callable[..., str]) -> None:
    found = fault({**FILES, "messages/M.yaml": "structure: ORU_R01\nfocus: [reprt]\nreport: OBR.DiagnosticReport\n"})
    assert found.startswith("messages/M.yaml:2: ")


def test_a_fault_in_a_reference_names_the_line_of_the_instance(fault: Callable[..., str]) -> None:
    found = fault(
        {
            **FILES,
            "messages/M.yaml": "structure: ORU_R01\nreport: OBR.DiagnosticReport\n"
            "result: {map: OBX.Observation, into: reprt.result}\n",
        }
    )
    assert found.startswith("messages/M.yaml:3: ")
