"""One map: exact, folded, several targets, none, unknown (R-CODE-5, T-24)."""

from __future__ import annotations

import pytest

from segue.terminology.rows import Source, TerminologyError
from segue.terminology.tables import Heading, Table, Target, build, headings

HEAD = "code,display,target_system,target_code,target_display,lossy,comment\n"
MANIFEST = "name,guide,table,system,target_system,identity,binding,source,decisions\n"


def table(rows: str, *later: str, identity: bool = False) -> Table:
    heading = Heading("Some", "", "0009", "urn:v2-0009", "urn:target", identity, False, ())
    return build(heading, [Source("tables/Some.csv", (HEAD + text).encode()) for text in (rows, *later)])


def test_R_CODE_4_a_code_may_have_several_targets() -> None:
    found = table("A,Alpha,,a,,,\nA,Alpha,urn:other,b,Beta,yes,\n").targets("A")
    assert found == (Target("urn:target", "a", "", False), Target("urn:other", "b", "Beta", True))


def test_a_known_code_without_target_is_not_unknown() -> None:
    some = table("A,Alpha,,,,yes,kept\n")
    assert some.targets("A") == ()
    assert some.get("A") is None
    assert some.targets("B") is None


def test_an_identity_map_gives_the_code_itself() -> None:
    assert table("A,Alpha,,,,,\n", identity=True).get("A") == Target("urn:target", "A", "Alpha", False)


def test_T_24_the_exact_look_up_is_case_sensitive() -> None:
    assert table("A,Alpha,,a,,,\n").targets("a") is None


def test_R_CODE_5_folded_finds_another_case() -> None:
    found = table("Booked,,,booked,,,\n").folded("BOOKED")
    assert found is not None
    assert found[0].code == "booked"


def test_R_CODE_5_folded_does_not_choose_between_two_codes() -> None:
    assert table("Q1h,,,a,,,\nQ1H,,,b,,,\n").folded("q1h") is None


def test_D_VOC_14_integer_stands_for_digits() -> None:
    some = table("TS<integer>,,,,,yes,\n")
    assert some.targets("TS30") == ()
    assert some.targets("TSx") is None


def test_T_23_a_later_file_replaces_the_codes_it_names() -> None:
    some = table("A,,,a,,,\nA,,,b,,,\nC,,,c,,,\n", "A,,,site,,,\nD,,,d,,,\n")
    assert [t.code for t in some.targets("A") or ()] == ["site"]
    assert some.codes == ("A", "C", "D")


@pytest.mark.parametrize(
    ("rows", "what"),
    [
        (",,,a,,,\n", "code is empty"),
        ("A,,urn:x,,,,\n", "needs a code"),
        ("A,,,a,,,\nA,,,a,,,\n", "twice"),
        ("A,,,,,,\nA,,,a,,,\n", "twice"),
        ("A,,,a,,maybe,\n", "neither yes nor empty"),
        ("", "no rows"),
    ],
)
def test_T_27_a_bad_row_is_refused(rows: str, what: str) -> None:
    with pytest.raises(TerminologyError, match=what):
        table(rows)


def test_the_manifest_gives_number_and_system() -> None:
    found = headings(Source("tables.csv", (MANIFEST + "Some,Guide[X],0009,,urn:t,yes,required,,R-1 R-2\n").encode()))
    assert found["Some"] == Heading(
        "Some", "Guide[X]", "0009", "http://terminology.hl7.org/CodeSystem/v2-0009", "urn:t", True, True, ("R-1", "R-2")
    )


@pytest.mark.parametrize(
    ("row", "what"),
    [
        (",,0009,,urn:t,,,,\n", "name"),
        ("Some,,0009,,,,,,\n", "target system"),
        ("Some,,9,,urn:t,,,,\n", "four digits"),
        ("Some,,,,urn:t,,,,\n", "table number or a system"),
        ("Some,,0009,,urn:t,,strict,,\n", "neither required nor empty"),
        ("Some,,0009,,urn:t,,,,\nSome,,0009,,urn:t,,,,\n", "twice"),
    ],
)
def test_T_27_a_bad_heading_is_refused(row: str, what: str) -> None:
    with pytest.raises(TerminologyError, match=what):
        headings(Source("tables.csv", (MANIFEST + row).encode()))
