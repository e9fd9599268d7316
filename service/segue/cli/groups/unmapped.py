"""`segue unmapped`: the inbox of codes that nobody could translate."""

from __future__ import annotations

from typing import Annotated, Any, cast

import typer

from segue.cli.flags import Config, word

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Codes that nobody could translate yet.")


Sender = Annotated[str | None, typer.Option(metavar="MSH-3|MSH-4", help="Only this sender's.")]
EntryId = Annotated[str, typer.Argument(metavar="ID", help="Of `segue unmapped list`.")]
By = Annotated[str | None, typer.Option(metavar="NAME", help="Who decides; default: the user of this process.")]
Reason = Annotated[str, typer.Option(metavar="TEXT")]
STATES = ("open", "pending", "mapped", "ignored")


@app.command("list")
def list_unmapped(
    sender: Sender = None,
    state: Annotated[
        str | None, typer.Option(metavar="STATE", callback=word(STATES), help=f"{' | '.join(STATES)}; default: all.")
    ] = None,
    config: Config = None,
) -> None:
    """List the inbox, the most frequent code first."""
    from segue.cli.unmapped import show_all

    raise typer.Exit(show_all(config, sender, cast("Any", state)))


@app.command("show")
def show_unmapped(id: EntryId, config: Config = None) -> None:
    """Show one entry, with suggestions."""
    from segue.cli.unmapped import show

    raise typer.Exit(show(config, id))


@app.command("export")
def export_unmapped(
    sender: Sender = None,
    state: Annotated[
        str, typer.Option(metavar="STATE", callback=word(STATES), help=f"{' | '.join(STATES)}; default: open.")
    ] = "open",
    config: Config = None,
) -> None:
    """Print a sheet (CSV) whose targets are to be filled in."""
    from segue.cli.unmapped import export

    raise typer.Exit(export(config, sender, cast("Any", state)))


@app.command("accept")
def accept_unmapped(
    what: Annotated[str, typer.Argument(metavar="FILE.csv|ID", help="A filled sheet, or an entry with --code.")],
    system: Annotated[str, typer.Option(metavar="URI|NAME", help="Target system: LN, http://loinc.org.")] = "LN",
    code: Annotated[str | None, typer.Option(metavar="CODE", help="Target code.")] = None,
    display: Annotated[str, typer.Option(metavar="TEXT", help="Target display.")] = "",
    equivalence: Annotated[str, typer.Option(metavar="WORD", help="As in R4's ConceptMap.")] = "equivalent",
    comment: Annotated[str, typer.Option(metavar="TEXT")] = "",
    by: By = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what it would do.")] = False,
    config: Config = None,
) -> None:
    """Accept mappings: rows of the senders' maps."""
    from segue.cli.unmapped import accept
    from segue.terminology.maprows import MapRow

    target = None
    if code is not None:
        target = MapRow(
            target_system=system, target_code=code, target_display=display, equivalence=equivalence, comment=comment
        )
    raise typer.Exit(accept(config, what, target, by, dry_run))


@app.command("ignore")
def ignore_unmapped(id: EntryId, reason: Reason = "", by: By = None, config: Config = None) -> None:
    """Close an entry without a mapping; other words open it again."""
    from segue.cli.unmapped import decide

    raise typer.Exit(decide(config, id, "ignore", reason, by))


@app.command("reopen")
def reopen_unmapped(id: EntryId, reason: Reason = "", by: By = None, config: Config = None) -> None:
    """Open a closed entry."""
    from segue.cli.unmapped import decide

    raise typer.Exit(decide(config, id, "reopen", reason, by))


@app.command("undo")
def undo_unmapped(id: EntryId, reason: Reason = "", by: By = None, config: Config = None) -> None:
    """Take an accepted mapping out of its map."""
    from segue.cli.unmapped import decide

    raise typer.Exit(decide(config, id, "undo", reason, by))
