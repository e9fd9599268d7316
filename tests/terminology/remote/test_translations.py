"""Answers at hand, by sender, fresh and past their time (T-31, T-34)."""

from __future__ import annotations

from pathlib import Path

import pytest

from segue.terminology import Found, Target
from segue.terminology.remote.cache import Cache
from segue.terminology.remote.question import LOOKUP, Answer, Kind, Question
from segue.terminology.remote.translations import Local, Translations

from ...clock import Clock

LOINC, LAB = "http://loinc.org", "https://north.example.org/lab"
GLUCOSE = Target(LOINC, "2345-7", "Glucose", False)
YES = Answer(Kind.POSITIVE, (GLUCOSE,), "equivalent")
SYSTEMS = {Local("LAB|NORTH", "L"): LAB, Local("", "99ALL"): "urn:all"}


@pytest.fixture
def known(tmp_path: Path, clock: Clock) -> Translations:
    return Translations(Cache(tmp_path / "cache.db", "https://tx", clock=clock), SYSTEMS, clock=clock)


def test_T31_two_senders_of_one_name_are_two_systems(known: Translations) -> None:
    known.put(Question(LAB, "GLU"), YES)
    assert known.translate("L", "GLU", sender="LAB|NORTH") == Found((GLUCOSE,), "equivalent", "remote")
    assert known.translate("L", "GLU", sender="LAB|SOUTH") is None
    assert known.question("99ALL", "X", sender="LAB|SOUTH") == Question("urn:all", "X")
    assert known.question("", "X", sender="LAB|NORTH") is None
    assert known.question("urn:oid:1.2.3", "X") == Question("urn:oid:1.2.3", "X")


def test_T34_what_another_process_has_asked_is_found_on_disk(tmp_path: Path, known: Translations, clock: Clock) -> None:
    other = Translations(Cache(tmp_path / "cache.db", "https://tx", clock=clock), SYSTEMS, clock=clock)
    other.put(Question(LAB, "GLU"), YES)
    assert known.translate("L", "GLU", sender="LAB|NORTH") is not None


def test_T34_past_its_time_an_answer_serves_only_while_the_server_is_away(known: Translations, clock: Clock) -> None:
    known.put(Question(LAB, "GLU"), YES)
    clock.now += 8 * 86400
    assert known.translate("L", "GLU", sender="LAB|NORTH") is None
    known.away = True
    found = known.translate("L", "GLU", sender="LAB|NORTH")
    assert found is not None
    assert found.origin == "remote-stale"


def test_T34_an_error_leaves_the_older_answer(known: Translations, clock: Clock) -> None:
    known.put(Question(LAB, "GLU"), YES)
    clock.now += 8 * 86400
    known.put(Question(LAB, "GLU"), Answer(Kind.ERROR))
    known.away = True
    assert known.translate("L", "GLU", sender="LAB|NORTH") is not None


def test_T34_a_negative_answer_is_known_and_translates_nothing(known: Translations, clock: Clock) -> None:
    known.put(Question(LAB, "X"), Answer(Kind.NEGATIVE))
    assert known.translate("L", "X", sender="LAB|NORTH") is None
    assert not known.is_open(Question(LAB, "X"))
    clock.now += 86401
    assert known.is_open(Question(LAB, "X"))


def test_T32_the_target_of_the_settings(tmp_path: Path) -> None:
    known = Translations(Cache(None, "https://tx"), SYSTEMS, target=LOINC)
    assert known.question("L", "GLU", sender="LAB|NORTH") == Question(LAB, "GLU", LOINC)
    assert known.question("L", "GLU", "urn:other", "LAB|NORTH") == Question(LAB, "GLU", "urn:other")


def test_T38_a_display_is_noted_and_known_later(tmp_path: Path, clock: Clock) -> None:
    cache = Cache(tmp_path / "cache.db", "https://tx", clock=clock)
    known = Translations(cache, SYSTEMS, displays=True, clock=clock)
    question = Question(LOINC, "2345-7", LOOKUP)
    assert known.display(LOINC, "2345-7") is None
    assert known.display("L", "2345-7") is None  # no URI, nothing to ask
    assert (known.unnamed(), known.unnamed()) == ((question,), ())
    before = known.generation
    known.put(question, YES)
    assert known.display(LOINC, "2345-7") == "Glucose"
    assert known.generation > before  # what was remembered without it no longer holds
    assert known.unnamed() == ()
    assert known.translate(LOINC, "2345-7") is None
    clock.now += 8 * 86400
    assert known.display(LOINC, "2345-7") == "Glucose"  # serves on, and is asked for again
    assert known.unnamed() == (question,)


def test_T38_without_the_setting_nothing_is_noted(known: Translations) -> None:
    assert known.display(LOINC, "2345-7") is None
    assert known.unnamed() == ()
