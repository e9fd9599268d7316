"""The ledger: what became of every populated leaf (promise 1, R-NF-9, R-KEEP, R-NULL-3)."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from segue.conversion import Conversion
from segue.convert import Converter
from segue.issues import Refusal

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.hl7"))
HEADER = "MSH|^~\\&|WARD|NORTH|HUB|NORTH|20240310101500+0100||ADT^A08^ADT_A01|M1|P|2.5.1"


@pytest.fixture(scope="session")
def converter() -> Converter:
    return Converter()


def adt(converter: Converter, *segments: str, **options: Any) -> Conversion:
    return converter.convert("".join(f"{s}\r" for s in (HEADER, *segments)).encode(), **options)


def states(made: Conversion, segment: str) -> dict[str, str]:
    return {str(e.v2): e.state for e in made.ledger if e.v2.segment == segment}


def test_every_leaf_has_one_entry(converter: Converter) -> None:
    made = adt(converter, "PID|1||7^^^&2.999.1&ISO^MR||Novak^Ada|||F", "ZPI|x^y&z~w")
    assert states(made, "ZPI") == {
        "ZPI[1]-1[1].1": "unmapped",
        "ZPI[1]-1[1].2": "unmapped",
        "ZPI[1]-1[2].1": "unmapped",
    }
    assert states(made, "PID")["PID[1]-1"] == "ignored"
    assert states(made, "PID")["PID[1]-5[1].2"] == "mapped"
    assert max(Counter(str(e.v2) for e in made.ledger).values()) == 1


def test_R_NULL_3_a_cleared_field(converter: Converter) -> None:
    made = adt(converter, 'PID|1||7||Novak^""|||""')
    assert states(made, "PID")["PID[1]-8[1].1"] == "cleared"
    assert states(made, "PID")["PID[1]-5[1].2"] == "cleared"
    assert {str(i.v2) for i in made.issues if i.code == "field.cleared"} == {"PID[1]-8[1].1", "PID[1]-5[1].2"}


def test_R_ISS_9_one_issue_a_field(converter: Converter) -> None:
    made = adt(converter, "PID|1||7||Novak", "ZPI|a^b^c|d")
    assert [str(i.v2) for i in made.issues if i.v2 and i.v2.segment == "ZPI"] == ["ZPI[1]-1[1].1", "ZPI[1]-2[1].1"]


def test_a_value_that_did_not_convert_is_told_once_as_such(converter: Converter) -> None:
    made = adt(converter, "PID|1||7||Novak||19801399")
    assert [i.code for i in made.issues if i.v2 and (i.v2.segment, i.v2.field) == ("PID", 7)] == [
        "field.date-unreadable"
    ]


def kept(made: Conversion) -> dict[str, str]:
    found: dict[str, str] = {}
    for entry in made.bundle["entry"]:
        for extension in entry["resource"].get("extension", ()):
            if extension["url"].endswith("v2-field"):
                path, value = extension["extension"]
                found[path["valueString"]] = value["valueString"]
    return found


def test_R_KEEP_1_residue_off_is_told_by_the_ledger_alone(converter: Converter) -> None:
    made = adt(converter, "PID|1||7||Novak", "ZPI|a", residue="off")
    assert not any(one.code == "field.unmapped" for one in made.issues)
    assert [str(one.v2) for one in made.ledger if one.state == "unmapped"] == ["ZPI[1]-1[1].1"]


def test_R_KEEP_1_residue_as_extension(converter: Converter) -> None:
    made = adt(converter, "PID|1||7||Novak", "ZPI|a^b&x|d~e\\T\\f", residue="extension")
    assert kept(made) == {"ZPI-1": "a^b&x", "ZPI-2[1]": "d", "ZPI-2[2]": "e&f"}
    assert kept(adt(converter, "PID|1||7||Novak", "ZPI|a", residue="report")) == {}


def test_R_KEEP_1_on_the_resource_of_its_segment(converter: Converter) -> None:
    made = adt(converter, "PID|1||7||Novak", "NK1|1|Novak^Eva|||||||||||||||||||||||||x", residue="extension")
    related = next(e["resource"] for e in made.bundle["entry"] if e["resource"]["resourceType"] == "RelatedPerson")
    assert [e["extension"][0]["valueString"] for e in related["extension"] if e["url"].endswith("v2-field")] == [
        "NK1-27"
    ]


def test_R_KEEP_2_no_password_is_kept(converter: Converter) -> None:
    made = adt(converter, "UAC|KERB^^HL70615|^^^^c2VjcmV0", "PID|1||7||Novak", residue="extension")
    assert not any(path.startswith("UAC") for path in kept(made))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_nothing_of_an_example_is_unaccounted(converter: Converter, example: Path) -> None:
    for made in converter.convert_many(example):
        assert isinstance(made, Conversion), made
        leaves = {str(e.v2) for e in made.ledger}
        for segment in made.message.segments:
            for number, raw in enumerate(segment.fields[1:], 1):
                if (segment.name == "MSH" and number <= 2) or not raw.strip():
                    continue
                assert any(leaf.startswith(f"{segment.name}[{segment.sequence}]-{number}") for leaf in leaves), (
                    segment.name,
                    number,
                )


def test_every_mapped_leaf_names_where_it_went(converter: Converter) -> None:
    lost = {
        f"{made.message.control_id} {entry.v2}"
        for example in EXAMPLES
        for made in converter.convert_many(example)
        if isinstance(made, Conversion)
        for entry in made.ledger
        if entry.state == "mapped" and not entry.fhir
    }
    assert lost == set()


def test_a_refused_message_says_why() -> None:
    with pytest.raises(Refusal):
        Converter().convert(b"nothing")
