"""Segments ▸ groups: R-MSG-2, P-05."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segue.hl7 import Group, Message, Segment, group, read, structures

Build = Callable[..., bytes]
Work = Callable[[Callable[[], object]], int]


def message(names: str, version: str) -> Message:
    lines = "".join(f"{name}|1\r" for name in names.split())
    return read(f"MSH|^~\\&|WARD|||||||ADT^A01|1|P|{version}\r{lines}".encode())


def outline(item: Group | Segment) -> str:
    if isinstance(item, Segment):
        return item.name
    return f"{item.name}({' '.join(outline(inner) for inner in item.items)})"


def grouped(names: str, structure: str, version: str = "2.5.1") -> str:
    """The groups below the root, without MSH."""
    return " ".join(outline(item) for item in group(message(names, version), structure).items[1:])


def strays(names: str, structure: str, version: str = "2.5.1") -> list[str]:
    read_message = message(names, version)
    group(read_message, structure)
    return [str(found.v2) for found in read_message.issues if found.code == "segment.unknown"]


@pytest.mark.parametrize(
    ("names", "structure", "version", "groups"),
    [
        (
            "PID PD1 NTE PV1 PV2 ORC OBR NTE OBX NTE OBX SPM OBX OBR OBX",
            "ORU_R01",
            "2.5.1",
            "PATIENT_RESULT(PATIENT(PID PD1 NTE VISIT(PV1 PV2)) "
            "ORDER_OBSERVATION(ORC OBR NTE OBSERVATION(OBX NTE) OBSERVATION(OBX) SPECIMEN(SPM OBX)) "
            "ORDER_OBSERVATION(OBR OBSERVATION(OBX)))",
        ),
        (
            "PID OBR OBX PID OBR OBX",
            "ORU_R01",
            "2.3",
            "PATIENT_RESULT(PATIENT(PID) ORDER_OBSERVATION(OBR OBSERVATION(OBX))) "
            "PATIENT_RESULT(PATIENT(PID) ORDER_OBSERVATION(OBR OBSERVATION(OBX)))",
        ),
        (
            "PID PV1 ORC OBR OBX ORC OBR TQ1 OBX",
            "ORU_R01",
            "2.8.2",
            "PATIENT_RESULT(PATIENT(PID VISIT(PV1)) ORDER_OBSERVATION(ORC OBR OBSERVATION(OBX)) "
            "ORDER_OBSERVATION(ORC OBR TIMING_QTY(TQ1) OBSERVATION(OBX)))",
        ),
        (
            "EVN PID MRG PID PD1 MRG PV1 PID MRG",
            "ADT_A39",
            "2.3",
            "EVN PATIENT(PID MRG) PATIENT(PID PD1 MRG PV1) PATIENT(PID MRG)",
        ),
        (
            "PID PV1 IN1 IN2 ORC OBR NTE DG1 OBX NTE OBX ORC OBR ORC RXO NTE BLG",
            "ORM_O01",
            "2.3",
            "PATIENT(PID PATIENT_VISIT(PV1) INSURANCE(IN1 IN2)) "
            "ORDER(ORC ORDER_DETAIL(OBR NTE DG1 OBSERVATION(OBX NTE) OBSERVATION(OBX))) "
            "ORDER(ORC ORDER_DETAIL(OBR)) ORDER(ORC ORDER_DETAIL(RXO NTE) BLG)",
        ),
        (
            "SCH NTE PID PV1 RGS AIS NTE AIG AIL AIP AIS RGS AIP",
            "SIU_S12",
            "2.4",
            "SCH NTE PATIENT(PID PV1) RESOURCES(RGS SERVICE(AIS NTE) GENERAL_RESOURCE(AIG) LOCATION_RESOURCE(AIL) "
            "PERSONNEL_RESOURCE(AIP) SERVICE(AIS)) RESOURCES(RGS PERSONNEL_RESOURCE(AIP))",
        ),
        (
            "PID PV1 ORC OBR OBX SPM SAC ORC OBR",
            "OML_O21",
            "2.5.1",
            "PATIENT(PID PATIENT_VISIT(PV1)) "
            "ORDER(ORC OBSERVATION_REQUEST(OBR OBSERVATION(OBX) SPECIMEN(SPM CONTAINER(SAC)))) "
            "ORDER(ORC OBSERVATION_REQUEST(OBR))",
        ),
        (
            "PID ORC OBR PID ORC OBR OBX",
            "OML_O21",
            "2.5.1",
            "PATIENT(PID) ORDER(ORC OBSERVATION_REQUEST(OBR "
            "PRIOR_RESULT(PATIENT_PRIOR(PID) ORDER_PRIOR(ORC OBR OBSERVATION_PRIOR(OBX)))))",
        ),
        (
            "EVN PID PV1 FT1 PR1 FT1 IN1",
            "DFT_P03",
            "2.7",
            "EVN PID PV1 FINANCIAL(FT1 FINANCIAL_PROCEDURE(PR1)) FINANCIAL(FT1) INSURANCE(IN1)",
        ),
        ("EVN PID PV1 PID PV1", "ADT_A17", "2.5", "EVN PID PV1 PID PV1"),
    ],
)
def test_P_05_groups_follow_the_structure(names: str, structure: str, version: str, groups: str) -> None:
    assert (grouped(names, structure, version), strays(names, structure, version)) == (groups, [])


MISPLACED = [
    (
        "OBX OBR OBX",
        "ORU_R01",
        "PATIENT_RESULT(ORDER_OBSERVATION(OBSERVATION(OBX)) ORDER_OBSERVATION(OBR OBSERVATION(OBX)))",
    ),
    ("PD1 PID OBR", "ORU_R01", "PATIENT_RESULT(PATIENT(PD1 PID) ORDER_OBSERVATION(OBR))"),
    (
        "PID OBR OBX PV1",
        "ORU_R01",
        "PATIENT_RESULT(PATIENT(PID VISIT(PV1)) ORDER_OBSERVATION(OBR OBSERVATION(OBX)))",
    ),
    ("PV1 OBR", "ORU_R01", "PATIENT_RESULT(PATIENT(VISIT(PV1)) ORDER_OBSERVATION(OBR))"),
    (
        "PID OBR ORC OBX OBR ORC OBX",
        "ORU_R01",
        "PATIENT_RESULT(PATIENT(PID) ORDER_OBSERVATION(OBR ORC OBSERVATION(OBX)) "
        "ORDER_OBSERVATION(OBR ORC OBSERVATION(OBX)))",
    ),
    (
        "PID SPM ORC OBR OBX ORC OBR",
        "OUL_R22",
        "PATIENT(PID) SPECIMEN(SPM ORDER(ORC OBR RESULT(OBX)) ORDER(ORC OBR))",
    ),
    (
        "PID ORC OBR OBX OBR",
        "ORM_O01",
        "PATIENT(PID) ORDER(ORC ORDER_DETAIL(OBR OBSERVATION(OBX))) ORDER(ORDER_DETAIL(OBR))",
    ),
    ("PID ORC OBR OBX DG1", "ORM_O01", "PATIENT(PID) ORDER(ORC ORDER_DETAIL(OBR OBSERVATION(OBX) DG1))"),
    ("PV1 PID EVN", "ADT_A01", "PV1 PID EVN"),
    (
        "EVN PID PV1 AL1 OBX NK1 PR1 IN1 PR1",
        "ADT_A01",
        "EVN PID PV1 AL1 OBX NK1 PROCEDURE(PR1) INSURANCE(IN1) PROCEDURE(PR1)",
    ),
    ("EVN PID IN1 IN2 IN3 IN1 IN3", "ADT_A01", "EVN PID INSURANCE(IN1 IN2 IN3) INSURANCE(IN1 IN3)"),
]


@pytest.mark.parametrize(("names", "structure", "groups"), MISPLACED)
def test_R_MSG_2_missing_and_misplaced_segments_find_their_group(names: str, structure: str, groups: str) -> None:
    assert (grouped(names, structure), strays(names, structure)) == (groups, [])


def test_R_MSG_2_a_note_goes_with_the_segment_it_follows() -> None:
    assert grouped("NTE PID NTE PV1 NTE", "ORU_R01") == "NTE PATIENT_RESULT(PATIENT(PID NTE VISIT(PV1 NTE)))"
    assert strays("NTE PID NTE PV1 NTE", "ORU_R01") == []


def test_R_MSG_2_z_segments_stay_where_they_are_silently() -> None:
    names = "ZA1 PID ZPD OBR OBX ZLR OBX"
    assert grouped(names, "ORU_R01") == (
        "ZA1 PATIENT_RESULT(PATIENT(PID ZPD) ORDER_OBSERVATION(OBR OBSERVATION(OBX ZLR) OBSERVATION(OBX)))"
    )
    assert strays(names, "ORU_R01") == []


def test_R_MSG_2_segments_without_a_place_stay_and_are_said() -> None:
    names = "EVN PID PID PV1 PR1 ROL XYZ IN1 SPM"
    assert grouped(names, "ADT_A01") == "EVN PID PID PV1 PROCEDURE(PR1 ROL XYZ) INSURANCE(IN1 SPM)"
    assert strays(names, "ADT_A01") == ["PID[2]", "XYZ[1]", "SPM[1]"]


def test_R_MSG_2_a_role_does_not_join_the_group_of_another() -> None:
    assert grouped("EVN PID PV1 IN1 ROL", "ADT_A01", "2.3") == "EVN PID PV1 INSURANCE(IN1 ROL)"


def body(*lines: str) -> str:
    read_message = read("\r".join(["MSH|^~\\&|WARD|||||||ORM^O01|1|P|2.5.1", *lines]).encode())
    return " ".join(outline(item) for item in group(read_message, "ORM_O01").items[1:])


def test_R_MSG_2_a_second_patient_begins_anew_where_the_structure_has_one() -> None:
    assert body("PID|1||A", "ORC|NW", "OBR|1", "PID|2||B", "ORC|NW", "OBR|1", "PID|3||C", "ORC|NW") == (
        "ORM_O01(PATIENT(PID) ORDER(ORC ORDER_DETAIL(OBR))) "
        "ORM_O01(PATIENT(PID) ORDER(ORC ORDER_DETAIL(OBR))) ORM_O01(PATIENT(PID) ORDER(ORC))"
    )
    assert body("PID|1||A", "PID|1||A", "ORC|NW") == "PATIENT(PID PID) ORDER(ORC)"


def test_R_MSG_2_an_ORC_of_another_number_is_not_that_of_the_OBR_before_it() -> None:
    assert body("OBR|1|P1", "ORC|NW|P2^X", "RXO|A") == "ORDER(ORDER_DETAIL(OBR)) ORDER(ORC ORDER_DETAIL(RXO))"
    assert body("OBR|1|P2^Y", "ORC|NW|P2^X", "NTE|1") == "ORDER(ORDER_DETAIL(OBR) ORC NTE)"


STRUCTURES = ["ADT_A01", "ADT_A39", "ORU_R01", "ORM_O01", "OML_O21", "OUL_R24", "RDE_O11", "VXU_V04", "DFT_P03", "ACK"]
NAMES = ["PID", "PD1", "NK1", "PV1", "ORC", "OBR", "OBX", "NTE", "SPM", "SAC", "TQ1", "RXA", "RXE", "IN1", "IN2", "ROL"]


@given(
    st.sampled_from(STRUCTURES),
    st.sampled_from(structures.VERSIONS),
    st.lists(st.sampled_from([*NAMES, "MRG", "FT1", "ZZ1", "XYZ", "MSH"])),
)
def test_R_MSG_2_nothing_is_dropped_or_moved(structure: str, version: str, names: list[str]) -> None:
    read_message = message(" ".join(names), version)
    root = group(read_message, structure)
    assert list(root.segments()) == read_message.segments
    for segment in read_message.segments:
        home = segment.group
        assert isinstance(home, Group)
        assert segment in home.items
        while home.parent is not None:
            assert home in home.parent.items
            home = home.parent
        assert home is root


@pytest.mark.parametrize("structure", ["", "ADT_Z99"])
def test_without_a_structure_there_is_one_group(structure: str) -> None:
    read_message = message("PID OBX ZZZ", "2.5")
    root = group(read_message, structure)
    assert (root.items, root.name, read_message.issues) == (read_message.segments, structure, [])
    assert all(segment.group is root for segment in read_message.segments)


def test_a_group_is_walked_by_name() -> None:
    root = group(message("PID ORC OBR OBX NTE OBX", "2.5.1"), "ORU_R01")
    order = next(next(root.groups("PATIENT_RESULT")).groups("ORDER_OBSERVATION"))
    assert order.parent is not None
    assert order.parent.parent is root
    assert [outline(item) for item in order.groups("OBSERVATION")] == ["OBSERVATION(OBX NTE)", "OBSERVATION(OBX)"]
    found = order.first("OBR")
    assert found is not None
    assert found.group is order
    assert order.first("OBX") is None
    assert [segment.name for segment in order.segments()] == ["ORC", "OBR", "OBX", "NTE", "OBX"]
    assert repr(order) == "ORDER_OBSERVATION(ORC, OBR, OBSERVATION, OBSERVATION)"


@pytest.mark.parametrize(
    ("unit", "structure"),
    [
        ("OBX ", "ORU_R01"),
        ("ORC OBR OBX NTE ", "ORU_R01"),
        ("OBR PV1 ", "ORU_R01"),
        ("AL1 OBX PID ", "ADT_A01"),
        ("ZZZ XYZ ", "ADT_A01"),
        ("PID MRG ", "ADT_A39"),
        ("IN1 NK1 PR1 ROL ", "ADT_A01"),
    ],
)
def test_P_05_work_grows_with_the_message_and_no_faster(unit: str, structure: str, work: Work) -> None:
    def run(n: int) -> int:
        read_message = message(unit * n, "2.5.1")
        return work(lambda: list(group(read_message, structure).segments()))

    run(200)
    assert run(400) <= 2.2 * run(200) + 200
