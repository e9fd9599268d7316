"""The map of a sender as a file: rows added and taken out, whole or not at all (T-28, T-64).

`FOLDER/maps/lab-north.csv` for the sender LAB|NORTH. What an analyst wrote into it stays as it is, byte for byte; a new content
is read by the loader of maps before it takes the place of the old.
"""

from __future__ import annotations

import contextlib
import csv
import fcntl
import io
import os
import re
from collections.abc import Generator, Sequence
from pathlib import Path

from segue.terminology import Terminology, TerminologyError
from segue.terminology.maprows import COLUMNS, MapRow, written
from segue.terminology.maps import MapFile
from segue.terminology.rows import Source

DELIMITERS = b";,"


def file_of(folder: Path, sender: str) -> Path:
    """The file of a sender in a terminology folder."""
    name = re.sub(r"[^a-z0-9]+", "-", sender.lower()).strip("-") or "any"
    return folder / "maps" / f"{name}.csv"


def added(file: Path, rows: Sequence[MapRow], terminology: Terminology) -> None:
    """Appends rows that are not there yet; raises TerminologyError, and changes nothing, where the file would be no map any more."""
    with _turn(file):
        before = file.read_bytes() if file.exists() else b""
        known = {_cells(before, line)[:-1] for line in before.splitlines()}
        rows = [row for row in rows if tuple(row)[:-1] not in known]
        if not rows:
            return
        content = before or ",".join(COLUMNS).encode() + b"\n"
        if not content.endswith(b"\n"):
            content += b"\n"
        content += _lines(content, rows)
        _replaced(file, content, terminology)


def removed(file: Path, row: MapRow, terminology: Terminology) -> bool:
    """Takes out the last row that is this one, whatever its comment; False where it is not there any more."""
    with _turn(file):
        if not file.exists():
            return False
        lines = file.read_bytes().splitlines(keepends=True)
        for index in range(len(lines) - 1, 0, -1):
            if _cells(lines[0], lines[index])[:-1] == tuple(row)[:-1]:
                _replaced(file, b"".join(lines[:index] + lines[index + 1 :]), terminology)
                return True
        return False


def _lines(head: bytes, rows: Sequence[MapRow]) -> bytes:
    if _delimiter(head) == ",":
        return written(rows).partition(b"\n")[2]
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=";", lineterminator="\n").writerows(rows)
    return out.getvalue().encode()


def _cells(head: bytes, line: bytes) -> tuple[str, ...]:
    nothing: list[str] = []
    try:
        found = next(csv.reader([line.decode()], delimiter=_delimiter(head)), nothing)
    except (UnicodeDecodeError, csv.Error):
        return ()
    return tuple(cell.strip() for cell in found)


def _delimiter(head: bytes) -> str:
    return ";" if head.partition(b"\n")[0].count(b";") >= len(COLUMNS) - 1 else ","


def _replaced(file: Path, content: bytes, terminology: Terminology) -> None:
    MapFile(Source(str(file), content), terminology.system)
    fresh = file.with_name(file.name + ".new")
    with fresh.open("wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    fresh.replace(file)


@contextlib.contextmanager
def _turn(file: Path) -> Generator[None]:
    """One writer at a time, in all processes of the machine."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(file.with_name(file.name + ".lock"), os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise TerminologyError(f"cannot be written: {error.strerror}", str(file)) from None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
