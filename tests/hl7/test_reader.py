"""Bytes ▸ Message: R-CHAR-3…6, A-16, S-73, P-01."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segue.hl7 import Message, escapes, read
from segue.issues import Refusal

Build = Callable[..., bytes]
Work = Callable[[Callable[[], object]], int]
PID = "PID|1||7001^^^NORTH^MR~88^^^STATE||LINDQVIST^MAJA"
PV1 = "PV1|1|I|W2^4"


def found(message: Message) -> list[tuple[str, str]]:
    return [(item.code, str(item.v2)) for item in message.issues]


def refused(raw: bytes) -> str:
    with pytest.raises(Refusal) as refusal:
        read(raw)
    return refusal.value.issues[0].code


def test_segments_fields_and_their_numbers(er7: Build) -> None:
    message = read(er7(PID, "NK1|1|A", "NK1|2|B"))
    assert [(s.name, s.position, s.sequence) for s in message.segments] == [
        ("MSH", 0, 1),
        ("PID", 1, 1),
        ("NK1", 2, 1),
        ("NK1", 3, 2),
    ]
    assert message.header.fields[:4] == ["MSH", "|", "^~\\&", "WARD"]
    assert (message.header.leaf(9, 2), message.version, message.control_id) == ("A01", "2.5.1", "M1")
    assert message.segments[1].leaf(3) == "7001"
    assert message.issues == []


@pytest.mark.parametrize("end", ["\r", "\n", "\r\n", "\r\r", "\n\r\n"])
@pytest.mark.parametrize("last", [True, False])
def test_R_CHAR_4_line_ends(er7: Build, end: str, last: bool) -> None:
    raw = er7(PID, PV1).replace(b"\r", end.encode())
    message = read(raw if last else raw.rstrip(b"\r\n"))
    assert [s.name for s in message.segments] == ["MSH", "PID", "PV1"]
    assert message.segments[2].fields[-1] == "W2^4"
    assert message.issues == []


def test_R_CHAR_4_blanks_around_a_name_are_said(er7: Build) -> None:
    message = read(er7("  " + PID, "PV1 |1|I"))
    assert [s.name for s in message.segments] == ["MSH", "PID", "PV1"]
    assert message.segments[2].fields == ["PV1", "1", "I"]
    assert found(message) == [("segment.blanks", "PID[1]"), ("segment.blanks", "PV1[1]")]


def test_R_CHAR_4_other_lines_continue_the_last_field(er7: Build) -> None:
    message = read(er7("OBX|1|TX|A||First line", "second line", "", "third line|unit", PV1))
    obx = message.segments[1]
    assert obx.fields[5:] == ["First line\nsecond line\n\nthird line", "unit"]
    assert message.segments[2].name == "PV1"
    assert found(message) == [("segment.continuation", "OBX[1]-5")]


def test_R_CHAR_4_a_known_name_alone_is_an_empty_segment(er7: Build) -> None:
    message = read(er7("EVN", PID, "XYZ"))
    assert [s.name for s in message.segments] == ["MSH", "EVN", "PID"]
    assert message.segments[2].fields[-1] == "LINDQVIST^MAJA\nXYZ"


def test_R_CHAR_4_blank_lines_at_the_end_of_a_continuation_are_not_text(er7: Build) -> None:
    assert read(er7("NTE|1||a", "b", " ", "", PV1)).segments[1].fields[3] == "a\nb"


@pytest.mark.parametrize("raw", [b"", b"MSH", b"msh|^~\\&|a", b"PID|1\rMSH|^~\\&|a", b"\x0b\x1c\r", b"GET / HTTP/1.1"])
def test_R_CHAR_4_without_a_header_there_is_no_message(raw: bytes) -> None:
    assert refused(raw) == "message.unreadable"


@pytest.mark.parametrize(
    "marks", ["|^~\\&", "|^~\\&#", "|^~", "|^", "|", "*+-/%", "\t^~\\&", "\x01\x02\x03\x04\x05", "¦^~\\&"]
)
def test_R_CHAR_6_any_delimiters(marks: str) -> None:
    f, c, r, e, s = (*marks[:5], "", "", "", "")[:5]
    message = read(f"MSH{marks}{f}APP\rPID{f}1{f}{f}7{c}8{s}9{r}10{e}F{e}".encode())
    assert message.delimiters.field == f
    assert message.header.leaf(3) == "APP"
    assert message.header.fields[2] == marks[1:]
    repetitions = message.segments[1].repetitions(3)
    assert len(repetitions) == (2 if r else 1)
    assert (message.text(repetitions[0].components[1]) == "7") is bool(c)


def test_R_CHAR_6_a_blank_or_nothing_stands_for_an_absent_delimiter() -> None:
    message = read(b"MSH|^~ &|APP\rPID|1||7&8\\T\\")
    assert (message.delimiters.escape, message.delimiters.subcomponent) == ("", "&")
    assert message.segments[1].repetitions(3)[0].part(1).components[1:] == ["7", "8\\T\\"]
    assert read(b"MSH||APP").delimiters.component == ""


@pytest.mark.parametrize("head", ["MSHA^~\\&A", "MSH|^^\\&|", "MSH|ab|", "MSH ^~\\& ", "MSH|^~\\&#!|"])
def test_R_CHAR_6_unusable_delimiters_are_refused(head: str) -> None:
    assert refused(head.encode()) == "message.delimiters"


def test_R_CHAR_6_a_truncation_mark_is_warned(er7: Build) -> None:
    raw = er7("NTE|1||long text#").replace(b"^~\\&", b"^~\\&#", 1)
    assert found(read(raw)) == [("text.truncated", "NTE[1]-3[1].1.1")]
    assert found(read(er7("NTE|1||long text#"))) == []


@pytest.mark.parametrize(
    "text",
    [
        "MSH|^~\\&|A|B|C|D|2024||ADT^A01|1|P|2.5EVN|A01PID|1",
        "MSH|^~\\&|A|B|C|D|2024||ADT^A01|1|P|2.5||||||EVN|A01PID|1",
        "MSH|^~\\&|A|B|C|D|2024||ADT^A01|1|P|2.5 PID|1 PV1|1",
    ],
)
def test_A_16_missing_terminators_are_refused(text: str) -> None:
    assert refused(text.encode()) == "message.terminators-missing"


@pytest.mark.parametrize(
    "text", ["MSH|^~\\&|PID|OBX|C|D|2024||ACK|1PID|P|2.5", "MSH|^~\\&|A|B|C|D|2024||ACK|PID|P|2.5|||||AUT|"]
)
def test_A_16_a_header_alone_is_a_message(text: str) -> None:
    assert len(read(text.encode()).segments) == 1


def test_R_CHAR_3_replaced_bytes_are_located_by_field_with_their_offset() -> None:
    raw = b"MSH|^~\\&|\xc9\xe9\rPID|1||M\xfcl\x81ler\x81|\xc3\x81\rPV1|\x90"
    message = read(raw)
    assert message.segments[1].fields[3:] == ["Mül\ufffdler\ufffd", "Ã\ufffd"]
    assert [(str(i.v2), i.value) for i in message.issues if i.code == "charset.replaced"] == [
        ("PID[1]-3", f"byte {raw.index(0x81)}"),
        ("PID[1]-4", f"byte {raw.index(b'|' + bytes((0xC3, 0x81))) + 2}"),
        ("PV1[1]-1", f"byte {raw.index(0x90)}"),
    ]


@pytest.mark.parametrize("name", ["MA\x00JA", "MA\x07\x08JA", "M\x1bAJA", "M\x7fAJA", "MA\x85JA"])
def test_R_CHAR_5_control_characters_are_located_and_removed(er7: Build, name: str) -> None:
    message = read(er7(PID.replace("MAJA", name)))
    assert found(message) == [("text.control-characters", "PID[1]-5[1].2.1")]
    assert message.segments[1].leaf(5, 2) == "MAJA"


def test_R_ESC_3_escapes_that_stay_are_located(er7: Build) -> None:
    message = read(er7("NTE|1||a\\T\\b~c^d&\\Zx\\", "NTE|2||\\.sp999\\x"))
    assert found(message) == [
        ("text.escape-unknown", "NTE[1]-3[2].2.2"),
        ("text.escape-bounded", "NTE[2]-3[1].1.1"),
    ]


def test_S_73_too_many_segments_are_refused(er7: Build) -> None:
    raw = er7(*["NTE|1"] * 10)
    assert len(read(raw, max_segments=11).segments) == 11
    with pytest.raises(Refusal) as refusal:
        read(raw, max_segments=10)
    assert refusal.value.issues[0].code == "message.too-many-segments"


def test_R_CHAR_1_charset_arguments_reach_the_decoder(er7: Build) -> None:
    raw = er7(PID.replace("MAJA", "ZOË"), charset="8859/15")
    assert read(raw, charset="utf-8").segments[1].leaf(5, 2) == "ZOË"
    assert read(raw, transport_charset="utf-8").charset == "utf-8"


def read_or_refused(raw: bytes) -> Message | None:
    try:
        return read(raw)
    except Refusal:
        return None


@given(st.binary(max_size=400) | st.binary(max_size=300).map(b"MSH|^~\\&|A\r".__add__))
def test_any_bytes_are_a_message_or_a_coded_refusal(raw: bytes) -> None:
    message = read_or_refused(raw)
    for segment in message.segments if message else ():
        for number in range(1, len(segment.fields)):
            for repetition in segment.repetitions(number):
                for component in repetition.components[1:]:
                    message.text(component) if message else None


texts = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Z"]), max_size=12)


@given(st.lists(st.lists(st.lists(texts, min_size=1, max_size=3), min_size=1, max_size=3), min_size=1, max_size=4))
def test_R_CHAR_6_what_is_written_between_delimiters_is_read(fields: list[list[list[str]]]) -> None:
    start = read(b"MSH|^~\\&|A")
    line = "|".join(
        "~".join("^".join(escapes.written(text, start.delimiters) for text in texts) for texts in repetitions)
        for repetitions in fields
    )
    message = read(f"MSH|^~\\&|A\rZZZ|{line}".encode())
    zzz = message.segments[1]
    for number, repetitions in enumerate(fields, 1):
        read_back = [[message.text(c) for c in r.components[1:]] for r in zzz.repetitions(number)]
        assert (read_back or [[None]]) == [[None if t in ("", '""') else t for t in texts] for texts in repetitions]


@pytest.mark.parametrize(
    "grow",
    [
        lambda n: b"OBX|1|NM|GLU^Glucose^L||5.1|mmol/L|||||F\r" * n,
        lambda n: b"PID|1||" + b"7^^^N^MR~" * n,
        lambda n: b"NTE|1||x" + b"\rmore text" * n,
        lambda n: b"NTE|1||" + b"\\Zbad\\~" * n,
        lambda n: b"NTE|1||" + b"\x81x|" * n,
        lambda n: b"NTE|1||" + b"a\x07b~" * n,
        lambda n: b"OBX|1|ED|||" + b"A" * 100 * n,
        lambda n: b"\x0b" * n,
    ],
    ids=[
        "segments",
        "repetitions",
        "continuations",
        "escapes",
        "bad bytes",
        "control characters",
        "document",
        "blanks",
    ],
)
def test_P_01_work_grows_with_the_message_and_no_faster(grow: Callable[[int], bytes], work: Work) -> None:
    def run(n: int) -> int:
        raw = b"MSH|^~\\&|A\r" + grow(n)
        return work(lambda: [s.repetitions(3) for s in read(raw).segments])

    run(400)
    assert run(800) <= 2.2 * run(400) + 200
