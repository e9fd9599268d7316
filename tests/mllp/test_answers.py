"""What frames are answered with, over real sockets (S-04, S-06, S-09, S-21 to S-35, O-21)."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from typing import Any, Literal

import pytest

from segue.delivery.intake import Peer, Receipt
from segue.issues import issue
from segue.mllp.frames import encode

from .conftest import Bench

Adt = Callable[..., bytes]
Logged = Callable[[], list[dict[str, Any]]]

WARNING = issue("field.required")
CONTENT = issue("bundle.invalid")
LATER = issue("delivery.transient")
UNSUPPORTED = issue("message.event-unsupported")


@pytest.mark.parametrize(
    ("receipt", "code"),
    [
        (Receipt("accepted"), "AA"),
        (Receipt("error", (CONTENT,)), "AE"),
        (Receipt("rejected", (UNSUPPORTED,)), "AR"),
        (Receipt("transient", (LATER,)), "AR"),
    ],
)
async def test_S24_code_by_outcome(bench: Bench, adt: Adt, receipt: Receipt, code: str) -> None:
    async def intake(_raw: bytes, _peer: Peer) -> Receipt:
        return receipt

    line = await bench.line(await bench.listen(intake))
    await line.write(encode(adt()))
    assert await line.msa() == f"{code} M1"


@pytest.mark.parametrize("nak", ["AR", "AE"])
async def test_S24_transient_code_by_setting(bench: Bench, adt: Adt, nak: Literal["AR", "AE"]) -> None:
    async def intake(_raw: bytes, _peer: Peer) -> Receipt:
        return Receipt("transient", (LATER,))

    line = await bench.line(await bench.listen(intake, nak_transient=nak))
    await line.write(encode(adt()))
    assert await line.msa() == f"{nak} M1"


async def test_S24_transient_close_by_setting(bench: Bench, adt: Adt) -> None:
    async def intake(_raw: bytes, _peer: Peer) -> Receipt:
        return Receipt("transient", (LATER,))

    line = await bench.line(await bench.listen(intake, nak_transient="close"))
    await line.write(encode(adt()))
    assert await line.ended()


@pytest.mark.parametrize(("setting", "errors"), [(False, 0), (True, 1)])
async def test_S32_warnings_in_an_AA_by_setting(bench: Bench, adt: Adt, setting: bool, errors: int) -> None:
    async def intake(_raw: bytes, _peer: Peer) -> Receipt:
        return Receipt("accepted", (WARNING,))

    line = await bench.line(await bench.listen(intake, ack_warnings=setting))
    await line.write(encode(adt()))
    answer = await line.answer()
    assert "MSA|AA|M1" in answer
    assert answer.count("\rERR|") == errors


async def test_S29_an_ACK_is_not_acknowledged(bench: Bench, adt: Adt) -> None:
    seen: list[str | None] = []

    async def intake(_raw: bytes, peer: Peer) -> Receipt:
        seen.append(peer.ack)
        return Receipt("accepted")

    line = await bench.line(await bench.listen(intake))
    await line.write(encode(adt("A1", event="ACK^A01^ACK")) + encode(adt("M2")))
    assert await line.msa() == "AA M2"
    assert seen == ["never", None]  # it is kept, and that is all


async def test_S09_messages_without_a_batch_header_get_one_ACK_each(bench: Bench, adt: Adt) -> None:
    line = await bench.line(await bench.listen())
    await line.write(encode(adt("M1") + adt("M2")))
    assert [await line.msa(), await line.msa()] == ["AA M1", "AA M2"]


async def test_S09_a_batch_gets_a_batch_of_ACKs(bench: Bench, adt: Adt) -> None:
    line = await bench.line(await bench.listen())
    body = b"BHS|^~\\&|LAB|NORTH|EHR|HOSP|2026||||B5\r" + adt("M1") + adt("M2") + b"BTS|2\r"
    await line.write(encode(body))
    answer = await line.answer()
    names = [segment[:3] for segment in answer.split("\r") if segment]
    assert names == ["BHS", "MSH", "MSA", "MSH", "MSA", "BTS"]
    assert "|B5\r" in answer


async def test_S04_broken_frame_is_answered_and_the_next_is_taken(bench: Bench, adt: Adt) -> None:
    line = await bench.line(await bench.listen())
    await line.write(b"\x0b" + adt("M1") + encode(adt("M2")))
    assert [await line.msa(), await line.msa()] == ["AR M1", "AA M2"]


async def test_S06_oversize_is_answered_and_the_connection_goes_on(bench: Bench, adt: Adt) -> None:
    line = await bench.line(await bench.listen(message_bytes=200))
    await line.write(encode(adt("BIG", more="NTE|1||" + "x" * 200 + "\r")))
    answer = await line.answer()
    assert "MSA|AR|BIG|" in answer
    assert "|104^" in answer
    assert "200 bytes" in answer
    await line.write(encode(adt("M2")))
    assert await line.msa() == "AA M2"


async def test_S21_a_bug_in_the_intake_ends_the_connection_and_not_the_listener(bench: Bench, adt: Adt) -> None:
    async def breaks(raw: bytes, _peer: Peer) -> Receipt:
        if b"|BAD|" in raw:
            raise RuntimeError("Marlow")
        return Receipt("accepted")

    server = await bench.listen(breaks)
    bad = await bench.line(server)
    await bad.write(encode(adt("BAD")))
    answer = await bad.answer()
    assert "MSA|AE|BAD|" in answer
    assert "Marlow" not in answer
    await bad.write(encode(adt("M2")))
    assert await bad.msa() == "AA M2"


async def test_O21_logs_hold_no_value_of_the_message(logged: Logged, bench: Bench, adt: Adt) -> None:
    line = await bench.line(await bench.listen())
    await line.write(encode(adt("SECRETID")) + b"\x0b" + adt("M2") + encode(adt("M3")))
    for _ in range(3):
        await line.answer()
    lines = logged()
    assert [entry["code"] for entry in lines if entry["event"] == "message"] == ["AA", "AA"]
    text = json.dumps(lines)
    assert not [word for word in ("SECRETID", "Marlow", "Ines", "NORTH", "LAB") if word in text]


# enhanced mode, where nothing is kept: what is to be said is known when the message is answered ───────────────────────

GOOD = Receipt("accepted")
WRONG = Receipt("error", (issue("field.required"),))
REFUSED = Receipt("rejected", (issue("message.event-unsupported"),))
AWAY = Receipt("transient", (issue("delivery.transient"),))
COMMITS = {"accepted": "CA", "error": "CE", "rejected": "CR", "transient": "CE"}
ALONE = {"accepted": "AA", "error": "AE", "rejected": "AR", "transient": "AR"}


def asked(outcome: Receipt, commit: str, application: str) -> list[str]:
    """The codes that the table of the standard gives for one outcome, in order."""
    good = outcome.outcome == "accepted"
    word = {"accepted": "SU"}.get(outcome.outcome, "ER")
    if (commit, application) in (("", ""), ("NE", "AL"), ("", "AL")):
        return [ALONE[outcome.outcome]]
    first = commit in ("AL", word, "")
    second = application in ("AL", word) and (good or not first)
    return [COMMITS[outcome.outcome]] * first + [ALONE[outcome.outcome]] * second


@pytest.mark.parametrize("outcome", [GOOD, WRONG, REFUSED, AWAY], ids=lambda one: one.outcome)
async def test_S23_ST12_every_pair_without_a_journal(bench: Bench, adt: Adt, outcome: Receipt) -> None:
    async def intake(raw: bytes, _peer: Peer) -> Receipt:
        return GOOD if b"|END|" in raw else outcome

    line = await bench.line(await bench.listen(intake))
    for commit, application in itertools.product(("AL", "NE", "ER", "SU", ""), repeat=2):
        await line.write(encode(enhanced(adt("M1"), commit, application)) + encode(adt("END")))
        codes: list[str] = []
        while (told := await line.msa()) != "AA END":
            codes.append(told)
        assert codes == [f"{code} M1" for code in asked(outcome, commit, application)], (commit, application)


def enhanced(raw: bytes, commit: str, application: str) -> bytes:
    head, _, rest = raw.partition(b"\r")
    return head + f"|||{commit}|{application}\r".encode() + rest


async def test_S23_original_mode_by_setting(bench: Bench, adt: Adt) -> None:
    line = await bench.line(await bench.listen(enhanced=False))
    await line.write(encode(enhanced(adt("M1"), "AL", "AL")) + encode(enhanced(adt("M2"), "NE", "NE")))
    assert [await line.msa(), await line.msa()] == ["AA M1", "AA M2"]


async def test_S23_S24_frames_without_a_whole_message_obey_the_mode(bench: Bench, adt: Adt) -> None:
    line = await bench.line(await bench.listen(message_bytes=300))
    big = "NTE|1||" + "x" * 300 + "\r"
    await line.write(encode(enhanced(adt("BIG", more=big), "AL", "NE")))
    assert await line.msa() == "CR BIG"
    await line.write(encode(enhanced(adt("NEVER", more=big), "NE", "NE")))
    await line.write(b"\x0b" + enhanced(adt("HALF"), "ER", "NE") + encode(adt("M2")))
    assert [await line.msa(), await line.msa()] == ["CR HALF", "AA M2"]


async def test_S23_S24_a_transient_fault_closes_by_setting(bench: Bench, adt: Adt) -> None:
    async def intake(_raw: bytes, _peer: Peer) -> Receipt:
        return AWAY

    line = await bench.line(await bench.listen(intake, nak_transient="close"))
    await line.write(encode(enhanced(adt("M1"), "AL", "AL")))
    assert await line.ended()


async def test_S27_S28_a_commit_acknowledgement_is_an_ACK_like_any(bench: Bench, adt: Adt) -> None:
    line = await bench.line(await bench.listen())
    await line.write(encode(enhanced(adt("M 1/x"), "AL", "NE")))
    head, msa = (await line.answer()).split("\r")[:2]
    fields = head.split("|")
    assert fields[2:6] == ["EHR", "HOSP", "LAB", "NORTH"]
    assert fields[8] == "ACK^A01^ACK"
    assert fields[9] not in ("", "M 1/x")
    assert len(fields) == 12  # it asks for nothing itself
    assert msa == "MSA|CA|M 1/x"


async def test_S09_S23_a_batch_of_enhanced_messages(bench: Bench, adt: Adt) -> None:
    line = await bench.line(await bench.listen())
    begin, end = b"BHS|^~\\&|LAB|NORTH|EHR|HOSP|2026||||B5\r", b"BTS|2\r"
    silent = enhanced(adt("M1"), "NE", "NE")
    await line.write(encode(begin + silent + enhanced(adt("M2"), "AL", "NE") + end))
    assert await line.msa() == "CA M2"
    await line.write(encode(begin + silent + silent + end) + encode(adt("M3")))
    assert await line.msa() == "AA M3"
