"""`segue unmapped`: the inbox as a table or sheet, and what a person decides (O-89, T-64 to T-67). Needs no running service."""

from __future__ import annotations

import getpass
import sys
from collections.abc import Callable
from pathlib import Path

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from segue.cli.configuration import loaded
from segue.database import StoreError
from segue.inbox.desk import Desk, DeskError, Effect
from segue.inbox.entry import Entry, State
from segue.inbox.sheet import filled, sheet
from segue.inbox.store import ConflictError, Inbox
from segue.inbox.suggestions import suggestions
from segue.journal.database import Database
from segue.journal.waiting import WaitingMessages
from segue.secret import Secret, SecretError
from segue.settings import Settings
from segue.terminology import Terminology, TerminologyError
from segue.terminology.maprows import MapRow
from segue.terminology.vocabularies import Vocabularies, VocabularyError

WIDE = 160  # columns, where nobody's terminal says how many


def desk_for(settings: Settings, terminology: Callable[[], Terminology] | None = None) -> Desk | None:
    """The desk of the settings, by the terminology in force or the one of their folder; None where no inbox is kept.

    Raises StoreError.
    """
    if settings.inbox.url is None:
        return None
    folder = Path(settings.terminology.folder) if settings.terminology.folder else None
    inbox = Inbox(settings.inbox.url, password=Secret.of(settings.inbox, "password"))
    return Desk(inbox, folder, terminology or _of_folder(folder))


def _waiting(settings: Settings) -> WaitingMessages | None:
    """What waits in the journal of the settings, beside a service that may run over it."""
    if settings.journal.url is None:
        return None
    try:
        return WaitingMessages(
            Database(settings.journal.url, create=False, password=Secret.of(settings.journal, "password"))
        )
    except (StoreError, SecretError) as error:
        typer.echo(f"how many messages wait is not known: {error}", err=True)
        return None


def _of_folder(folder: Path | None) -> Callable[[], Terminology]:
    """What ships, with the files of a folder over it; the first accepted row makes a folder that is not there."""
    known = Terminology.load().overlaid(*([folder] if folder is not None and folder.is_dir() else []))
    return lambda: known


def _at(config: Path | None, work: Callable[[Desk, Settings], int]) -> int:
    """Does something at the desk of the settings; 1 where it cannot be done, 2 where there is none."""
    found = loaded(config)
    if found is None:
        return 2
    try:
        desk = desk_for(found.settings)
        if desk is None:
            typer.echo("No inbox is kept – set inbox.url to a file or a database.", err=True)
            return 2
        desk.waiting = _waiting(found.settings) or desk.waiting
        return work(desk, found.settings)
    except (DeskError, ConflictError, StoreError, TerminologyError, VocabularyError) as error:
        typer.echo(str(error), err=True)
        return 1


def show_all(config: Path | None, sender: str | None, state: State | None) -> int:
    """All entries as a table, the most frequent first."""

    def work(desk: Desk, _: Settings) -> int:
        table = Table(box=None, pad_edge=False)
        columns = ("id", "sender", "field", "system", "code", "unit", "text", "messages", "state")
        for column in columns:
            right = column == "messages"
            table.add_column(column, overflow="fold", no_wrap=column == "id", justify="right" if right else "left")
        for one in desk.inbox.entries(sender=sender, state=state, limit=None):
            table.add_row(*map(Text, (one.id, *one.key, one.text, str(one.count), one.state)))
        Console(width=None if sys.stdout.isatty() else WIDE).print(table)
        return 0

    return _at(config, work)


def show(config: Path | None, id: str) -> int:
    """One entry with everything known, and suggestions."""

    def work(desk: Desk, settings: Settings) -> int:
        one = desk.entry(id)
        out = Console()
        facts = {**one.key._asdict(), "table": one.table, "policy": one.policy, "state": one.state}
        facts |= {"messages": str(one.count), "waiting": str(desk.waiting.count(one.key))}
        facts |= {
            "texts": "; ".join(f"{text} ({count})" for text, count in one.texts),
            "samples": " ".join(one.samples),
        }
        if one.decided_at is not None:
            facts["decided"] = f"by {one.decided_by} {one.reason}".strip()
        about = Table(box=None, pad_edge=False, show_header=False)
        for name, value in facts.items():
            about.add_row(Text(name, style="dim"), Text(value))
        out.print(about)
        offers = suggestions(one, desk.inbox, desk.terminology, Vocabularies(Path(settings.terminology.vocabularies)))
        if offers:
            table = Table(title="Suggestions", title_justify="left", box=None, pad_edge=False)
            for column in ("by", "system", "code", "display", "score", "note"):
                table.add_column(column, overflow="fold")
            for offer in offers:
                table.add_row(*map(Text, (offer.by, *offer[1:4], f"{offer.score:.2f}", offer.note)))
            out.print(table)
        return 0

    return _at(config, work)


def export(config: Path | None, sender: str | None, state: State) -> int:
    """A sheet with the columns of a map to standard output."""

    def work(desk: Desk, _: Settings) -> int:
        found = desk.inbox.entries(sender=sender, state=state, limit=None)
        sys.stdout.buffer.write(sheet(one for one in found if one.table != "UCUM"))
        sys.stdout.buffer.flush()
        return 0

    return _at(config, work)


def accept(config: Path | None, what: str, target: MapRow | None, by: str | None, dry_run: bool) -> int:
    """One entry by its id with a target, or a filled sheet."""

    def work(desk: Desk, _: Settings) -> int:
        who = by or getpass.getuser()
        if target is not None:
            effects = [desk.accept(desk.entry(what), target, by=who, dry_run=dry_run)]
        else:
            try:
                content = Path(what).read_bytes()
            except OSError as error:
                raise DeskError(
                    f"cannot be read: {error.strerror} ({what}) – name a filled sheet, or an id and --code"
                ) from None
            found = filled(content, what, desk.terminology)
            rows = [(_known(desk, key.id, key.code), row) for key, row in found]
            effects = desk.accept_all(rows, by=who, dry_run=dry_run)
        for effect in effects:
            typer.echo(_told(effect, dry_run))
        if not effects:
            typer.echo("no row has a target", err=True)
        return 0

    return _at(config, work)


def _known(desk: Desk, id: str, code: str) -> Entry:
    found = desk.inbox.entry(id)
    if found is None:
        raise DeskError(
            f"no entry has the sender, field, system, code and unit of the row for {code} – leave these cells as exported"
        )
    return found


def _told(effect: Effect, dry_run: bool) -> str:
    row = effect.row
    verb = "would map" if dry_run else "mapped"
    return (
        f"{verb} {row.source_code} of {row.sender or 'every sender'} to {row.target_system} {row.target_code} ({effect.file}); "
        f"{effect.seen} messages had it, {effect.waiting} waiting ones {'would go' if dry_run else 'go'} on"
    )


def decide(config: Path | None, id: str, action: str, reason: str, by: str | None) -> int:
    """ignore, reopen or undo."""

    def work(desk: Desk, _: Settings) -> int:
        one, who = desk.entry(id), by or getpass.getuser()
        if action == "ignore":
            desk.ignore(one, by=who, reason=reason)
        elif action == "reopen":
            desk.reopen(one, by=who, reason=reason)
        else:
            gone = desk.undo(one, by=who, reason=reason)[1]
            if not gone:
                typer.echo("the row was not in the map any more", err=True)
        typer.echo(f"{one.key.code} of {one.key.sender} is {desk.entry(id).state}")
        return 0

    return _at(config, work)
