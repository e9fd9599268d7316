"""The v2 type of a path: newest version, bound table, nearest right number."""

from __future__ import annotations

import pytest

from segue.mapping.expression import Path, parse
from segue.mapping.source import MappingError, Place
from segue.mapping.typing import ANY, V2Type, is_segment, type_of

HERE = Place("m.yaml", 1)


def kind(text: str, base: V2Type | None = None) -> V2Type:
    path = parse(text, HERE)
    assert isinstance(path, Path)
    return type_of(path, base, HERE)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("PID.3", V2Type("CX", None, True)),
        ("PID.7", V2Type("DTM", None, False)),
        ("PID.8.1", V2Type("ST", None, False)),
        ("PID.3.4.1", V2Type("IS", "0300", True)),
        ("ZPI.2", ANY),
        ("ZPI.2.3", ANY),
    ],
)
def test_type_of_a_path(path: str, expected: V2Type) -> None:
    found = kind(path)
    assert (found.datatype, found.repeats) == (expected.datatype, expected.repeats)


def test_old_types_read_as_their_later_ones() -> None:
    assert kind("PV1.7").datatype == "XCN"
    assert kind("OBR.7").datatype == "DTM"


def test_it_has_the_type_of_what_was_piped_in() -> None:
    assert kind("it.1", V2Type("XPN")).datatype == "FN"
    assert kind("it.1.1", V2Type("XPN")).datatype == "ST"


@pytest.mark.parametrize(
    ("path", "error"),
    [
        ("PID.99", "PID has no field 99 – fields are 1 to 40"),
        ("PID.3.99", "PID.3.99: CX has no component 99 – components are 1 to 12"),
        ("PID.7.2", "PID.7.2: DTM has no component 2 – it has no components"),
        ("PID", "PID names a whole segment – name a field, or use a function that takes a segment"),
        ("it.1", "`it` has no meaning here – use it in a data type map or under $each"),
    ],
)
def test_a_path_that_no_version_has(path: str, error: str) -> None:
    with pytest.raises(MappingError) as raised:
        kind(path)
    assert str(raised.value) == f"m.yaml:1: {error}"


@pytest.mark.parametrize(
    ("name", "found"), [("PID", True), ("ZPI", True), ("pid", False), ("XYZ", False), ("PATIENT", False)]
)
def test_segments_are_standard_or_Z(name: str, found: bool) -> None:
    assert is_segment(name) is found
