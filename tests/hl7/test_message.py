"""The tree: repetitions, components, sub-components by their HL7 numbers."""

from __future__ import annotations

from collections.abc import Callable

from segue.hl7 import read

Build = Callable[..., bytes]


def test_numbers_are_those_of_hl7(er7: Build) -> None:
    pid = read(er7("PID|1||7001^^^NORTH&1.2.3&ISO^MR~88")).segments[1]
    first, second = pid.repetitions(3)
    assert (first.index, first.components[1], first.components[5], second.index, second.components[1:]) == (
        1,
        "7001",
        "MR",
        2,
        ["88"],
    )
    assert first.part(4).components[1:] == ["NORTH", "1.2.3", "ISO"]
    assert first.part(4) is first.part(4)
    assert first.part(9).components[1:] == [""]
    assert first.part(4).part(2).components[1:] == ["1.2.3"]


def test_empty_repetitions_count(er7: Build) -> None:
    pid = read(er7("PID|1||~88")).segments[1]
    assert [r.raw for r in pid.repetitions(3)] == ["", "88"]
    assert pid.repetitions(3) is pid.repetitions(3)
    assert pid.repetitions(4) == pid.repetitions(40) == []
    assert (pid.raw(3), pid.raw(40)) == ("~88", "")


def test_leaf_reads_the_first_repetition(er7: Build) -> None:
    pid = read(er7('PID|1||7001^^^NORTH&1.2.3~88|""')).segments[1]
    assert [pid.leaf(3), pid.leaf(3, 4, 2), pid.leaf(3, 9), pid.leaf(3, 4, 9), pid.leaf(4), pid.leaf(5)] == [
        "7001",
        "1.2.3",
        None,
        None,
        None,
        None,
    ]


def test_the_header_is_split_by_none_of_its_own_delimiters(er7: Build) -> None:
    header = read(er7()).header
    assert [r.components[1:] for r in header.repetitions(2)] == [["^~\\&"]]
    assert header.leaf(1) == "|"


def test_locations_name_the_place(er7: Build) -> None:
    message = read(er7("NK1|1", "NK1|2||A~B^C&D"))
    nk1 = message.segments[2]
    second = nk1.repetitions(3)[1]
    assert [str(nk1.location()), str(nk1.location(3)), str(second.location(2)), str(second.part(2).location(1))] == [
        "NK1[2]",
        "NK1[2]-3",
        "NK1[2]-3[2].2",
        "NK1[2]-3[2].2.1",
    ]
    assert (second.part(2).field, second.part(2).segment) == (3, nk1)


def test_segments_by_name(er7: Build) -> None:
    message = read(er7("NK1|1", "NK1|2", version="2.4"))
    assert [s.sequence for s in message.named("NK1")] == [1, 2]
    assert message.first("NK1") is message.segments[1]
    assert message.first("PID") is None
    assert (message.version, message.control_id) == ("2.4", "M1")
