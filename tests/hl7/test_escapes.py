"""Leaves ▸ text: R-ESC-1…3, R-CHAR-5, R-NULL-1."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segue.hl7 import escapes
from segue.hl7.message import Delimiters

STANDARD = Delimiters()
CUSTOM = Delimiters("*", "+", "-", "/", "%", "$")
read = escapes.leaf_reader(STANDARD, "utf-8")


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("\\F\\\\S\\\\T\\\\R\\\\E\\\\P\\", "|^&~\\#"),
        ("Salt \\T\\ pepper", "Salt & pepper"),
        ("one\\.br\\two\\.ce\\three", "one\ntwo\nthree"),
        ("one\\.sp\\two\\.sp 2\\three\\.sp+3\\four", "one\ntwo\n\nthree\n\n\nfour"),
        ("\\H\\loud\\N\\ low\\.in+4\\ \\.ti-2\\\\.fi\\\\.nf\\end", "loud low end"),
        ("\\X4F4B\\", "OK"),
        ("\\XC3A9\\t\\Xc3\\\\XA9\\", "été"),
    ],
)
def test_R_ESC_2_sequences(raw: str, text: str) -> None:
    assert (read(raw), escapes.faults(raw, STANDARD, "utf-8")) == (text, ())


def test_R_ESC_2_hex_is_bytes_of_the_message_charset() -> None:
    assert escapes.leaf_reader(STANDARD, "cp1252")("\\XE9\\") == "é"


def test_R_ESC_2_delimiters_are_those_of_the_message() -> None:
    assert escapes.leaf_reader(CUSTOM, "utf-8")("/F//S//T//R//E//P/") == "*+%-/$"


def test_R_ESC_2_shifts_resolve_in_an_iso_2022_message() -> None:
    raw = "\\M2442\\:4F#\\C2842\\ A"
    assert escapes.leaf_reader(STANDARD, "iso2022_jp_2")(raw) == "佐藤 A"


@pytest.mark.parametrize(
    "raw",
    [
        "C:\\temp\\new",
        "\\Zlocal\\",
        "\\X4\\",
        "\\XZZ\\",
        "\\X\\",
        "\\\\",
        "open\\F",
        "\\XE9\\",
        "\\C2842\\",
        "\\.xx\\",
        "\\",
    ],
)
def test_R_ESC_3_anything_else_stays_as_written_with_a_warning(raw: str) -> None:
    assert (read(raw), escapes.faults(raw, STANDARD, "utf-8")) == (raw, ("text.escape-unknown",))


def test_R_ESC_3_a_lone_escape_does_not_spoil_the_next_sequence() -> None:
    assert read("50\\60 \\T\\ more") == "50\\60 & more"


def test_R_ESC_3_expansion_is_bounded() -> None:
    text = read("a\\.sp99999\\b")
    assert text is not None
    assert text.count("\n") == escapes.LINES
    assert escapes.faults("a\\.sp99999\\b", STANDARD, "utf-8") == ("text.escape-bounded",)


def test_R_ESC_3_many_expansions_stay_within_the_size_of_the_leaf() -> None:
    raw = "\\.sp200\\" * 1000 + "end"
    text = read(raw)
    assert text is not None
    assert len(text) <= escapes.GROWTH * len(raw) + escapes.LINES + len("end")


def test_R_ESC_1_nothing_is_decoded_twice() -> None:
    assert read("\\E\\F\\E\\") == "\\F\\"


@given(st.text(st.characters(exclude_categories=["Cc", "Cs", "Z"]), min_size=1))
def test_R_ESC_1_what_is_written_is_read(text: str) -> None:
    for delimiters in (STANDARD, CUSTOM):
        raw = escapes.written(text, delimiters)
        assert not set("|^~&" if delimiters is STANDARD else "*+-%") & set(raw)
        assert escapes.leaf_reader(delimiters, "utf-8")(raw) in (text, None if raw == '""' else text)


@given(st.text(st.sampled_from("\\FSTREPHNXCMZ.brspin0149A ~")))
def test_R_ESC_3_no_text_breaks_the_decoder(raw: str) -> None:
    read(raw)
    escapes.leaf_reader(STANDARD, "iso2022_jp_2", scrub=True)(raw)
    escapes.faults(raw, STANDARD, "ascii")


@pytest.mark.parametrize("raw", ["", '""', '""  ', " ", "\t \t", "\u3000", "\\.br\\"])
def test_R_NULL_1_absent_blank_and_null_are_none(raw: str) -> None:
    assert read(raw) is None


def test_R_NULL_1_quotes_inside_text_are_text() -> None:
    assert read('""x') == '""x'


def test_R_CHAR_5_trailing_blanks_go_and_leading_ones_stay() -> None:
    assert read("  1  2 \t ") == "  1  2"
    assert read("line\n ") == "line\n"


def test_R_CHAR_5_control_characters_go_but_tab_and_line_breaks_stay() -> None:
    scrubbed = escapes.leaf_reader(STANDARD, "utf-8", scrub=True)
    assert scrubbed("a\x00\x07b\tc\nd\x1b[0m\x85") == "ab\tc\nd[0m"
    assert escapes.faults("\\X07\\x", STANDARD, "utf-8") == ("text.control-characters",)
    assert read("\\X07\\x") == "x"


def test_R_CHAR_6_without_an_escape_character_nothing_is_decoded() -> None:
    plain = Delimiters("|", "^", "~", "", "&")
    assert escapes.leaf_reader(plain, "utf-8")("a\\T\\b ") == "a\\T\\b"
    assert escapes.faults("a\\b", plain, "utf-8") == ()
    assert escapes.written("a^b", plain) == "a^b"
