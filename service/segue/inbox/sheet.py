"""The inbox as a spreadsheet: exported with empty targets, and taken back when they are filled (T-67).

The columns are those of a map (T-21), so that a filled sheet is a map. Cells that a spreadsheet would run as a formula are
quoted with an apostrophe on the way out, and freed of it on the way back (O-67).
"""

from __future__ import annotations

from collections.abc import Iterable

from segue.inbox.entry import Entry, Key
from segue.terminology import Terminology, TerminologyError
from segue.terminology.maprows import COLUMNS, MapRow, read, written
from segue.terminology.rows import Source

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def sheet(entries: Iterable[Entry]) -> bytes:
    """One row an entry, targets empty, the number of messages as comment."""
    return written(
        MapRow(
            *(_quoted(cell) for cell in (*one.key[:4], one.text, one.key.unit)),
            comment=f"{one.count} messages",
        )
        for one in entries
    )


def filled(content: bytes, name: str, terminology: Terminology) -> list[tuple[Key, MapRow]]:
    """The rows that have a target; raises TerminologyError for a sheet that cannot be used, and for a row twice."""
    out: dict[tuple[Key, str, str], MapRow] = {}
    for row, line in read(Source(name, content), terminology.system):
        if row.undecided:
            continue
        plain = MapRow(*(_freed(cell) for cell in row))
        key = Key(plain.sender, plain.field, plain.source_system, plain.source_code, plain.source_unit)
        if (key, row.target_system, row.target_code) in out:
            raise TerminologyError("the row stands twice", name, line)
        comment = "" if plain.comment.endswith(" messages") else plain.comment
        out[key, row.target_system, row.target_code] = plain._replace(comment=comment)
    return [(key, row) for (key, _, _), row in out.items()]


def _quoted(cell: str) -> str:
    return f"'{cell}" if cell.startswith(_FORMULA) else cell


def _freed(cell: str) -> str:
    return cell[1:] if cell[:1] == "'" and cell[1:].startswith(_FORMULA) else cell


__all__ = ["COLUMNS", "filled", "sheet"]
