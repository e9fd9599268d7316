"""The inbox as a sheet, out and back (T-67, O-67)."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest

from segue.inbox.desk import Desk
from segue.inbox.sheet import COLUMNS, filled, sheet
from segue.terminology import Terminology, TerminologyError


def filled_in(content: bytes, **targets: str) -> bytes:
    """The sheet as a spreadsheet would save it, targets of some codes filled."""
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS, delimiter=";")
    writer.writeheader()
    for row in csv.DictReader(io.StringIO(content.decode())):
        code = row["source_code"].removeprefix("'")
        writer.writerow(row | ({"target_system": "LN", "target_code": targets[code]} if code in targets else {}))
    return "\ufeff".encode() + out.getvalue().encode()


def test_T67_a_sheet_comes_back_filled(desk: Desk, seen: Any, terminology: Terminology) -> None:
    ids = {code: seen(code, f"words of {code}") for code in ("GLU", "NA", "=1+1")}
    content = sheet(desk.inbox.entries())
    assert content.decode().splitlines()[0] == ",".join(COLUMNS)
    found = filled(filled_in(content, **{"GLU": "2345-7", "=1+1": "718-7"}), "sheet.csv", terminology)
    assert {key.id: row.target_code for key, row in found} == {ids["GLU"]: "2345-7", ids["=1+1"]: "718-7"}
    assert {row.comment for _, row in found} == {""}


@pytest.mark.parametrize("code", ["=HYPERLINK(1)", "+1", "-1", "@x"])
def test_O67_no_cell_is_a_formula(desk: Desk, seen: Any, code: str) -> None:
    seen(code, code)
    (_, row) = csv.reader(io.StringIO(sheet(desk.inbox.entries()).decode()))
    assert all(not cell.startswith(("=", "+", "-", "@")) for cell in row)


def test_T67_a_row_twice_is_refused(desk: Desk, seen: Any, terminology: Terminology) -> None:
    seen()
    content = filled_in(sheet(desk.inbox.entries()), GLU="2345-7")
    with pytest.raises(TerminologyError, match="stands twice"):
        filled(content + content.splitlines(keepends=True)[1], "sheet.csv", terminology)


def test_T67_a_sheet_that_is_none(terminology: Terminology) -> None:
    with pytest.raises(TerminologyError, match="the header is not"):
        filled(b"a,b\n", "sheet.csv", terminology)
