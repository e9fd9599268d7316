"""Questions merged, bounded in time, asked again (T-33, T-35)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from segue.terminology import Unmapped
from segue.terminology.remote import Resolver, Server, Translations
from segue.terminology.remote.breaker import Breaker
from segue.terminology.remote.cache import Cache
from segue.terminology.remote.question import LOOKUP, Question
from segue.terminology.remote.translations import Local

from ...clock import Clock

LOINC, LAB = "http://loinc.org", "https://north.example.org/lab"
GLU = Question(LAB, "GLU")
DOWN = (503, "application/fhir+json", b"")


@pytest.fixture
async def resolver(stub: Any, clock: Clock) -> AsyncIterator[Resolver]:
    async def no_pause(_: float) -> None:
        return None

    server = Server(stub.url, targets=(LOINC,), dialect="r4", sleep=no_pause, timeout_s=5, breaker=Breaker(clock=clock))
    cache = Cache(None, stub.url, clock=clock)
    made = Resolver(server, Translations(cache, {Local("", "L"): LAB}, clock=clock), wait_s=5)
    yield made
    await made.close()


def codes(resolver: Resolver, code: str = "GLU") -> list[str]:
    found = resolver.translations.translate("L", code)
    return [target.code for target in found.targets] if found else []


async def test_T33_a_thousand_equal_questions_are_one_request(stub: Any, resolver: Resolver) -> None:
    assert all(await asyncio.gather(*(resolver.settle([GLU, GLU]) for _ in range(1000))))
    assert len(stub.asked) == 1
    assert codes(resolver) == ["2345-7"]


async def test_T34_what_is_known_is_not_asked_again(stub: Any, resolver: Resolver) -> None:
    stub.says = lambda _path, _asked: (
        200, "application/json", b'{"resourceType":"Parameters","parameter":[{"name":"result","valueBoolean":false}]}',
    )  # fmt: skip
    for _ in range(3):
        assert not await resolver.settle([GLU])
    assert len(stub.asked) == 1
    assert resolver.unanswered([GLU]) == []


async def test_T35_a_slow_answer_serves_the_next_message(stub: Any, resolver: Resolver) -> None:
    good = stub.says
    stub.says = lambda _path, _asked: None
    resolver._wait_s = 0.01
    assert not await resolver.settle([GLU])
    assert resolver.unanswered([GLU]) == [GLU]
    assert codes(resolver) == []
    stub.says = good
    stub.let_go.set()  # the first try ends without an answer, the second has one
    resolver._wait_s = 5
    assert await resolver.settle([GLU])


async def test_T35_pending_questions_are_asked_when_the_server_is_back(
    stub: Any, resolver: Resolver, clock: Clock
) -> None:
    good = stub.says
    stub.says = lambda _path, _asked: DOWN
    questions = [Question(LAB, code) for code in ("GLU", "NA", "K")]
    assert not await resolver.settle(questions)
    assert resolver.unanswered(questions) == questions
    asked = len(stub.asked)
    assert not await resolver.settle([Question(LAB, "CL")])  # the breaker is open: nobody waits
    assert len(stub.asked) == asked
    stub.says = good
    clock.now += 10
    await resolver.retry()
    assert len(stub.asked) == asked  # too early for a probe
    clock.now += 60
    await resolver.retry()
    assert [codes(resolver, code) for code in ("GLU", "NA", "K", "CL")] == [["2345-7"]] * 4


async def test_T35_while_the_server_is_away_the_probe_is_the_only_request(
    stub: Any, resolver: Resolver, clock: Clock
) -> None:
    stub.says = lambda _path, _asked: DOWN
    await resolver.settle([Question(LAB, str(n)) for n in range(10)])
    clock.now += 100
    asked = len(stub.asked)
    await resolver.retry()
    assert len(stub.asked) == asked + 1


async def test_T31_units_and_names_without_a_URI_are_no_questions(resolver: Resolver) -> None:
    assert resolver.question(Unmapped("LAB|N", "OBX-3", "L", "GLU")) == GLU
    assert resolver.question(Unmapped("LAB|N", "OBX-3", "99X", "GLU")) is None
    assert resolver.question(Unmapped("LAB|N", "OBX-6", "urn:x", "blorps", table="UCUM")) is None


async def test_T38_displays_are_asked_for_in_the_background(stub: Any, clock: Clock) -> None:
    named = b'{"resourceType":"Parameters","parameter":[{"name":"display","valueString":"Glucose"}]}'
    stub.says = lambda _path, _asked: (200, "application/fhir+json", named)
    server = Server(stub.url, targets=(LOINC,), dialect="r4", timeout_s=5, breaker=Breaker(clock=clock))
    made = Resolver(server, Translations(Cache(None, stub.url, clock=clock), {}, displays=True, clock=clock))
    assert made.translations.display(LOINC, "2345-7") is None
    assert stub.asked == []
    await made.retry()
    assert made.translations.display(LOINC, "2345-7") == "Glucose"
    await made.retry()
    assert len(stub.asked) == 1
    made.translations.want([Question(LOINC, "2345-7", LOOKUP)])  # a process that did not know of it yet
    await made.retry()
    assert len(stub.asked) == 1
    await made.close()
