"""ConceptMaps and rows are one thing (T-20, T-22)."""

from __future__ import annotations

import csv
import io

import orjson
import pytest
from fhir.resources.R4B.conceptmap import ConceptMap
from hypothesis import given
from hypothesis import strategies as st

from segue.terminology import Terminology, TerminologyError
from segue.terminology.conceptmap import bundle_of, concept_maps, id_of, read, rows_of
from segue.terminology.maprows import COLUMNS, MapRow, fault_of, written
from segue.terminology.maprows import read as read_csv
from segue.terminology.rows import Source

TERMINOLOGY = Terminology.load()
CELL = st.text(st.sampled_from("aB7 \"',;^~\n-é"), max_size=6).map(str.strip)
CODE = st.text(st.sampled_from("AB07.-"), min_size=1, max_size=4)
SCOPE = {
    "sender": st.sampled_from(["", "LAB|NORTH", "LAB", "|NORTH"]),
    "field": st.sampled_from(["", "OBX-3", "OBR-4"]),
    "source_system": st.sampled_from(["", "L", "99LAB", "LN", "http://loinc.org", "a b"]),
    "comment": CELL,
}
KEY = {
    "source_code": CODE,
    "source_text": CELL,
    "source_unit": st.sampled_from(["", "mg/dL", "10^3/uL"]),
    "valid_from": st.sampled_from(["", "2026-01-01"]),
    "valid_to": st.sampled_from(["", "2026-12-31"]),
}
SYSTEM = st.sampled_from(["LN", "http://loinc.org", "SCT"])
TARGET = {"target_system": SYSTEM, "target_code": CODE, "target_display": CELL}
EMPTY = dict.fromkeys(COLUMNS, st.just(""))
DECIDED = st.sampled_from(["", "equivalent", "equal", "wider", "disjoint"])
ROWS = st.one_of(
    st.builds(MapRow, **{**EMPTY, **SCOPE, **KEY, **TARGET, "equivalence": DECIDED}),
    st.builds(
        MapRow, **{**EMPTY, **SCOPE, **KEY, "target_system": SYSTEM, "equivalence": st.sampled_from(["", "unmatched"])}
    ),
    st.builds(MapRow, **{**EMPTY, **SCOPE, **KEY, **TARGET, "source_code": st.just(""), "source_text": CODE}),
    st.builds(MapRow, **{**EMPTY, **SCOPE, **TARGET, "equivalence": st.just("fixed")}),
    st.builds(MapRow, **{**EMPTY, **SCOPE, "target_system": SYSTEM, "equivalence": st.just("provided")}),
)


def distinct_modes(rows: list[MapRow]) -> bool:
    modes = [(r.sender, r.field, r.source_system, r.target_system) for r in rows if r.mode]
    return len(modes) == len(set(modes))


def again(rows: list[MapRow]) -> list[MapRow]:
    text = orjson.dumps(bundle_of(concept_maps(rows, TERMINOLOGY.system)))
    return rows_of(read(Source("maps/x.json", text), TERMINOLOGY.system))


@given(st.lists(ROWS, min_size=1, max_size=8))
def test_T20_csv_to_conceptmap_to_csv_gives_identical_rows(rows: list[MapRow]) -> None:
    assert all(fault_of(row, TERMINOLOGY.system, {}) is None for row in rows)
    rows = [row for n, row in enumerate(rows) if distinct_modes(rows[: n + 1]) or not row.mode]
    sheet = written(rows)
    loaded = [row for row, _ in read_csv(Source("maps/x.csv", sheet), TERMINOLOGY.system)]
    assert loaded == rows
    assert again(loaded) == rows
    assert written(again(loaded)) == sheet
    assert [tuple(r) for r in csv.reader(io.StringIO(sheet.decode(), newline=""))] == [COLUMNS, *map(tuple, rows)]


def test_T22_the_form_is_that_of_the_rules_and_valid_r4() -> None:
    rows = [
        MapRow(
            "LAB|NORTH",
            "OBX-3",
            "L",
            "GLU",
            "Glucose",
            "mmol/L",
            "LN",
            "14749-6",
            "Glucose",
            "equivalent",
            "2026-01-01",
            "",
            "ok",
        ),
        MapRow("LAB|NORTH", "OBX-3", "L", "GLU", "Glucose", "mg/dL", "LN", "2345-7"),
        MapRow("LAB|NORTH", "OBX-3", "L", target_system="LN", target_code="99-9", equivalence="fixed"),
        MapRow("", "OBX-3", "L", "NA", "", "", "LN", "2951-2", "Sodium", "equal"),
    ]
    north, everybody = concept_maps(rows, TERMINOLOGY.system)
    assert (north["id"], everybody["id"]) == ("lab-north-obx-3", "all-obx-3")
    (group,) = north["group"]
    assert "source" not in group
    assert group["target"] == "http://loinc.org"
    (element,) = group["element"]
    assert (element["code"], element["display"]) == ("GLU", "Glucose")
    assert [t["code"] for t in element["target"]] == ["14749-6", "2345-7"]
    assert element["target"][0]["dependsOn"] == [{"property": "urn:segue:property:unit", "value": "mmol/L"}]
    assert group["unmapped"] == {"mode": "fixed", "code": "99-9"}
    for found in (north, everybody):
        ConceptMap.model_validate(found)
    assert again(rows) == rows


def test_T22_places_are_told_only_where_the_order_is_another() -> None:
    one, two = MapRow("A|", "", "L", "X", "", "", "LN", "1-8"), MapRow("B|", "", "L", "X", "", "", "LN", "1-8")
    assert b"map-row" not in orjson.dumps(concept_maps([one, two], TERMINOLOGY.system))
    assert b"map-row" in orjson.dumps(concept_maps([one, two, one._replace(source_code="Y")], TERMINOLOGY.system))


def test_T22_ids_of_senders_never_meet() -> None:
    senders = ["LAB|NORTH", "LAB-NORTH", "Lab|North", "LAB NORTH|", "|LAB", "LAB", "LAB|NORTH" * 9, "", "ÉCOLE|1"]
    ids = [id_of(sender, "OBX-3") for sender in senders]
    assert len(set(ids)) == len(ids)
    assert all(len(name) <= 64 and name.isascii() and name == name.lower() for name in ids)


R5 = {
    "resourceType": "ConceptMap",
    "url": "http://example.org/map",
    "status": "active",
    "group": [
        {
            "source": "http://example.org/lab|1",
            "target": "http://loinc.org|2.78",
            "element": [
                {"code": "GLU", "display": "Glucose", "target": [{"code": "2345-7", "relationship": "equivalent"}]},
                {"code": "BIG", "target": [{"code": "1-8", "relationship": "source-is-narrower-than-target"}]},
                {"code": "NO", "noMap": True},
            ],
            "unmapped": {"mode": "use-source-code", "relationship": "equivalent"},
        }
    ],
}


def test_T22_r5_is_read() -> None:
    (document,) = read(Source("maps/r5.json", orjson.dumps(R5)), TERMINOLOGY.system)
    assert document.url == "http://example.org/map"
    assert [(r.source_system, r.source_code, r.target_code, r.equivalence) for r in document.rows] == [
        ("http://example.org/lab", "GLU", "2345-7", "equivalent"),
        ("http://example.org/lab", "BIG", "1-8", "wider"),
        ("http://example.org/lab", "NO", "", "unmatched"),
        ("http://example.org/lab", "", "", "provided"),
    ]


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (b'{"resourceType":\n"ConceptMap",', "not JSON"),
        (b"[]", "neither a ConceptMap nor a Bundle"),
        (b'{"resourceType":"ConceptMap","group":{}}', "a list is needed at ConceptMap.group"),
        (
            b'{"resourceType":"ConceptMap","group":[{"element":[{"code":"X","target":[{"code":"1-8"}]}]}]}',
            r"a target needs an equivalence .* at ConceptMap.group\[0\].element\[0\].target\[0\]",
        ),
        (
            b'{"resourceType":"ConceptMap","group":[{"target":"http://loinc.org","element":[{"code":"X","target":'
            b'[{"code":"1-8","equivalence":"equal","dependsOn":[{"property":"http://x","value":"1"}]}]}]}]}',
            "dependsOn takes one unit and nothing else",
        ),
    ],
)
def test_T28_a_conceptmap_that_cannot_be_used_is_refused_with_its_place(text: bytes, what: str) -> None:
    with pytest.raises(TerminologyError, match=what):
        read(Source("maps/x.json", text), TERMINOLOGY.system)
