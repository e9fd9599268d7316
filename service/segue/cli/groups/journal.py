"""`segue journal`: the messages of a journal."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from segue.cli.flags import Config, JournalOption
from segue.options import did_you_mean

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="List, show, replay, correct, export and prune the messages of a journal.",
)


def _at(value: str | None) -> str | None:
    from segue.cli.journal import moment

    try:
        moment(value)
    except ValueError:
        raise typer.BadParameter("write a time as 2026-03-01 or 2026-03-01T12:30+01:00") from None
    return value


def _state(values: list[str] | None) -> list[str]:
    from segue.journal.states import STATES

    for value in values or ():
        if value not in STATES:
            raise typer.BadParameter(did_you_mean(value, STATES))
    return values or []


ControlId = Annotated[str | None, typer.Option(metavar="ID", help="MSH-10.")]
Number = Annotated[str | None, typer.Option(metavar="NUMBER", help="Of a patient, visit or order.")]
Sending = Annotated[str | None, typer.Option(metavar="MSH-3|MSH-4", help="Sending application and facility.")]
Type = Annotated[str | None, typer.Option("--type", metavar="ADT^A01", help="MSH-9.")]
States = Annotated[
    list[str] | None, typer.Option("--state", metavar="STATE", callback=_state, help="State; several may be given.")
]
Since = Annotated[
    str | None, typer.Option(metavar="TIME", callback=_at, help="Received at or after; UTC without offset.")
]
Until = Annotated[str | None, typer.Option(metavar="TIME", callback=_at, help="Received before.")]
Most = Annotated[int, typer.Option("--limit", metavar="N", min=1, help="Most messages, the newest.")]


@app.command("list")
def journal_list(
    journal: JournalOption = None,
    config: Config = None,
    control_id: ControlId = None,
    number: Number = None,
    sender: Sending = None,
    type_: Type = None,
    state: States = None,
    since: Since = None,
    until: Until = None,
    limit: Most = 50,
    json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
    counts: Annotated[bool, typer.Option("--counts", help="Messages by state, parked keys and size instead.")] = False,
) -> None:
    """List messages, newest first."""
    from segue.cli.journal import listing, query_of

    query = query_of(control_id, number, sender, type_, state, since, until, limit)
    raise typer.Exit(listing(journal, config, query, as_json=json, counts=counts))


@app.command("show")
def journal_show(
    id: Annotated[int, typer.Argument(metavar="ID", help="The message's number in the journal.")],
    journal: JournalOption = None,
    config: Config = None,
    raw: Annotated[bool, typer.Option("--raw", help="The bytes as received. They hold patient data.")] = False,
    bundle: Annotated[bool, typer.Option("--bundle", help="The Bundle as made. It holds patient data.")] = False,
) -> None:
    """Show one message: its state, timeline, deliveries and issues."""
    from segue.cli.journal import show as run

    raise typer.Exit(run(journal, config, id, raw=raw, bundle=bundle))


@app.command("replay")
def journal_replay(
    reason: Annotated[str, typer.Option(metavar="WORDS", help="Why; kept in the timeline.")],
    ids: Annotated[list[int] | None, typer.Argument(metavar="ID", help="Messages by number.")] = None,
    journal: JournalOption = None,
    config: Config = None,
    control_id: ControlId = None,
    number: Number = None,
    sender: Sending = None,
    type_: Type = None,
    state: States = None,
    since: Since = None,
    until: Until = None,
    limit: Most = 1000,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would differ; change nothing.")] = False,
    stale: Annotated[bool, typer.Option("--stale", help="Also over newer messages of the same patient.")] = False,
    ignore: Annotated[
        bool, typer.Option("--ignore", help="Set held messages aside instead; what they park goes on.")
    ] = False,
) -> None:
    """Work on messages again, with the present rules, as the newest of their patients."""
    from segue.cli.journal import again, query_of

    asked = (control_id, number, sender, type_, since, until)
    query = None
    if any(one is not None for one in asked) or state:
        query = query_of(control_id, number, sender, type_, state, since, until, limit)
    if not ids and query is None:
        raise typer.BadParameter("name messages by number, or by an option such as --state dead")
    raise typer.Exit(
        again(journal, config, ids or [], query, reason=reason, dry_run=dry_run, stale=stale, ignore=ignore)
    )


@app.command("resend")
def journal_resend(
    id: Annotated[int, typer.Argument(metavar="ID", help="The message that was corrected.")],
    file: Annotated[
        Path, typer.Option(exists=True, dir_okay=False, metavar="FILE", help="The corrected message, ER7 text.")
    ],
    reason: Annotated[str, typer.Option(metavar="WORDS", help="Why; kept in the timeline of both.")],
    by: Annotated[str | None, typer.Option(metavar="NAME", help="Who; default: the user of this machine.")] = None,
    journal: JournalOption = None,
    config: Config = None,
    stale: Annotated[bool, typer.Option("--stale", help="Also over newer messages of the same patient.")] = False,
) -> None:
    """Send a corrected text as a new message in the place of one that is held or done, which stays as it is."""
    from segue.cli.journal import corrected

    raise typer.Exit(corrected(journal, config, id, file.read_bytes(), reason=reason, by=by, stale=stale))


@app.command("acknowledge")
def journal_acknowledge(
    ids: Annotated[list[int] | None, typer.Argument(metavar="ID", help="Messages by number; none: list them.")] = None,
    journal: JournalOption = None,
    config: Config = None,
    everyone: Annotated[bool, typer.Option("--all", help="Every one that was given up.")] = False,
    reason: Annotated[str, typer.Option(metavar="WORDS", help="Why; kept in the timeline.")] = "",
    drop: Annotated[bool, typer.Option("--drop", help="Never send them; readiness tells of them no more.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Listed as one JSON object a line.")] = False,
) -> None:
    """List application acknowledgements that a callback's peer never took, or send them again."""
    from segue.cli.journal import acknowledge

    if (ids or everyone) and not reason.strip():
        raise typer.BadParameter("--reason: say why; it is kept in the timeline")
    raise typer.Exit(acknowledge(journal, config, ids or [], everyone=everyone, reason=reason, drop=drop, as_json=json))


@app.command("export")
def journal_export(
    out: Annotated[Path, typer.Option(metavar="DIR", file_okay=False, help="Where ID.hl7 and messages.ndjson go.")],
    journal: JournalOption = None,
    config: Config = None,
    control_id: ControlId = None,
    number: Number = None,
    sender: Sending = None,
    type_: Type = None,
    state: States = None,
    since: Since = None,
    until: Until = None,
    limit: Most = 1_000_000,
) -> None:
    """Write messages as they were received to files. They hold patient data."""
    from segue.cli.journal import export, query_of

    query = query_of(control_id, number, sender, type_, state, since, until, limit)
    raise typer.Exit(export(journal, config, query, out))


@app.command("prune")
def journal_prune(
    journal: JournalOption = None,
    config: Config = None,
    bodies_days: Annotated[
        float | None, typer.Option(metavar="DAYS", min=0, help="Raw bytes and Bundles older than this; default: 30.")
    ] = None,
    history_days: Annotated[
        float | None, typer.Option(metavar="DAYS", min=0, help="Whole messages older than this; default: 90.")
    ] = None,
    state: States = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Count only.")] = False,
) -> None:
    """Remove old settled messages; never one that is open or held."""
    from segue.cli.journal import prune

    raise typer.Exit(
        prune(
            journal,
            config,
            bodies_days=bodies_days,
            history_days=history_days,
            states=list(state or ()),
            dry_run=dry_run,
        )
    )
