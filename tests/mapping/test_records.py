"""Records: equal keys are one resource, first wins, later ones add (R-RID-4, R-PERS-3, R-REP-1)."""

from __future__ import annotations

import pytest

from segue.mapping.records import business_identifier, distinct, merge

Json = dict[str, object]


@pytest.mark.parametrize(
    ("first", "later", "merged", "contradiction"),
    [
        ({"a": 1}, {"b": 2}, {"a": 1, "b": 2}, False),
        ({"a": 1}, {"a": 2}, {"a": 1}, True),
        ({"a": [1]}, {"a": [1, 2]}, {"a": [1, 2]}, False),
        ({"a": {"x": 1}}, {"a": {"y": 2}}, {"a": {"x": 1, "y": 2}}, False),
        ({"a": {"x": 1}}, {"a": {"x": 2}}, {"a": {"x": 1}}, True),
    ],
)
def test_R_RID_4_merge(first: Json, later: Json, merged: Json, contradiction: bool) -> None:
    assert merge(first, later) is contradiction
    assert first == merged


def test_R_RID_4_one_type_of_a_choice_stays() -> None:
    first: Json = {"resourceType": "Observation", "valueString": "x"}
    merge(first, {"resourceType": "Observation", "valueInteger": 1, "issued": "2024"})
    assert first == {"resourceType": "Observation", "valueString": "x", "issued": "2024"}


def test_merge_changes_nothing_below_the_first() -> None:
    shared: Json = {"x": 1}
    first: Json = {"a": shared}
    merge(first, {"a": {"y": 2}})
    assert shared == {"x": 1}


def test_R_REP_1_equal_items_collapse_in_order() -> None:
    assert distinct([{"a": 1}, {"b": 1}, {"a": 1}]) == [{"a": 1}, {"b": 1}]


def identifier(value: str, system: str = "", kind: str = "", use: str = "") -> Json:
    out: Json = {"value": value}
    if system:
        out["system"] = system
    if kind:
        out["type"] = {"coding": [{"code": kind}]}
    if use:
        out["use"] = use
    return out


@pytest.mark.parametrize(
    ("identifiers", "found"),
    [
        ([identifier("1", "urn:a", "XX"), identifier("2", "urn:b", "MR")], (("urn:b", "2"), ("urn:b", "2"))),
        ([identifier("1", "urn:a", "XX")], (("urn:a", "1"), ("urn:a", "1"))),
        ([identifier("1"), identifier("2", "urn:b")], (("urn:b", "2"), ("urn:b", "2"))),
        ([identifier("1", kind="MR")], (("", "", "MR", "1"), None)),
        ([identifier("1", "urn:a", use="old")], (("", "", "", "1"), None)),
        ([], None),
    ],
)
def test_R_RID_which_identifier_is_the_key(identifiers: list[Json], found: object) -> None:
    assert business_identifier({"identifier": identifiers}, ("MR",)) == found
