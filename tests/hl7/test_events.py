"""Triggers ▸ structures: R-MSG-1, D-EVT-1…43."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from segue.hl7 import events, read, structure_of, structures

Build = Callable[..., bytes]


@pytest.mark.parametrize(
    ("kind", "structure"),
    [
        *((f"ADT^{e}", "ADT_A01") for e in ("A01", "A04", "A08", "A13")),
        *((f"ADT^{e}", "ADT_A05") for e in ("A05", "A14", "A28", "A31")),
        *((f"ADT^{e}", "ADT_A09") for e in ("A09", "A10", "A11")),
        *((f"ADT^{e}", "ADT_A21") for e in ("A21", "A22", "A23", "A25", "A26", "A27", "A29", "A32", "A33")),
        *((f"ADT^{e}", "ADT_A30") for e in ("A30", "A34", "A35", "A36", "A46", "A47", "A48", "A49")),
        *((f"ADT^{e}", "ADT_A39") for e in ("A39", "A40", "A41", "A42")),
        *((f"ADT^{e}", f"ADT_{e}") for e in ("A02", "A03", "A12", "A15", "A16", "A17", "A18", "A20", "A24", "A37")),
        *((f"ADT^{e}", f"ADT_{e}") for e in ("A38", "A43", "A44", "A45", "A60")),
        ("ADT^A06", "ADT_A06"),
        ("ADT^A07", "ADT_A06"),
        ("ADT^A51", "ADT_A50"),
        ("ADT^A53", "ADT_A52"),
        ("ADT^A55", "ADT_A54"),
        ("ADT^A62", "ADT_A61"),
        ("ADR^A19", "ADR_A19"),
        ("ORU^R01", "ORU_R01"),
        ("ORU^R40", "ORU_R01"),
        ("ORU^W01", "ORU_R01"),
        ("ORU^R32", "ORU_R30"),
        ("OUL^R22", "OUL_R22"),
        ("OPU^R25", "OPU_R25"),
        ("ORF^R04", "ORF_R04"),
        ("ORM^O01", "ORM_O01"),
        ("RDE^O01", "RDE_O11"),
        ("RDE^O25", "RDE_O11"),
        ("RAS^O01", "RAS_O17"),
        ("RDS^O13", "RDS_O13"),
        ("RGV^O15", "RGV_O15"),
        ("OMP^O09", "OMP_O09"),
        ("OML^O39", "OML_O39"),
        ("OMG^O19", "OMG_O19"),
        ("OMS^O01", "OMS_O05"),
        ("ORR^O02", "ORR_O02"),
        ("RRE^O26", "RRE_O12"),
        ("MDM^T09", "MDM_T01"),
        ("MDM^T10", "MDM_T02"),
        ("SIU^S26", "SIU_S12"),
        ("SRM^S07", "SRM_S01"),
        ("VXU^V04", "VXU_V04"),
        ("DFT^P03", "DFT_P03"),
        ("BAR^P12", "BAR_P12"),
        ("REF^I15", "REF_I12"),
        ("PPR^PC2", "PPR_PC1"),
        ("RSP^K22", "RSP_K22"),
        ("MFN^M05", "MFN_M05"),
        ("ACK", "ACK"),
        ("ACK^A08^ACK", "ACK"),
        (" adt ^ a08 ", "ADT_A01"),
    ],
)
def test_R_MSG_1_trigger_decides(er7: Build, kind: str, structure: str) -> None:
    trigger = structure_of(read(er7(kind=kind)))
    assert (trigger.structure, trigger.issues) == (structure, ())


def test_R_MSG_1_the_event_is_given_back(er7: Build) -> None:
    structure, event, issues = structure_of(read(er7(kind="ADT^A28^ADT_A05")))
    assert (structure, event, issues) == ("ADT_A05", "A28", ())


def test_R_MSG_1_evn_1_stands_in_for_an_empty_event(er7: Build) -> None:
    assert structure_of(read(er7("EVN|A03", kind="ADT")))[:2] == ("ADT_A03", "A03")


def test_R_MSG_1_evn_1_that_disagrees_is_said_and_not_used(er7: Build) -> None:
    trigger = structure_of(read(er7("EVN|A01", kind="ADT^A03")))
    assert trigger[:2] == ("ADT_A03", "A03")
    assert [(i.code, str(i.v2), i.value) for i in trigger.issues] == [("message.event-disagrees", "EVN[1]-1", "A01")]


@pytest.mark.parametrize(
    "kind", ["ADT^A08^ADT_A08", "ADT^A08^ADT_A01", "ADT^A08", "ADT^A12^ADT_A09", "ADT^A44^ADT_A43"]
)
def test_R_MSG_1_structures_of_older_editions_agree(er7: Build, kind: str) -> None:
    assert structure_of(read(er7(kind=kind))).issues == ()


def test_R_MSG_1_a_structure_that_does_not_fit_is_said_and_not_used(er7: Build) -> None:
    trigger = structure_of(read(er7(kind="ADT^A01^ORU_R01")))
    assert trigger.structure == "ADT_A01"
    assert [(i.code, str(i.v2)) for i in trigger.issues] == [("message.structure-unknown", "MSH[1]-9[1].3")]


def test_R_MSG_1_the_structure_is_used_where_the_trigger_is_unknown(er7: Build) -> None:
    assert structure_of(read(er7(kind="ADT^ZA1^ADT_A05")))[:2] == ("ADT_A05", "ZA1")
    assert structure_of(read(er7(kind="^^ADT_A01")))[:2] == ("ADT_A01", "")


@pytest.mark.parametrize(
    ("kind", "event"),
    [("ADT^A99", "A99"), ("ZZZ^Z01^ZZZ_Z01", "Z01"), ("", ""), ("ADT^", ""), ("ADT^Z1^ORU_R01", "Z1")],
)
def test_R_MSG_1_an_unknown_trigger_has_no_structure(er7: Build, kind: str, event: str) -> None:
    assert structure_of(read(er7(kind=kind)))[:2] == ("", event)


def test_every_listed_structure_exists() -> None:
    assert [s for _, _, s in events.triggers() if not structures.exists(s)] == []
