"""`segue terminology load` and `loaded`: releases of LOINC, SNOMED CT and others into the local index (T-70)."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from segue.cli.configuration import loaded as settings_of
from segue.terminology.vocabularies import Vocabularies, VocabularyError, load


def folder_of(into: Path | None, config: Path | None) -> Path | None:
    """Where the indexes are: the flag, else the settings; None after their faults have been told."""
    if into is not None:
        return into
    found = settings_of(config)
    return Path(found.settings.terminology.vocabularies) if found is not None else None


def run(release: Path, into: Path | None, config: Path | None) -> int:
    """Loads one release; 1 where it cannot be."""
    folder = folder_of(into, config)
    if folder is None:
        return 2
    try:
        with _bar() as progress:
            made = load(release, folder, progress)
        edition = next(e for e in Vocabularies(folder).editions if e.file == made.file)
    except VocabularyError as error:
        typer.echo(str(error), err=True)
        return 1
    version = f" {edition.version}" if edition.version else ""
    gone_on = " The load went on where an earlier one stood." if made.resumed else ""
    typer.echo(f"{edition.system}{version}: {edition.codes} codes, {edition.active} active ({made.file}).{gone_on}")
    return 0


def show(into: Path | None, config: Path | None) -> int:
    """The loaded vocabularies as a table."""
    folder = folder_of(into, config)
    if folder is None:
        return 2
    try:
        editions = Vocabularies(folder).editions
    except VocabularyError as error:
        typer.echo(str(error), err=True)
        return 1
    if not editions:
        typer.echo(f"No vocabulary is loaded ({folder}) – load one: segue terminology load FILE", err=True)
        return 0
    table = Table(box=None, pad_edge=False)
    for column in ("vocabulary", "system", "version", "codes", "active"):
        table.add_column(column, justify="right" if column in ("codes", "active") else "left", overflow="fold")
    for one in editions:
        table.add_row(one.name, one.system, one.version, str(one.codes), str(one.active))
    Console().print(table)
    return 0


@contextmanager
def _bar() -> Generator[Callable[[str, float], None]]:
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        tasks: dict[str, TaskID] = {}

        def progress(what: str, share: float) -> None:
            if what not in tasks:
                tasks[what] = bar.add_task(what, total=1.0)
            bar.update(tasks[what], completed=share)

        yield progress
