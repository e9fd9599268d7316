"""Fields, components, tables of the standard."""

from __future__ import annotations

import pytest

from segue.hl7 import dictionary
from segue.hl7.dictionary import Component, Field


def test_a_field_has_name_type_table_and_repetition() -> None:
    assert dictionary.field("PID", 3) == Field("Patient Identifier List", "CX", None, True)
    assert dictionary.field("PID", 8) == Field("Administrative Sex", "CWE", "0001", False)
    assert dictionary.field("MSH", 18) == Field("Character Set", "ID", "0211", True)


@pytest.mark.parametrize(
    ("segment", "number", "datatype"),
    [("PID", 2, "CX"), ("PID", 4, "CX"), ("OBR", 15, "SPS"), ("ORC", 7, "TQ"), ("MSA", 3, "ST"), ("OBR", 5, "ID")],
)
def test_a_withdrawn_field_keeps_its_last_real_type(segment: str, number: int, datatype: str) -> None:
    field = dictionary.field(segment, number)
    assert field is not None
    assert field.datatype == datatype


@pytest.mark.parametrize(
    ("segment", "number", "datatype"),
    [
        ("PID", 7, "DTM"),
        ("AL1", 3, "CWE"),
        ("OBR", 16, "XCN"),
        ("PID", 13, "XTN"),
        ("PV1", 3, "PL"),
        ("OBR", 26, "PRL"),
        ("OBR", 29, "EIP"),
        ("OBR", 32, "NDL"),
        ("OBX", 5, "varies"),
        ("IN1", 3, "CX"),
        ("ORC", 2, "EI"),
        ("DG1", 2, "ID"),
    ],
)
def test_old_types_stand_as_the_later_type(segment: str, number: int, datatype: str) -> None:
    field = dictionary.field(segment, number)
    assert field is not None
    assert field.datatype == datatype


def test_a_component_has_name_type_and_table() -> None:
    assert dictionary.component("CX", 4) == Component("Assigning Authority", "HD", "0363")
    assert dictionary.component("XPN", 1) == Component("Family Name", "FN", None)
    assert dictionary.component("XPN", 10) == Component("Name Validity Range", "DR", None)
    assert dictionary.component("XAD", 1) == Component("Street Address", "SAD", None)
    assert dictionary.component("XTN", 1) == Component("Telephone Number", "ST", None)
    assert dictionary.component("SN", 4) == Component("Num2", "NM", None)


def test_every_type_is_primitive_or_has_components() -> None:
    named = {field.datatype for segment in dictionary.segments() for field in dictionary.fields(segment).values()}
    inner = {part.datatype for name in named for part in dictionary.components(name).values()}
    assert {
        name for name in named | inner if not dictionary.is_primitive(name) and not dictionary.components(name)
    } == {"varies"}


@pytest.mark.parametrize("datatype", ["ST", "TX", "FT", "NM", "SI", "ID", "IS", "DT", "TM", "DTM"])
def test_primitives_have_no_components(datatype: str) -> None:
    assert dictionary.is_primitive(datatype)
    assert not dictionary.components(datatype)


def test_what_no_version_has_is_none() -> None:
    assert dictionary.field("PID", 999) is None
    assert dictionary.field("ZZZ", 1) is None
    assert dictionary.component("CX", 99) is None
    assert dictionary.component("ST", 1) is None
    assert "ZZZ" not in dictionary.segments()
    assert {"MSH", "PID", "OBX", "TQ1", "PRT", "RX1"} <= dictionary.segments()


def test_the_dictionary_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        dictionary.fields("PID")[1] = Field("x", "ST", None, False)
