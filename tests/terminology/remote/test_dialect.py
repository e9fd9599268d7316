"""$translate in the words of R4 and R5, and answers that are none (T-32, T-36)."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from segue.terminology import Target
from segue.terminology.remote.dialect import NonsenseError, answer, dialect_of, display, looked_up, parameters
from segue.terminology.remote.question import LOOKUP, Kind, Question

LOINC, LAB = "http://loinc.org", "https://north.example.org/lab"
GLU = Question(LAB, "GLU")
TARGETS = (LOINC, "http://terminology.hl7.org/CodeSystem/*")


def said(*parts: Any, result: Any = True) -> bytes:
    return orjson.dumps(
        {"resourceType": "Parameters", "parameter": [{"name": "result", "valueBoolean": result}, *parts]}
    )


def match(grade: str, code: str, system: str = LOINC, word: str = "equivalence", **coding: Any) -> dict[str, Any]:
    concept = {"name": "concept", "valueCoding": {"system": system, "code": code, **coding}}
    return {"name": "match", "part": [{"name": word, "valueCode": grade}, concept]}


@pytest.mark.parametrize(
    ("dialect", "code", "target"), [("r4", "code", "targetsystem"), ("r5", "sourceCode", "targetSystem")]
)
def test_T32_a_request_in_both_dialects(dialect: Any, code: str, target: str) -> None:
    made = orjson.loads(parameters(Question(LAB, "GLU", LOINC), dialect, "https://x/map"))
    assert {p["name"]: next(v for k, v in p.items() if k != "name") for p in made["parameter"]} == {
        "url": "https://x/map", code: "GLU", "system": LAB, target: LOINC
    }  # fmt: skip


def test_T36_nothing_but_code_and_system_leaves() -> None:
    made = orjson.loads(parameters(GLU, "r4", None))
    assert [p["name"] for p in made["parameter"]] == ["code", "system"]


@pytest.mark.parametrize(("version", "dialect"), [("4.0.1", "r4"), ("4.3.0", "r4"), ("3.0.2", "r4"), ("5.0.0", "r5")])
def test_T32_the_dialect_by_the_capability_statement(version: str, dialect: str) -> None:
    assert dialect_of(orjson.dumps({"resourceType": "CapabilityStatement", "fhirVersion": version})) == dialect


@pytest.mark.parametrize(
    "found",
    [
        match("equivalent", "2345-7", display="Glucose"),
        match("equal", "2345-7", display="Glucose"),
        match("equivalent", "2345-7", word="relationship", display="Glucose"),
    ],
)
def test_T32_a_match_of_either_dialect(found: Any) -> None:
    made = answer(said(found), GLU, TARGETS)
    assert made.kind is Kind.POSITIVE
    assert made.targets == (Target(LOINC, "2345-7", "Glucose", False),)


def test_T32_several_matches_in_the_order_of_the_server() -> None:
    body = said(
        match("equivalent", "718-7"), match("wider", "24331-1"), match("equal", "2345-7"), match("equal", "718-7")
    )
    assert [target.code for target in answer(body, GLU, TARGETS).targets] == ["718-7", "2345-7"]


@pytest.mark.parametrize(
    "body",
    [
        said(result=False),
        said(match("equivalent", "2345-7"), result=False),
        said(),
        said(match("unmatched", "2345-7")),
        said(match("disjoint", "2345-7")),
        said(match("wider", "2345-7")),
        said(match("source-is-narrower-than-target", "2345-7", word="relationship")),
        said(match("not-related-to", "2345-7", word="relationship")),
        said(match("nonsense", "2345-7")),
        said({"name": "match", "part": [{"name": "equivalence", "valueCode": "equal"}]}),
        said({"name": "match"}),
    ],
)
def test_T32_a_result_that_translates_nothing_is_negative(body: bytes) -> None:
    assert answer(body, GLU, TARGETS).kind is Kind.NEGATIVE


def test_T25_other_grades_by_setting() -> None:
    made = answer(said(match("wider", "2345-7")), GLU, TARGETS, frozenset(("equivalent", "wider")))
    assert (made.kind, made.equivalence) == (Kind.POSITIVE, "wider")


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "not-json"),
        (b"<html>", "not-json"),
        (b"[]", "other-resource"),
        (b'{"resourceType": "OperationOutcome"}', "other-resource"),
        (b'{"resourceType": "Parameters"}', "no-result"),
        (b'{"resourceType": "Parameters", "parameter": {"name": 1}}', "no-result"),
        (b'{"resourceType": "Parameters", "parameter": [7, null]}', "no-result"),
        (said(result="true"), "no-result"),
        (said(match("equivalent", "2345-8")), "foreign-code"),  # the check digit is wrong
        (said(match("equivalent", "GLU", LAB)), "foreign-code"),  # a system that nobody takes
        (said(match("equivalent", "x y z|", "not a uri")), "foreign-code"),
        (said(match("equivalent", "F" * 100)), "foreign-code"),
    ],
)
def test_T36_an_answer_that_is_none(body: bytes, reason: str) -> None:
    with pytest.raises(NonsenseError) as caught:
        answer(body, GLU, TARGETS)
    assert caught.value.reason == reason


def test_T36_a_prefix_of_systems_and_a_target_that_was_asked_for() -> None:
    v2 = "http://terminology.hl7.org/CodeSystem/v2-0078"
    assert answer(said(match("equal", "H", v2)), GLU, TARGETS).targets[0].system == v2
    with pytest.raises(NonsenseError):
        answer(said(match("equal", "H", v2)), Question(LAB, "GLU", LOINC), TARGETS)


def test_T36_a_display_is_cleaned_and_bounded() -> None:
    body = said(match("equal", "2345-7", display="a\n b"), match("equal", "718-7", display="x" * 2000))
    assert [target.display for target in answer(body, GLU, TARGETS).targets] == ["a b", ""]


NAMED = Question(LOINC, "2345-7", LOOKUP)


def named(words: Any) -> bytes:
    parts = [{"name": "name", "valueString": "LOINC"}, {"name": "display", "valueString": words}]
    return orjson.dumps({"resourceType": "Parameters", "parameter": parts})


def test_T38_the_display_of_a_code() -> None:
    asked = orjson.loads(looked_up(NAMED))
    assert asked["parameter"] == [{"name": "code", "valueCode": "2345-7"}, {"name": "system", "valueUri": LOINC}]
    found = display(named(" Glucose \n[Mass/volume]\x00 "), NAMED)
    assert found.targets == (Target(LOINC, "2345-7", "Glucose [Mass/volume]", False),)


@pytest.mark.parametrize("words", ["", "  ", 5, "x" * 2000, None])
def test_T36_a_display_that_is_none(words: Any) -> None:
    with pytest.raises(NonsenseError, match="no-display"):
        display(named(words), NAMED)
