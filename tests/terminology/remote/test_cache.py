"""Answers on disk: times, bounds, restart, purge (T-34)."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from segue.terminology import Target
from segue.terminology.remote.cache import Cache
from segue.terminology.remote.question import Answer, Kind, Question

from ...clock import Clock

URL = "https://tx.example.org/fhir"
YES = Answer(Kind.POSITIVE, (Target("http://loinc.org", "2345-7", "Glucose", False),), "equivalent")
NO, LOST = Answer(Kind.NEGATIVE), Answer(Kind.ERROR)
GLU = Question("urn:lab", "GLU")


@pytest.fixture
def cache(tmp_path: Path, clock: Clock) -> Cache:
    return Cache(tmp_path / "deep" / "cache.db", URL, clock=clock)


@pytest.mark.parametrize(("answer", "seconds"), [(YES, 7 * 86400), (NO, 86400), (LOST, 60)])
def test_T34_how_long_an_answer_counts(cache: Cache, clock: Clock, answer: Answer, seconds: int) -> None:
    cache.put(GLU, answer)
    held = cache.get(GLU)
    assert held is not None
    assert held == (answer, clock.now + seconds)


def test_T34_survives_a_restart(tmp_path: Path, cache: Cache) -> None:
    cache.put(GLU, YES)
    cache.close()
    held = Cache(tmp_path / "deep" / "cache.db", URL).get(GLU)
    assert held is not None
    assert held.answer == YES


def test_T34_server_map_target_system_and_code_are_the_key(tmp_path: Path, cache: Cache) -> None:
    cache.put(GLU, YES)
    file = tmp_path / "deep" / "cache.db"
    assert Cache(file, "https://other.example.org").get(GLU) is None
    assert Cache(file, URL, "https://x/map").get(GLU) is None
    for other in (GLU._replace(target="http://loinc.org"), GLU._replace(system="urn:other"), GLU._replace(code="glu")):
        assert cache.get(other) is None


def test_T34_an_error_does_not_replace_what_can_serve(cache: Cache) -> None:
    cache.put(GLU, YES)
    cache.put(GLU, LOST)
    held = cache.get(GLU)
    assert held is not None
    assert held.answer == YES
    cache.put(GLU, NO)
    held = cache.get(GLU)
    assert held is not None
    assert held.answer == NO


def test_T34_bounded_the_oldest_go_first(tmp_path: Path, clock: Clock) -> None:
    cache = Cache(tmp_path / "cache.db", URL, most=40, clock=clock)
    for number in range(100):
        clock.now += 1
        cache.put(Question("urn:lab", str(number)), NO)
    left = [question.code for _, question, _ in cache.rows()]
    assert len(left) <= 40
    assert "99" in left
    assert "0" not in left


def test_T34_listed_and_purged(cache: Cache) -> None:
    cache.put(GLU, YES)
    cache.put(GLU._replace(code="X"), NO)
    assert [(server, question.code) for server, question, _ in cache.rows()] == [(URL, "GLU"), (URL, "X")]
    assert cache.purge((Kind.NEGATIVE,)) == 1
    assert cache.get(GLU) is not None
    assert cache.purge() == 1
    assert list(cache.rows()) == []


@pytest.mark.parametrize("content", [b"not a database" * 100, b""])
def test_T34_a_file_that_cannot_be_read_is_an_empty_cache(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "cache.db"
    file.write_bytes(content)
    cache = Cache(file, URL)
    cache.put(GLU, YES)
    assert cache.get(GLU) is not None


def test_T34_another_form_of_the_table_is_left_behind(tmp_path: Path) -> None:
    db = sqlite3.connect(tmp_path / "cache.db")
    db.executescript("CREATE TABLE answer (x); PRAGMA user_version = 99;")
    db.close()
    cache = Cache(tmp_path / "cache.db", URL)
    cache.put(GLU, YES)
    assert cache.get(GLU) is not None
