"""`segue journal`: the messages of a journal listed, shown, replayed, exported and pruned, beside a running service.

Works on the journal itself; a service that runs over it notices within a second what was put back in work. Output is
for people, or JSON lines with --json. Raw bytes and Bundles are shown only when asked for in words.
"""

from __future__ import annotations

import asyncio
import getpass
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import orjson
import typer

from segue.cli.children import children_of
from segue.cli.configuration import tell
from segue.cli.remote import RemoteError, translations_for
from segue.cli.rules import RulesError, converter_for, rule_files
from segue.database import StoreError
from segue.delivery.conversions import conversions_of
from segue.journal import acknowledgements, replay, retention, search
from segue.journal.clerk import compared, policies_of, reopened
from segue.journal.content import DamageError, content_of
from segue.journal.editing import resend
from segue.journal.journal import Journal
from segue.journal.search import Query
from segue.journal.states import FINAL
from segue.secret import Secret, SecretError
from segue.settings import Settings, SettingsError, load

Work = Callable[[Journal, Settings], Awaitable[int]]


def _on(journal: str | None, config: Path | None, work: Work) -> int:
    """Exit code of the work; 2 where there is no journal to work on."""
    try:
        settings = load(config, flags={("journal", "url"): journal}).settings
    except SettingsError as error:
        tell(error)
        return 2
    where = settings.journal.url
    if where is None:
        typer.echo("no journal is named – give --journal FILE, or --config with journal.url", err=True)
        return 2

    async def run() -> int:
        opened = await Journal.open(where, create=False, password=Secret.of(settings.journal, "password"))
        try:
            return await work(opened, settings)
        finally:
            await opened.close()

    try:
        return asyncio.run(run())
    except (StoreError, SecretError, RulesError, RemoteError) as error:
        typer.echo(str(error), err=True)
        return 2
    except DamageError as error:
        typer.echo(f"{error}: the stored bytes are not the ones that were received", err=True)
        return 1


def moment(text: str | None) -> float | None:
    """2026-03-01, 2026-03-01T12:30 (UTC without an offset) as seconds; raises ValueError."""
    if text is None:
        return None
    return search.seconds(text)


def query_of(
    control_id: str | None,
    number: str | None,
    sender: str | None,
    type: str | None,
    states: list[str] | None,
    since: str | None,
    until: str | None,
    limit: int,
) -> Query:
    """What the flags of a command look for; raises ValueError for a time that is none."""
    return Query(
        control_id=control_id, number=number, sender=sender, type=type, states=tuple(states or ()),
        since=moment(since), until=moment(until), limit=limit,
    )  # fmt: skip


def _print(row: Any) -> None:
    sys.stdout.buffer.write(orjson.dumps(row) + b"\n")
    sys.stdout.buffer.flush()


def listing(journal: str | None, config: Path | None, query: Query, *, as_json: bool, counts: bool) -> int:
    async def work(opened: Journal, _: Settings) -> int:
        if counts:
            found = await opened.counts()
            parked = await opened.look(search.parked)
            size = await asyncio.to_thread(opened.database.size_bytes)
            if as_json:
                _print({"states": found, "parked": parked, "sizeBytes": size})
                return 0
            lines = [*found.items(), ("parked", parked["messages"]), ("parked keys", parked["keys"]), ("bytes", size)]
            typer.echo("\n".join(f"{name:<12} {number}" for name, number in lines))
            return 0
        for row in await opened.look(lambda connection: search.found(connection, query)):
            if as_json:
                _print(row)
            else:
                typer.echo(_line(row))
        return 0

    return _on(journal, config, work)


def _line(row: dict[str, Any]) -> str:
    parked = f" parked behind {row['parkedBehind']}" if "parkedBehind" in row else ""
    words = (row["id"], row["receivedAt"], row["state"], row["type"], row["sender"], row["controlId"], row["reason"])
    return "  ".join(str(word) for word in words if word != "") + parked


def show(journal: str | None, config: Path | None, id: int, *, raw: bool, bundle: bool) -> int:
    async def work(opened: Journal, _: Settings) -> int:
        row = await opened.look(lambda connection: search.told(connection, id))
        if row is None:
            typer.echo(f"the journal has no message {id}", err=True)
            return 1
        if raw or bundle:
            data = await (opened.raw(id) if raw else opened.bundle(id))
            if data is None:
                typer.echo(f"message {id} has none, or it was pruned", err=True)
                return 1
            sys.stdout.buffer.write(data)
            sys.stdout.buffer.flush()
            return 0
        issues = await opened.look(lambda connection: content_of(connection, id, "issues"))
        row["issues"] = orjson.loads(issues) if issues else []
        sys.stdout.buffer.write(orjson.dumps(row, option=orjson.OPT_INDENT_2) + b"\n")
        return 0

    return _on(journal, config, work)


def again(
    journal: str | None, config: Path | None, ids: list[int], query: Query | None, *, reason: str, dry_run: bool, stale: bool,
    ignore: bool,
) -> int:  # fmt: skip
    """Replays, shows what a replay would change, or sets held messages aside."""

    async def work(opened: Journal, settings: Settings) -> int:
        chosen = list(ids)
        wanted = query
        if wanted is not None:
            rows = await opened.look(lambda connection: search.found(connection, wanted))
            chosen += [row["id"] for row in rows]
        if dry_run:
            return await _differences(opened, settings, sorted(set(chosen)))
        policies = policies_of(settings)
        worst = 0
        for id in sorted(set(chosen)):
            if ignore:
                done = await _ignored(opened, id, reason)
                typer.echo(f"{id} {'ignored' if done else 'is not held'}")
            else:
                result = await reopened(opened, policies, id, reason=reason, stale=stale)
                done = not result.refused
                typer.echo(f"{id} {result.refused or 'in work'}")
            worst = worst if done else 1
        return worst

    return _on(journal, config, work)


WHY_NOT = {
    "unknown": "the journal has no such message",
    "open": "it is still in work: wait until it is done or held",
    "unreadable": "the file has no readable MSH segment",
    "same": "these bytes are in the journal already: replay them instead",
    "stale": "newer messages about the same were delivered: give --stale to send it all the same",
}


def corrected(
    journal: str | None, config: Path | None, id: int, raw: bytes, *, reason: str, by: str | None, stale: bool
) -> int:
    """Sends a corrected text in the place of a message."""

    async def work(opened: Journal, settings: Settings) -> int:
        who = by or getpass.getuser()
        sent = await resend(opened, policies_of(settings), id, raw, reason=reason, by=who, stale=stale)
        if sent.refused:
            typer.echo(f"{id} was not sent again: {WHY_NOT[sent.refused]}", err=True)
            return 1
        typer.echo(f"{id} is sent again as {sent.id}")
        return 0

    return _on(journal, config, work)


def acknowledge(
    journal: str | None, config: Path | None, ids: list[int], *, everyone: bool, reason: str, drop: bool, as_json: bool
) -> int:
    """Lists the acknowledgements that were given up, or sends them again, or drops them."""

    async def work(opened: Journal, _: Settings) -> int:
        held = await opened.look(acknowledgements.all_given_up)
        if not ids and not everyone:
            for row in held:
                if as_json:
                    _print(row)
                else:
                    typer.echo("  ".join(str(word) for word in (row["id"], row["at"], row["listener"], row["reason"])))
            return 0
        worst = 0
        for id in sorted({*ids, *((row["id"] for row in held) if everyone else ())}):
            done = await opened.call(
                lambda connection, now, id=id: acknowledgements.decide(connection, now, id, reason, again=not drop),
                queues=False,
            )
            typer.echo(f"{id} {('dropped' if drop else 'is sent again') if done else 'has none that was given up'}")
            worst = worst if done else 1
        return worst

    return _on(journal, config, work)


async def _ignored(opened: Journal, id: int, reason: str) -> bool:
    return await opened.call(lambda connection, now: replay.resolve(connection, now, id, "ignored", reason))


async def _differences(opened: Journal, settings: Settings, ids: list[int]) -> int:
    about = settings.terminology
    converter = converter_for(
        (settings.site,), about.vocabularies, rule_files(settings), translations_for(about.remote)
    )
    conversions = conversions_of(settings, converter, children=children_of(settings))
    worst = 0
    for id in ids:
        found = await compared(opened, conversions, id)
        if found is None:
            typer.echo(f"{id} has no bytes to convert", err=True)
            worst = 1
            continue
        changes, made = found
        codes = [one.code for one in made.issues] if made.body is None else []
        _print({"id": id, "converts": made.body is not None, "issues": codes, "changes": changes})
    await conversions.close()
    return worst


def export(journal: str | None, config: Path | None, query: Query, out: Path) -> int:
    """Each message as OUT/ID.hl7, with its metadata in OUT/messages.ndjson."""

    async def work(opened: Journal, _: Settings) -> int:
        out.mkdir(parents=True, exist_ok=True)
        rows = await opened.look(lambda connection: search.found(connection, query))
        written = 0
        with (out / "messages.ndjson").open("wb") as index:
            for row in reversed(rows):
                data = await opened.raw(row["id"])
                if data is not None:
                    (out / f"{row['id']:010}.hl7").write_bytes(data)
                    written += 1
                index.write(orjson.dumps(row) + b"\n")
        typer.echo(f"{written} messages in {out}")
        return 0

    return _on(journal, config, work)


def prune(
    journal: str | None, config: Path | None, *, bodies_days: float | None, history_days: float | None, states: list[str],
    dry_run: bool,
) -> int:  # fmt: skip
    async def work(opened: Journal, settings: Settings) -> int:
        kept = settings.journal.retention
        done = await retention.prune(
            opened,
            bodies_days=kept.bodies_days if bodies_days is None else bodies_days,
            history_days=kept.history_days if history_days is None else history_days,
            states=states or FINAL,
            dry_run=dry_run,
        )
        word = "would lose" if dry_run else "lost"
        typer.echo(f"{done.bodies} messages {word} their bodies, {done.messages} {word} their place")
        return 0

    return _on(journal, config, work)
