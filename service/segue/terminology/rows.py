"""Rows of the CSV files of a terminology folder (T-20): UTF-8 with or without BOM, comma or semicolon, a fixed header.

Knows files and lines, and says file:line for every fault; refuses to know what a column means.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from typing import NamedTuple


class TerminologyError(Exception):
    """A terminology file cannot be used: what, and where as file:line."""

    def __init__(self, what: str, file: str, line: int = 1) -> None:
        super().__init__(f"{what} ({file}:{line})")
        self.what = what
        self.file = file
        self.line = line


class Row(NamedTuple):
    """The cells of a row, trimmed, in the order of the file's header, and its place."""

    cells: tuple[str, ...]
    file: str
    line: int

    def error(self, what: str) -> TerminologyError:
        return TerminologyError(what, self.file, self.line)


class Source(NamedTuple):
    """One file as read: its path, its bytes, and the how manieth folder it came from."""

    name: str
    content: bytes
    level: int = 0


def rows(source: Source, columns: tuple[str, ...]) -> Iterator[Row]:
    """The rows of a file that has exactly these columns. Raises TerminologyError for another header or a ragged row."""
    try:
        text = source.content.decode("utf-8-sig")
    except UnicodeDecodeError as fault:
        raise TerminologyError("not UTF-8", source.name, source.content[: fault.start].count(b"\n") + 1) from None
    delimiter = ";" if text.partition("\n")[0].count(";") >= len(columns) - 1 else ","
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        header: list[str] = next(reader, [""])
        if tuple(name.strip() for name in header) != columns:
            raise TerminologyError(f"the header is not {','.join(columns)}", source.name)
        width = len(columns)
        for cells in reader:
            if len(cells) != width:
                if not cells:
                    continue
                raise TerminologyError(f"{len(cells)} cells instead of {width}", source.name, reader.line_num)
            yield Row(tuple([cell.strip() for cell in cells]), source.name, reader.line_num)
    except csv.Error as fault:
        raise TerminologyError(str(fault), source.name, reader.line_num) from None


def unique(found: Iterable[tuple[str, Row]]) -> dict[str, Row]:
    """Rows by key; a key that stands twice is refused (T-01)."""
    out: dict[str, Row] = {}
    for key, row in found:
        first = out.get(key)
        if first is not None:
            raise row.error(f"{key!r} stands twice, first at {first.file}:{first.line}")
        out[key] = row
    return out


def yes(row: Row, column: int) -> bool:
    """A cell that may hold `yes` or nothing."""
    cell = row.cells[column]
    if cell not in ("", "yes"):
        raise row.error(f"{cell!r} is neither yes nor empty")
    return cell == "yes"
