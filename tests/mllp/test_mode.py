"""What MSH-15 and MSH-16 ask for (S-22, S-23)."""

from __future__ import annotations

import itertools

import pytest

from segue.mllp.ack import Header
from segue.mllp.mode import Mode, mode_of, wants

WORDS = ("AL", "NE", "ER", "SU", "")


def header(commit: str, application: str) -> Header | None:
    return Header.of(f"MSH|^~\\&|LAB|NORTH|EHR|HOSP|2026||ADT^A01|M1|P|2.5|||{commit}|{application}\r".encode())


@pytest.mark.parametrize(("commit", "application"), list(itertools.product(WORDS, WORDS)))
def test_S23_every_pair_is_read(commit: str, application: str) -> None:
    found = mode_of(header(commit, application))
    if (commit, application) in (("", ""), ("NE", "AL"), ("", "AL")):
        assert found is None
    else:
        assert found == Mode(commit or "AL", application or "NE")  # pyright: ignore[reportArgumentType]
        assert Mode.read(str(found)) == found


def test_S23_words_that_are_none_ask_for_nothing() -> None:
    assert mode_of(header("Y", "always")) is None
    assert mode_of(header("Y", "ER")) == ("AL", "ER")
    assert mode_of(header(" AL ", "x")) == ("AL", "NE")
    assert mode_of(None) is None
    assert Mode.read(None) is None


@pytest.mark.parametrize(
    ("condition", "good", "bad"), [("AL", True, True), ("NE", False, False), ("ER", False, True), ("SU", True, False)]
)
def test_S23_conditions_of_table_0155(condition: str, good: bool, bad: bool) -> None:
    assert (wants(condition, True), wants(condition, False)) == (good, bad)
