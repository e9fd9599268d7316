"""`segue terminology import`, `export` and `check`: code maps as files, in and out (T-20, T-22, T-27).

A file is taken whole or not at all: it is read, checked beside the maps that are there, and put in its place in one step.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import orjson
import typer

from segue.reloading import FAULTS, RuleFiles
from segue.terminology import Terminology, TerminologyError
from segue.terminology.conceptmap import bundle_of, concept_maps
from segue.terminology.maprows import MapRow, sender_key, written
from segue.terminology.review import Finding, findings, rows_of
from segue.terminology.rows import Source
from segue.terminology.vocabularies import Vocabularies, VocabularyError


def take(file: Path, into: Path, sender: str | None) -> int:
    """Puts the rows of a CSV or ConceptMap file into `into/maps/NAME.csv`; rows without a sender get this one."""
    base = Terminology.load()
    try:
        source = Source(str(file), file.read_bytes())
        rows = [row for row, _ in rows_of(source, base)]
    except (TerminologyError, OSError) as fault:
        return _refused(fault)
    if sender is not None:
        rows = [row if row.sender else row._replace(sender=sender) for row in rows]
    place = into / "maps" / f"{file.stem}.csv"
    place.parent.mkdir(parents=True, exist_ok=True)
    before = place.read_bytes() if place.exists() else None
    try:
        _replace(place, written(rows))
        base.overlaid(into)
    except FAULTS as fault:
        if before is None:
            place.unlink(missing_ok=True)
        else:
            _replace(place, before)
        return _refused(fault)
    waiting = sum(row.undecided for row in rows)
    typer.echo(f"{place}: {len(rows)} rows, {waiting} without a target.", err=True)
    return 0


def give(folder: Path, sender: str | None, kind: str) -> int:
    """Writes the rows of the maps of a folder to standard output, of one sender or all, as a sheet or as ConceptMaps."""
    try:
        terminology = Terminology.load().overlaid(folder)
    except FAULTS as fault:
        return _refused(fault)
    found: list[MapRow] = []
    for source in sorted(terminology.sources("maps/"), key=lambda source: (source.level, source.name)):
        found += (row for row, _ in rows_of(source, terminology))
    if sender is not None:
        found = [row for row in found if sender_key(row.sender) == sender_key(sender)]
        if not found:
            typer.echo(f"No row of the maps in {folder} has the sender {sender!r}.", err=True)
            return 1
    if kind == "csv":
        out = written(found)
    else:
        maps = concept_maps(found, terminology.system)
        out = orjson.dumps(bundle_of(maps), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    sys.stdout.buffer.write(out)
    return 0


def check(pack: Path | None, terminology: Path | None, sites: Path | None, vocabularies: Path) -> int:
    """Every fault that keeps a file from being used, and what to look at in those that can be; 1 when there is a fault."""
    try:
        converter = RuleFiles(pack, terminology, sites).converter()
        known = Vocabularies(vocabularies)
    except (*FAULTS, VocabularyError) as fault:
        return _refused(fault)
    found: list[Finding] = list(findings(converter.terminology, known))
    for name in sorted(converter.pack.sites):
        found += findings(converter.terminology_of(name), known, sites=True, since=converter.terminology.levels)
    known.close()
    for finding in found:
        typer.echo(str(finding))
    rows = sum(len(rows_of(source, converter.terminology)) for source in converter.terminology.sources("maps/"))
    typer.echo(f"The files can be used. {rows} rows for all sites, {len(found)} warnings.", err=True)
    return 0


def _replace(place: Path, content: bytes) -> None:
    beside = place.with_name(place.name + ".new")
    beside.write_bytes(content)
    os.replace(beside, place)  # noqa: PTH105 - one step


def _refused(fault: Exception) -> int:
    typer.echo(
        f"{fault.file}:{fault.line}: error: {fault.what}" if isinstance(fault, TerminologyError) else str(fault),
        err=True,
    )
    return 1
