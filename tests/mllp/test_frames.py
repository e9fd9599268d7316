"""Framing: what the decoder makes of bytes (S-01 to S-11, S-T06, S-T07, S-T10)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segue.mllp.frames import JUNK_BYTES, Broken, Decoder, Event, Foreign, Frame, Oversize, encode, foreign

ONE = b"MSH|^~\\&|A|B\rPID|1\r"
TWO = b"MSH|^~\\&|C|D\rPID|2\r"


def fed(*chunks: bytes, cap_bytes: int = 1 << 20) -> list[Event]:
    decoder = Decoder(cap_bytes)
    return [event for chunk in chunks for event in decoder.feed(chunk)]


def test_S01_frame_is_between_VT_and_FS_CR() -> None:
    assert fed(b"\x0b" + ONE + b"\x1c\r") == [Frame(ONE)]


@pytest.mark.parametrize("at", range(len(encode(ONE)) + 1))
def test_S05_frame_split_at_each_byte(at: int) -> None:
    whole = encode(ONE)
    assert fed(whole[:at], whole[at:]) == [Frame(ONE)]


def test_S05_many_frames_in_one_chunk_keep_their_order() -> None:
    bodies = [b"MSH|^~\\&|%d" % n for n in range(1000)]
    assert fed(b"".join(map(encode, bodies))) == [Frame(body) for body in bodies]


bodies = st.lists(
    st.binary(min_size=1, max_size=40).map(lambda b: b"MSH|" + b.translate(None, b"\x0b\x1c")), max_size=8
)


@given(bodies, st.lists(st.integers(min_value=1, max_value=30)))
def test_S05_chunking_never_changes_the_frames(messages: list[bytes], sizes: list[int]) -> None:
    stream = b"".join(map(encode, messages))
    chunks: list[bytes] = []
    at = 0
    for size in sizes:
        chunks.append(stream[at : at + size])
        at += size
    chunks.append(stream[at:])
    assert fed(*chunks) == [Frame(message) for message in messages]


@given(st.lists(st.sampled_from([b"\x0b", b"\x1c", b"\r", b"\n", b"M", b"MSH|", b"\x0bMSH", b"x"]), max_size=40))
def test_S05_chunking_never_changes_the_events_of_any_bytes(pieces: list[bytes]) -> None:
    stream = b"\x0b" + b"".join(pieces)
    assert fed(stream) == fed(*(stream[i : i + 1] for i in range(len(stream))))


@given(st.binary(max_size=400), st.integers(min_value=1, max_value=64))
def test_S21_any_bytes_are_taken(noise: bytes, size: int) -> None:
    decoder = Decoder(50)
    for at in range(0, len(noise), size):
        decoder.feed(noise[at : at + size])
    decoder.flush()


class _Counting(bytearray):
    """Counts the bytes that searches look at."""

    looked = 0

    def find(self, *args: object) -> int:  # type: ignore[override]
        start = args[1] if len(args) > 1 else 0
        end = args[2] if len(args) > 2 else len(self)
        found = super().find(*args)  # type: ignore[arg-type]
        type(self).looked += (found if found >= 0 else end) - start  # type: ignore[operator]
        return found


def test_S01_search_is_linear_in_the_bytes_received() -> None:
    def looked(chunks: int) -> int:
        decoder = Decoder(1 << 30)
        decoder._buffer = _Counting()
        _Counting.looked = 0
        decoder.feed(b"\x0b")
        for _ in range(chunks):
            decoder.feed(b"x" * 100)
        decoder.feed(b"\x1c\r")
        return _Counting.looked

    assert looked(400) <= 2 * looked(200) + 200


def test_S02_junk_between_frames_is_skipped_and_counted() -> None:
    decoder = Decoder()
    assert decoder.feed(encode(ONE) + b"\r\n\x00  " + encode(TWO)) == [Frame(ONE), Frame(TWO)]
    assert decoder.junk_bytes == 5


def test_S02_junk_without_end_is_given_up() -> None:
    assert fed(b"\x0b" + ONE + b"\x1c\r", b" " * (JUNK_BYTES + 1), encode(TWO)) == [Frame(ONE), Foreign("junk")]


def test_S03_FS_in_the_text_is_payload() -> None:
    assert fed(encode(b"MSH|a\x1cb\rPID|1\r")) == [Frame(b"MSH|a\x1cb\rPID|1\r")]


@pytest.mark.parametrize("end", [b"\x1c\n", b"\x1c"])
def test_S03_missing_CR_before_the_next_frame(end: bytes) -> None:
    assert fed(b"\x0b" + ONE + end + encode(TWO)) == [Frame(ONE, unended=True), Frame(TWO)]


def test_S03_missing_CR_and_silence() -> None:
    decoder = Decoder()
    assert decoder.feed(b"\x0b" + ONE + b"\x1c") == []
    assert decoder.waiting
    assert decoder.flush() == [Frame(ONE, unended=True)]
    assert decoder.feed(encode(TWO)) == [Frame(TWO)]


def test_S04_two_starts_in_a_row_are_one() -> None:
    assert fed(b"\x0b\x0b" + ONE + b"\x1c\r") == [Frame(ONE)]


def test_S04_start_with_a_header_inside_a_frame_breaks_it() -> None:
    assert fed(b"\x0b" + ONE, encode(TWO)) == [Broken(ONE), Frame(TWO)]


def test_S04_start_without_a_header_inside_a_frame_is_payload() -> None:
    body = b"MSH|a\x0bMSQ\rPID\r"
    assert fed(encode(body)) == [Frame(body)]


@pytest.mark.parametrize("size", [99, 100])
def test_S06_up_to_the_cap_is_taken(size: int) -> None:
    body = (b"MSH|" + b"x" * size)[:size]
    assert fed(encode(body), cap_bytes=100) == [Frame(body)]


def test_S06_one_byte_over_the_cap_is_answered_and_the_next_frame_works() -> None:
    body = b"MSH|" + b"x" * 97
    assert fed(encode(body), encode(ONE), cap_bytes=100) == [Oversize(body), Frame(ONE)]


def test_S06_far_over_the_cap_keeps_the_head_only() -> None:
    decoder = Decoder(1 << 20)
    decoder.feed(b"\x0bMSH|")
    for _ in range(20):
        decoder.feed(b"x" * 100_000)
    assert decoder.skipping
    assert len(decoder.partial) < 10_000
    events = decoder.feed(b"\x1c\r")
    assert [(type(e), e.ended) for e in events if isinstance(e, Oversize)] == [(Oversize, True)]


def test_S06_without_an_end_the_frame_is_given_up() -> None:
    found = fed(b"\x0bMSH|", *(b"x" * 50 for _ in range(10)), cap_bytes=100)
    assert [type(event) for event in found] == [Oversize]
    assert isinstance(found[0], Oversize)
    assert not found[0].ended


def test_S06_end_split_over_chunks_while_skipping() -> None:
    assert [type(e) for e in fed(b"\x0b" + b"x" * 150, b"\x1c", b"\r", encode(ONE), cap_bytes=100)] == [Oversize, Frame]


@pytest.mark.parametrize("end", [b"\x1c\n", b"\x1c"])
def test_S06_oversize_frame_without_CR_does_not_swallow_the_next(end: bytes) -> None:
    assert [type(e) for e in fed(b"\x0b" + b"x" * 150 + end + encode(ONE), cap_bytes=100)] == [Oversize, Frame]


def test_S06_oversize_frame_with_FS_in_the_text_goes_on() -> None:
    found = fed(b"\x0b" + b"x" * 150 + b"\x1c" + b"y" * 50, b"\x1c\r" + encode(ONE), cap_bytes=100)
    assert [type(e) for e in found] == [Oversize, Frame]


@pytest.mark.parametrize("body", [b"", b"\r", b"\r\n"])
def test_S09_empty_frame_is_counted_and_not_answered(body: bytes) -> None:
    decoder = Decoder()
    assert decoder.feed(encode(body) + encode(ONE)) == [Frame(ONE)]
    assert decoder.empty == 1


@pytest.mark.parametrize(
    ("first", "kind"),
    [(b"\x16\x03\x01\x02\x00", "tls"), (b"GET / HTTP/1.1\r\n", "http"), (b"POST /v1/convert HTTP/1.1", "http")],
)
def test_S11_other_protocols_are_recognised(first: bytes, kind: str) -> None:
    assert fed(first) == [Foreign(kind)]
    assert fed(*(first[i : i + 1] for i in range(len(first)))) == [Foreign(kind)]


def test_S11_only_the_beginning_of_a_connection_is_judged() -> None:
    assert fed(encode(ONE), b"GET ", encode(TWO)) == [Frame(ONE), Frame(TWO)]


def test_foreign_leaves_junk_alone() -> None:
    assert foreign(b"\r\n\r\n") is None
