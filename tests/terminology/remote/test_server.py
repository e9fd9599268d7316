"""A server that answers, is slow, is down, or lies (T-32, T-33, T-36)."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from segue.terminology.remote.breaker import Breaker
from segue.terminology.remote.question import LOOKUP, Kind, Question
from segue.terminology.remote.server import AwayError, Server

LOINC, LAB = "http://loinc.org", "https://north.example.org/lab"
GLU = Question(LAB, "GLU")
FHIR_JSON = "application/fhir+json"


async def no_pause(_: float) -> None:
    return None


def server(stub: Any, **more: Any) -> Server:
    given = {"dialect": "r4", "targets": (LOINC,), "sleep": no_pause, "timeout_s": 5.0, **more}
    return Server(stub.url, **given)


async def test_T32_asks_and_reads(stub: Any) -> None:
    one = server(stub, token="s3cret", map_url="https://x/map")
    made = await one.ask(GLU)
    assert (made.kind, [t.code for t in made.targets]) == (Kind.POSITIVE, ["2345-7"])
    assert stub.asked == [("/ConceptMap/$translate", {"url": "https://x/map", "code": "GLU", "system": LAB})]
    assert "Bearer s3cret" in stub.heads[0]
    await one.close()


@pytest.mark.parametrize(("version", "word"), [("4.0.1", "code"), ("5.0.0", "sourceCode")])
async def test_T32_the_dialect_is_asked_for_once(stub: Any, version: str, word: str) -> None:
    answers = stub.says
    statement = orjson.dumps({"resourceType": "CapabilityStatement", "fhirVersion": version})
    stub.says = lambda path, asked: (200, FHIR_JSON, statement) if path == "/metadata" else answers(path, asked)
    one = server(stub, dialect="auto")
    await one.ask(GLU)
    await one.ask(GLU)
    assert [path for path, _ in stub.asked] == ["/metadata", "/ConceptMap/$translate", "/ConceptMap/$translate"]
    assert word in stub.asked[1][1]
    await one.close()


async def test_T33_a_second_try_after_a_failure(stub: Any) -> None:
    replies = [(503, FHIR_JSON, b""), stub.says("", {})]
    stub.says = lambda _path, _asked: replies.pop(0)
    one = server(stub)
    assert (await one.ask(GLU)).kind is Kind.POSITIVE
    assert not one.breaker.is_open
    await one.close()


async def test_T33_a_slow_server_is_left_after_its_time(stub: Any) -> None:
    stub.says = lambda _path, _asked: None
    one = server(stub, timeout_s=0.05)
    with pytest.raises(AwayError, match="timeout"):
        await one.ask(GLU)
    assert len(stub.asked) == 2
    await one.close()


async def test_T33_a_server_that_is_down_opens_the_breaker_and_is_left_alone(stub: Any) -> None:
    await stub.stop()
    one = server(stub)
    for _ in range(3):
        with pytest.raises(AwayError):
            await one.ask(GLU)
    assert one.breaker.is_open
    with pytest.raises(AwayError, match="breaker-open"):
        await one.ask(GLU)
    await one.close()


async def test_T33_the_probe_closes_the_breaker(stub: Any) -> None:
    now = [0.0]
    one = server(stub, breaker=Breaker(clock=lambda: now[0]))
    good = stub.says
    stub.says = lambda _path, _asked: (500, FHIR_JSON, b"")
    for _ in range(3):
        with pytest.raises(AwayError):
            await one.ask(GLU)
    assert len(stub.asked) == 5  # the second try of the third question no more
    now[0] += 31
    with pytest.raises(AwayError):
        await one.ask(GLU)
    assert len(stub.asked) == 6  # a probe is one try
    now[0] += 31
    stub.says = good
    assert (await one.ask(GLU)).kind is Kind.POSITIVE
    assert not one.breaker.is_open
    await one.close()


LIES = {
    "html": (200, "text/html", b"<html>"),
    "no content type": (200, "", b"{}"),
    "not JSON": (200, FHIR_JSON, b"<html>"),
    "another resource": (200, FHIR_JSON, b'{"resourceType": "Bundle"}'),
    "huge": (200, FHIR_JSON, b'{"resourceType": "Parameters", "x": "' + b"x" * 300_000 + b'"}'),
    "wrong code": (200, FHIR_JSON, orjson.dumps({"resourceType": "Parameters", "parameter": [
        {"name": "result", "valueBoolean": True},
        {"name": "match", "part": [{"name": "equivalence", "valueCode": "equal"},
                                   {"name": "concept", "valueCoding": {"system": LOINC, "code": "2345-8"}}]}]})),
}  # fmt: skip


@pytest.mark.parametrize("lie", LIES)
async def test_T36_a_lie_is_no_answer_and_counts_as_a_failure(stub: Any, lie: str) -> None:
    stub.says = lambda _path, _asked: LIES[lie]
    one = server(stub)
    for _ in range(5):
        assert (await one.ask(GLU)).kind is Kind.ERROR
    assert len(stub.asked) == 5  # not tried again: it would lie again
    assert one.breaker.is_open
    await one.close()


@pytest.mark.parametrize("status", [301, 302, 307, 400, 401, 403, 404, 422])
async def test_T36_a_refusal_or_redirect_is_an_error_and_nothing_is_followed(stub: Any, status: int) -> None:
    stub.says = lambda _path, _asked: (status, FHIR_JSON, b"{}")
    one = server(stub)
    assert (await one.ask(GLU)).kind is Kind.ERROR
    assert len(stub.asked) == 1
    assert not one.breaker.is_open
    await one.close()


async def test_T38_a_display_is_looked_up(stub: Any) -> None:
    named = b'{"resourceType":"Parameters","parameter":[{"name":"display","valueString":"Glucose"}]}'
    stub.says = lambda _path, _asked: (200, FHIR_JSON, named)
    one = server(stub)
    found = await one.ask(Question(LOINC, "2345-7", LOOKUP))
    assert [t.display for t in found.targets] == ["Glucose"]
    assert stub.asked == [("/CodeSystem/$lookup", {"code": "2345-7", "system": LOINC})]
    await one.close()


@pytest.mark.parametrize(("status", "kind"), [(404, Kind.NEGATIVE), (422, Kind.NEGATIVE), (401, Kind.ERROR)])
async def test_T38_a_code_that_the_server_does_not_have(stub: Any, status: int, kind: Kind) -> None:
    stub.says = lambda _path, _asked: (status, FHIR_JSON, b"{}")
    one = server(stub)
    assert (await one.ask(Question(LOINC, "2345-7", LOOKUP))).kind is kind
    await one.close()
