"""Reading of terminology files (T-20, T-27)."""

from __future__ import annotations

import pytest

from segue.terminology.rows import Source, TerminologyError, rows, unique, yes

COLUMNS = ("code", "comment")


def read(content: bytes) -> list[tuple[str, ...]]:
    return [row.cells for row in rows(Source("some.csv", content), COLUMNS)]


@pytest.mark.parametrize(
    "content",
    [
        b"code,comment\nA,x\n",
        b"\xef\xbb\xbfcode,comment\r\nA,x\r\n",
        b"code;comment\nA;x\n",
        b"code,comment\n\n A , x \n",
    ],
)
def test_T_20_bom_semicolon_and_blanks_are_accepted(content: bytes) -> None:
    assert read(content) == [("A", "x")]


def test_T_20_quoted_cells_keep_delimiters() -> None:
    assert read(b'code,comment\n"A,B","say ""x"""\n') == [("A,B", 'say "x"')]


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"", "header"),
        (b"code,remark\nA,x\n", "header"),
        (b"code,comment\nA,x,y\n", "some.csv:2"),
        (b"code,comment\nA,x\nB,\xff\n", "some.csv:3"),
        (b'code,comment\nA,"x\n', "some.csv:2"),
    ],
)
def test_T_27_a_fault_names_file_and_line(content: bytes, what: str) -> None:
    with pytest.raises(TerminologyError, match=what):
        read(content)


def test_T_01_a_key_stands_once() -> None:
    found = list(rows(Source("some.csv", b"code,comment\nA,x\nA,y\n"), COLUMNS))
    with pytest.raises(TerminologyError, match=r"'A' stands twice, first at some.csv:2 \(some.csv:3\)"):
        unique((row.cells[0], row) for row in found)


def test_yes_or_nothing() -> None:
    found = list(rows(Source("some.csv", b"code,comment\nA,yes\nB,\nC,no\n"), COLUMNS))
    assert [yes(found[0], 1), yes(found[1], 1)] == [True, False]
    with pytest.raises(TerminologyError, match="neither yes nor empty"):
        yes(found[2], 1)
