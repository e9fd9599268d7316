"""Bytes ▸ text: R-CHAR-1, R-CHAR-2, R-CHAR-3, R-CHAR-4."""

from __future__ import annotations

import pytest

from segue.hl7 import charset
from segue.issues import Refusal


def body(label: str, text: str, codec: str, errors: str = "strict") -> bytes:
    header = f"MSH|^~\\&|WARD|NORTH|HUB|NORTH|20240310||ADT^A01|M1|P|2.5||||||{label}"
    return f"{header}\rPID|1||{text}\r".encode(codec, errors)


def codes(decoded: charset.Decoded) -> list[str]:
    return [found.code for found in decoded.issues]


def last_field(decoded: charset.Decoded) -> str:
    return decoded.text.split("|")[-1]


@pytest.mark.parametrize(
    ("label", "codec", "text"),
    [
        ("", "utf-8", "Zoë Östlund"),
        ("ASCII", "ascii", "Olsen"),
        ("8859/1", "iso8859-1", "Müller"),
        ("8859/2", "iso8859-2", "Łukasz Żółć"),
        ("8859/5", "iso8859-5", "Петров"),
        ("8859/7", "iso8859-7", "Γιώργος"),
        ("8859/9", "iso8859-9", "Işık"),
        ("8859/15", "iso8859-15", "Œuvre €"),
        ("UNICODE", "utf-8", "佐藤"),
        ("UNICODE UTF-8", "utf-8", "佐藤😀"),
        ("GB 18030-2000", "gb18030", "李雷"),
        ("KS X 1001", "cp949", "박지민"),
        ("BIG-5", "big5", "許功蓋"),
        ("ISO IR14", "shift_jis", "ｻﾄｳ"),
        ("ISO IR87", "iso2022_jp_2", "佐藤"),
        ("ISO IR159", "iso2022_jp_2", "佐藤"),
    ],
)
def test_R_CHAR_2_table_0211(label: str, codec: str, text: str) -> None:
    decoded = charset.decode(body(label, text, codec))
    assert (decoded.codec, last_field(decoded), codes(decoded)) == (codec, text, [])


@pytest.mark.parametrize("label", ["~ISO IR87", "ASCII~ISO IR87", "ISO IR6~ISO IR14~ISO IR159"])
def test_R_CHAR_2_iso_2022_in_any_repetition_decodes_the_whole_message(label: str) -> None:
    decoded = charset.decode(body(label, "佐藤^太郎", "iso2022_jp"))
    assert last_field(decoded) == "佐藤^太郎"


def test_R_CHAR_2_kanji_before_msh_18_do_not_hide_it() -> None:
    raw = body("~ISO IR87", "愛", "iso2022_jp").replace(b"WARD", "病棟".encode("iso2022_jp"))
    assert charset.sniff(raw) == ("ISO IR87",)


def test_R_CHAR_2_half_width_katakana_beside_kanji() -> None:
    raw = body("ISO IR14~ISO IR87", "K 佐藤", "iso2022_jp").replace(b"K", "ｻﾄｳ".encode("shift_jis"))
    assert last_field(charset.decode(raw)) == "ｻﾄｳ 佐藤"


def test_R_CHAR_2_latin_1_with_c1_bytes_is_windows_1252() -> None:
    decoded = charset.decode(body("8859/1", "O’Hara", "cp1252"))
    assert (last_field(decoded), codes(decoded)) == ("O’Hara", ["charset.windows-1252"])


def test_R_CHAR_2_no_codec_is_refused() -> None:
    with pytest.raises(Refusal) as refusal:
        charset.decode(body("CNS 11643-1992", "x", "ascii"))
    assert refusal.value.issues[0].code == "charset.no-codec"


@pytest.mark.parametrize("codec", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"])
def test_R_CHAR_2_utf_16_and_32_with_and_without_bom(codec: str) -> None:
    assert last_field(charset.decode(body("UNICODE UTF-16", "Zoë 佐藤", codec))) == "Zoë 佐藤"


def test_R_CHAR_2_utf_16_label_on_utf_8_bytes_gives_way() -> None:
    decoded = charset.decode(body("UNICODE UTF-16", "Zoë", "utf-8"))
    assert (last_field(decoded), codes(decoded)) == ("Zoë", ["charset.undecodable"])


@pytest.mark.parametrize(
    ("label", "codec", "used", "expected"),
    [
        ("ASCII", "utf-8", "utf-8", ["charset.undecodable"]),
        ("", "cp1252", "cp1252", ["charset.guessed"]),
        ("UNICODE UTF-8", "cp1252", "cp1252", ["charset.undecodable", "charset.guessed"]),
        ("RUNES", "utf-8", "utf-8", ["charset.unknown"]),
        ("ASCII~8859/1", "iso8859-1", "iso8859-1", []),
    ],
)
def test_R_CHAR_1_a_step_that_fails_gives_way(label: str, codec: str, used: str, expected: list[str]) -> None:
    decoded = charset.decode(body(label, "Müller", codec))
    assert (decoded.codec, last_field(decoded), codes(decoded)) == (used, "Müller", expected)


def test_R_CHAR_1_override_beats_transport_beats_msh_18() -> None:
    raw = body("8859/1", "Müller", "utf-8")
    assert last_field(charset.decode(raw, override="utf-8", transport="iso-8859-2")) == "Müller"
    assert charset.decode(raw, transport="iso-8859-2").codec == "iso8859-2"
    assert charset.decode(raw).codec in ("iso8859-1", "cp1252")


@pytest.mark.parametrize("label", ["rot13", "hex", "utf-7", "unicode_escape", "punycode", "../x", "a\x00b"])
def test_R_CHAR_1_only_text_codecs_are_known(label: str) -> None:
    decoded = charset.decode(body("", "Zoë", "utf-8"), override=label)
    assert codes(decoded) == ["charset.unknown"]


def test_R_CHAR_3_bytes_that_nothing_decodes_are_marked_under_the_best_codec() -> None:
    decoded = charset.decode(body("", "M\udcfcl\udc81ler", "utf-8", "surrogateescape"))
    assert (decoded.codec, decoded.marked, last_field(decoded)) == ("cp1252", True, "Mül\udc81ler")


@pytest.mark.parametrize("before", ["", "\ufeff", "\r\n", "  \t\r", "\x00\x00", "\n\n\x0b"])
@pytest.mark.parametrize("after", ["", "\r", "\n\n", "\x00", "\x1c\r", "\x1c"])
def test_R_CHAR_4_what_stands_around_the_message_is_left_out(before: str, after: str) -> None:
    decoded = charset.decode(f"{before}MSH|^~\\&|x{after}".encode())
    assert decoded.text == "MSH|^~\\&|x"


def test_R_CHAR_4_a_utf_8_bom_does_not_meet_another_codec() -> None:
    decoded = charset.decode(b"\xef\xbb\xbf" + body("8859/15", "Zo\xeb", "iso8859-15"))
    assert (decoded.text[:3], last_field(decoded)) == ("MSH", "Zoë")


@pytest.mark.parametrize(("before", "after"), [("\x0b", "\x1c\r"), ("\x0b", ""), ("", "\x1c\r"), ("\x0b\x0b", "\x1c")])
def test_A_16_an_envelope_is_stripped_and_said(before: str, after: str) -> None:
    decoded = charset.decode(f"{before}MSH|^~\\&|x\r{after}".encode())
    assert (decoded.text, codes(decoded)) == ("MSH|^~\\&|x", ["mllp.envelope-stripped"])
