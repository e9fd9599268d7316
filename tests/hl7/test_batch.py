"""Bodies and files ▸ messages: R-MSG-11, A-60."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segue.hl7 import Splitter, read, split_batch
from segue.issues import Refusal

FHS = b"FHS|^~\\&|WARD\r"
BHS = b"BHS|^~\\&|WARD\r"
ONE = b"MSH|^~\\&|WARD|||||20240310|ADT^A01|1|P|2.5\rPID|1||7\r"
TWO = ONE.replace(b"|1|P|", b"|2|P|")


def counts(raw: bytes) -> list[tuple[str, str | None]]:
    return [(str(found.v2), found.value) for found in split_batch(raw).issues]


@pytest.mark.parametrize(
    ("raw", "headers"),
    [
        (ONE + TWO, []),
        (FHS + BHS + ONE + TWO + b"BTS|2\rFTS|1\r", ["FHS", "BHS"]),
        (BHS + ONE + TWO + b"BTS|2\r", ["BHS"]),
        (FHS + ONE + TWO + b"FTS|1\r", ["FHS"]),
        (FHS + BHS + ONE + TWO, ["FHS", "BHS"]),
        (FHS + BHS + ONE + b"BTS|1\r" + BHS + TWO + b"BTS|1\rFTS|2\r", ["FHS", "BHS", "BHS"]),
        (b"\xef\xbb\xbf\r\n " + BHS + b"\r\n" + ONE + b"\n\n" + TWO, ["BHS"]),
    ],
)
def test_R_MSG_11_one_item_for_each_msh_in_order(raw: bytes, headers: list[str]) -> None:
    batch = split_batch(raw)
    assert [read(item).control_id for item in batch.messages] == ["1", "2"]
    assert [header[:3].decode() for header in batch.headers] == headers
    assert batch.is_batch is bool(headers)
    assert batch.issues == []


def test_R_MSG_11_one_message_is_itself() -> None:
    assert split_batch(ONE).messages == [ONE]
    assert split_batch(b"\r\n" + ONE).messages == [b"\r\n" + ONE]


def test_R_MSG_11_counts_that_disagree_are_said() -> None:
    assert counts(BHS + ONE + TWO + b"BTS|7\rFTS|3\r") == [("BTS[1]-1", "7"), ("FTS[1]-1", "3")]
    assert counts(BHS + ONE + b"BTS|1\r" + BHS + b"BTS|1\rFTS|2\r") == [("BTS[2]-1", "1")]
    assert counts(BHS + ONE + b"BTS|many\r") == [("BTS[1]-1", "many")]
    assert counts(BHS + ONE + b"BTS||comment\rFTS\r") == []


def test_R_MSG_11_an_empty_batch_has_no_message() -> None:
    batch = split_batch(FHS + BHS + b"BTS|0\rFTS|1\r")
    assert (batch.messages, batch.issues) == ([], [])


@pytest.mark.parametrize("raw", [b"", b"garbage", b"BTS|1\r", b"PID|1\r"])
def test_R_MSG_11_a_body_without_a_header_is_left_to_the_reader(raw: bytes) -> None:
    assert split_batch(raw).messages == [raw]


def test_R_MSG_11_a_failed_message_does_not_stop_the_others() -> None:
    first, *others = split_batch(BHS + b"MSH|broken\r" + ONE + TWO).messages
    with pytest.raises(Refusal):
        read(first)
    assert [read(item).control_id for item in others] == ["1", "2"]


def test_R_MSG_11_what_precedes_the_first_header_stays_with_it() -> None:
    assert split_batch(b"EVN|A01\r" + ONE + TWO).messages == [b"EVN|A01\r" + ONE, TWO]


def test_R_MSG_11_what_follows_the_trailers_is_not_lost() -> None:
    assert split_batch(BHS + ONE + b"BTS|1\rleft over\r").messages == [ONE, b"\rleft over\r"]


def test_R_MSG_11_several_frames() -> None:
    raw = b"\x0b" + ONE + b"\x1c\r\x00\x0b" + TWO + b"\x1c\r"
    items = [read(item) for item in split_batch(raw).messages]
    assert [item.control_id for item in items] == ["1", "2"]
    assert [found.code for item in items for found in item.issues] == ["mllp.envelope-stripped"] * 2


def test_R_MSG_11_a_name_inside_a_line_cuts_nothing() -> None:
    raw = ONE + b"NTE|1||see MSH|^~\\&| and BTS|1\rMSHX|no\rNTE|2||x\r"
    assert split_batch(raw).messages == [raw]


@pytest.mark.parametrize("codec", ["utf-16", "utf-16-be", "utf-16-le", "utf-32"])
def test_R_CHAR_2_wide_characters_are_cut_as_text(codec: str) -> None:
    raw = (FHS + BHS + ONE + TWO + b"BTS|3\rFTS|1\r").decode().replace("|7\r", "|佐藤\r").encode(codec)
    batch = split_batch(raw)
    assert [read(item).control_id for item in batch.messages] == ["1", "2"]
    assert read(batch.messages[1]).segments[1].leaf(3) == "佐藤"
    assert [found.value for found in batch.issues] == ["3"]


def test_R_CHAR_2_a_broken_last_character_is_kept() -> None:
    raw = (ONE + TWO).decode().encode("utf-16") + b"\x00"
    assert split_batch(raw).messages[1].endswith(b"\r\x00\x00")


@given(
    st.integers(1, 40),
    st.sampled_from([ONE + TWO, FHS + BHS + ONE + TWO + b"BTS|2\rFTS|1\r", (BHS + ONE).decode().encode("utf-16")]),
)
def test_A_60_a_file_in_pieces_is_cut_like_a_body(size: int, raw: bytes) -> None:
    splitter = Splitter()
    items = [item for at in range(0, len(raw), size) for item in splitter.feed(raw[at : at + size])]
    items += splitter.close()
    assert (items, splitter.headers) == (split_batch(raw).messages, split_batch(raw).headers)


def test_A_60_no_more_than_a_message_is_held() -> None:
    splitter = Splitter()
    given_out = [len([*splitter.feed(ONE)]) for _ in range(20)]
    assert given_out == [0] + [1] * 19


pieces = st.sampled_from([b"MSH", b"MSH|x", b"BHS|x", b"FHS|", b"\r", b"\n", b"\x0b", b"\x1c", b"|", b"x", b" "])


@given(st.lists(pieces).map(b"".join))
def test_any_bytes_are_cut_without_loss(raw: bytes) -> None:
    batch = split_batch(raw)
    assert sum(item.count(b"x") for item in (*batch.messages, *batch.headers)) == raw.count(b"x")


@given(st.binary(max_size=300))
def test_any_bytes_are_cut_without_a_crash(raw: bytes) -> None:
    split_batch(raw)


@pytest.mark.parametrize("unit", [b"\x0b", b"\x0b \x00", b"\r", b"MSH|\r", b"BHS|\r", b"BTS|\r", b"MSH"])
def test_A_60_work_grows_with_the_file_and_no_faster(unit: bytes, work: Callable[[Callable[[], object]], int]) -> None:
    def run(n: int) -> int:
        return work(lambda: split_batch(ONE + unit * n))

    assert run(2000) <= 2.2 * run(1000) + 200
