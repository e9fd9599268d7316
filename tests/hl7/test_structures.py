"""Structures of all versions: P-04, P-05, P-06, R-MSG-1."""

from __future__ import annotations

import pytest

from segue.hl7 import structures
from segue.hl7.structures import Node, compile_structure, nearest, structure


def outline(node: Node) -> str:
    inner = " ".join(outline(child) for child in node.children)
    return f"{node.name}({inner})" if node.is_group else node.name


def test_P_04_every_structure_of_every_version_compiles() -> None:
    count = 0
    for version in structures.VERSIONS:
        for name in structures.names(version):
            compiled = compile_structure(name, version)
            assert compiled.header.name == "MSH"
            assert all(child.least in (0, 1) for child in compiled.root.children)
            count += 1
    assert count > 2000


def test_P_05_groups_nest_as_in_the_standard() -> None:
    compiled = compile_structure("ORM_O01", "2.3")
    assert outline(compiled.root) == (
        "ORM_O01(MSH NTE PATIENT(PID PD1 NTE PATIENT_VISIT(PV1 PV2) INSURANCE(IN1 IN2 IN3) GT1 AL1) "
        "ORDER(ORC ORDER_DETAIL(OBR RQD RQ1 RXO ODS ODT NTE DG1 OBSERVATION(OBX NTE)) CTI BLG))"
    )


def test_P_06_members_of_a_choice_begin_the_group_each_and_what_follows_does_not() -> None:
    order = compile_structure("ORM_O01", "2.3").root.children[3]
    detail = order.children[1]
    assert detail.first == {"OBR", "RQD", "RQ1", "RXO", "ODS", "ODT"}
    assert order.first == {"ORC", *detail.first}


@pytest.mark.parametrize("version", ["2.1", "2.3", "2.3.1", "2.4", "2.5", "2.5.1", "2.6", "2.7", "2.8", "2.8.2"])
def test_P_06_group_names_do_not_change_with_the_version(version: str) -> None:
    compiled = compile_structure("ORU_R01", version)
    result = next(child for child in compiled.root.children if child.is_group)
    assert result.name == "PATIENT_RESULT"
    assert [child.name for child in result.children] == ["PATIENT", "ORDER_OBSERVATION"]
    assert {"ORC", "OBR", "OBSERVATION"} <= {child.name for child in result.children[1].children}


@pytest.mark.parametrize(
    ("asked", "first"),
    [
        ("2.5.1", "2.5.1"),
        ("2.3", "2.3"),
        ("2.7.1", "2.7"),
        ("2.9", "2.9"),
        ("2.9.1", "2.9"),
        ("v2.5", "2.5"),
        ("2.0", "2.1"),
        ("", "2.5.1"),
        ("junk", "2.5.1"),
        ("3.0", "2.5.1"),
        ("2.99", "2.9"),
    ],
)
def test_R_MSG_1_unknown_versions_fall_to_the_nearest(asked: str, first: str) -> None:
    assert nearest(asked)[0] == first
    assert sorted(nearest(asked)) == sorted(structures.VERSIONS)


@pytest.mark.parametrize(
    ("name", "asked", "present", "version"),
    [
        ("ORU_R01", "2.3", {"PID", "OBR", "OBX"}, "2.3"),
        ("ORU_R01", "2.3", {"PID", "OBR", "OBX", "SPM"}, "2.5"),
        ("ORM_O01", "2.8", {"PID", "ORC"}, "2.6"),
        ("VXU_V04", "2.1", {"PID", "RXA"}, "2.3"),
        ("OML_O21", "2.3", {"PID", "OBR"}, "2.4"),
        ("RSP_K22", "2.5.1", {"PID"}, "2.4"),
        ("ADT_A01", "2.5.1", {"PID", "IAM"}, "2.9"),
        ("ADT_A01", "2.5.1", {"PID", "XYZ"}, "2.5.1"),
        ("ADT_A39", "2.7.1", {"PID", "MRG"}, "2.7"),
    ],
)
def test_R_MSG_1_the_nearest_version_that_has_the_segments(
    name: str, asked: str, present: set[str], version: str
) -> None:
    found = structure(name, asked, frozenset(present))
    assert found is not None
    assert found.version == version


def test_an_unknown_structure_is_none() -> None:
    assert structure("ADT_Z99", "2.5", frozenset()) is None
    assert not structures.exists("ADT_Z99")
    assert structures.exists("ADT_A01")
