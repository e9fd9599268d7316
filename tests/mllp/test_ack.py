"""Acknowledgements: header, MSA and ERR (S-20 to S-35, A-31)."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from segue.catalogue import CATALOGUE
from segue.issues import Location, issue
from segue.mllp.ack import ERR_LIMIT, Code, Header, acknowledge, batch

AT = datetime(2026, 3, 1, 12, 30, 5, tzinfo=timezone(timedelta(hours=-5)))
NAME = issue("field.date-unreadable", Location("PID", 1, 7, 1, 1), rule="R-DATE-1", value="Ashgrove")


def header(raw: bytes) -> Header:
    found = Header.of(raw)
    assert found is not None
    return found


def message(version: str = "2.5.1", **fields: str) -> bytes:
    f = {"control": "M1", "marks": "^~\\&", "event": "ADT^A01^ADT_A01", "charset": ""} | fields
    head = f"MSH|{f['marks']}|LAB|NORTH|EHR|HOSP|20260301||{f['event']}|{f['control']}|P^T|{version}"
    return f"{head}||||||{f['charset']}\rPID|1\r".encode("latin-1")


def answer(raw: bytes, code: Code = "AA", *issues: object) -> list[str]:
    made = acknowledge(Header.of(raw), code, issues, clock=lambda: AT, identify=lambda: "OWN1")  # type: ignore[arg-type]
    return made.decode("latin-1").rstrip("\r").split("\r")


def test_S27_header_is_swapped_and_copied_with_an_own_id() -> None:
    expected = "MSH|^~\\&|EHR|HOSP|LAB|NORTH|20260301123005-0500||ACK^A01^ACK|OWN1|P^T|2.5.1||||||UNICODE UTF-8"
    assert answer(message(charset="UNICODE UTF-8"))[0] == expected


@pytest.mark.parametrize(
    ("version", "kind"),
    [("2.1", "ACK"), ("2.2", "ACK"), ("2.3", "ACK^A01^ACK"), ("2.8", "ACK^A01^ACK"), ("", "ACK^A01^ACK")],
)
def test_S27_message_type_by_version(version: str, kind: str) -> None:
    assert answer(message(version))[0].split("|")[8] == kind


def test_S27_own_ids_differ() -> None:
    made = {acknowledge(Header.of(message()), "AA").split(b"|")[9] for _ in range(50)}
    assert len(made) == 50


def test_S27_sender_s_delimiters_are_used() -> None:
    raw = b"MSH$%*!@$LAB$NORTH$EHR$HOSP$2026$$ADT%A01$M1$P$2.5\rPID$1\r"
    lines = answer(raw, "AE", NAME)
    assert lines[0].startswith("MSH$%*!@$EHR$HOSP$LAB$NORTH$")
    assert lines[2].split("$")[2] == "PID%1%7%1%1"


@pytest.mark.parametrize("control", ["M1", "", "A\\T\\B", "\xc4\xd6"])
def test_S28_MSA_2_is_MSH_10_byte_for_byte(control: str) -> None:
    raw = acknowledge(Header.of(message(control=control)), "AA")
    msa = raw.split(b"\r")[1].split(b"|")
    assert (msa[2] if len(msa) > 2 else b"") == control.encode("latin-1")


def test_S27_wide_character_sets_are_answered_in_kind() -> None:
    raw = message().decode("latin-1").encode("utf-16")
    made = acknowledge(Header.of(raw), "AA", clock=lambda: AT, identify=lambda: "OWN1")
    assert "MSA|AA|M1" in made.decode(header(raw).codec)


def test_S76_trail_bytes_that_look_like_delimiters() -> None:
    kanji = "\u65e5"  # in ISO 2022 one of its bytes is the field separator
    assert b"|" in kanji.encode("iso2022_jp")
    text = f"MSH|^~\\&|LAB|{kanji}|EHR|HOSP|2026||ADT^A01|M1|P|2.5||||||~ISO IR87\rPID|1\r"
    made = acknowledge(Header.of(text.encode("iso2022_jp")), "AA")
    assert made.decode("iso2022_jp").split("\r")[1] == "MSA|AA|M1"


def test_S34_MSA_3_carries_the_sentence_below_2_7() -> None:
    assert answer(message("2.6"), "AE", NAME)[1] == f"MSA|AE|M1|{NAME.text}"
    assert answer(message("2.7"), "AE", NAME)[1] == "MSA|AE|M1"


@pytest.mark.parametrize("version", ["2.3", "2.3.1", "2.4"])
def test_S34_MSA_6_carries_the_code_in_2_3_and_2_4(version: str) -> None:
    assert answer(message(version), "AE", NAME)[1].split("|")[6] == "102^Data type error^HL70357"


def test_S33_ERR_from_2_5() -> None:
    expected = (
        "ERR||PID^1^7^1^1|102^Data type error^HL70357|E|field.date-unreadable^"
        f"{NAME.text}^99SEGUE||R-DATE-1|{NAME.text}"
    )
    assert answer(message("2.5"), "AE", NAME)[2] == expected


@pytest.mark.parametrize("version", ["2.1", "2.3", "2.4"])
def test_S34_ERR_before_2_5_repeats_ERR_1(version: str) -> None:
    lines = answer(message(version), "AE", NAME, issue("field.required", Location("PV1", 1, 2)))
    expected = "ERR|PID^1^7^102&Data type error&HL70357~PV1^1^2^101&Required field missing&HL70357"
    assert [line for line in lines if line.startswith("ERR")] == [expected]


def test_S33_more_than_twenty_issues_are_counted() -> None:
    errors = [line for line in answer(message(), "AE", *[NAME] * 25) if line.startswith("ERR")]
    assert len(errors) == ERR_LIMIT + 1
    assert "5 more issues" in errors[-1]


@pytest.mark.parametrize("code", sorted(CATALOGUE))
@pytest.mark.parametrize("version", ["2.1", "2.3.1", "2.4", "2.5", "2.8"])
def test_S35_no_value_and_no_loose_delimiter_for_any_issue(code: str, version: str) -> None:
    found = issue(code, Location("PID", 1, 5), value="Ashgrove")
    lines = answer(message(version), "AE", found)
    assert "Ashgrove" not in "".join(lines)
    assert [line[:3] for line in lines] == ["MSH", "MSA", "ERR"]
    fields = lines[2].split("|")
    assert len(fields) == (2 if version < "2.5" else 9)


def test_S24_without_a_readable_header_there_still_is_an_answer() -> None:
    lines = answer(b"hello", "AR", issue("message.unreadable"))
    assert lines[0].startswith("MSH|^~\\&|")
    assert lines[1].startswith("MSA|AR||")
    assert "|199^" in lines[2]


@pytest.mark.parametrize("prefix", [b"", b"\xef\xbb\xbf", b"\r\n  ", b"\x00"])
def test_S10_blanks_and_BOM_before_the_header(prefix: bytes) -> None:
    assert header(prefix + message()).control_id == "M1"


@pytest.mark.parametrize("end", ["\r", "\n", "\r\n"])
def test_S10_any_line_end(end: str) -> None:
    assert header(message().decode().replace("\r", end).encode()).version == (2, 5, 1)


@pytest.mark.parametrize("raw", [b"", b"PID|1", b"MSH", b"MSHA", b"\xff\xfe"])
def test_no_header(raw: bytes) -> None:
    assert Header.of(raw) is None


def test_S09_batch_of_acknowledgements() -> None:
    head = header(b"BHS|^~\\&|LAB|NORTH|EHR|HOSP|2026||||B77\r")
    made = batch(head, [b"MSH|x\rMSA|AA|1\r", b"MSH|y\rMSA|AE|2\r"], clock=lambda: AT, identify=lambda: "OWN1")
    assert made.decode().split("\r") == [
        "BHS|^~\\&|EHR|HOSP|LAB|NORTH|20260301123005-0500||||OWN1|B77",
        "MSH|x",
        "MSA|AA|1",
        "MSH|y",
        "MSA|AE|2",
        "BTS|2",
        "",
    ]
