"""The command `segue`: its words, flags and help; every command's work is in the module named after it.

Imports nothing heavy: each command brings what it needs when it runs, so that help comes at once. Exit codes: 0
done, 1 some message failed, 2 the command was called wrongly.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, cast

import typer

from segue.options import BUNDLES, RESIDUES, did_you_mean, is_timezone, timezone_hint

app = typer.Typer(
    name="segue",
    help="HL7 v2 messages in, valid FHIR R4 Bundles out.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # rich would double the time to the first line of help
    context_settings={"help_option_names": ["-h", "--help"]},
)
config_app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="Check, show and describe the settings of the service."
)
terminology_app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Vocabularies and maps of codes.")
app.add_typer(config_app, name="config")
app.add_typer(terminology_app, name="terminology")
unmapped_app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Codes that nobody could translate yet.")
app.add_typer(unmapped_app, name="unmapped")
journal_app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="List, show, replay, export and prune the messages of a journal."
)
app.add_typer(journal_app, name="journal")


def _word(known: tuple[str, ...]):
    def check(value: str | None) -> str | None:
        if value is not None and value not in known:
            raise typer.BadParameter(did_you_mean(value, known))
        return value

    return check


def _zone(value: str | None) -> str | None:
    if value is not None and not is_timezone(value):
        raise typer.BadParameter(timezone_hint(value))
    return value


def _version(wanted: bool) -> None:
    if wanted:
        from segue.cli.version import lines

        typer.echo("\n".join(lines()))
        raise typer.Exit


TimeZone = Annotated[
    str | None,
    typer.Option(
        metavar="ZONE",
        callback=_zone,
        help="Zone of times without one: America/Toronto, -05:00. Without it they become dates.",
    ),
]
Site = Annotated[str | None, typer.Option(metavar="NAME", help="Site overlay; default: chosen by MSH-3/4/9/12.")]
Bundle = Annotated[
    str | None,
    typer.Option(metavar="KIND", callback=_word(BUNDLES), help=f"{' | '.join(BUNDLES)}; default: transaction."),
]
ResidueOption = Annotated[
    str | None,
    typer.Option(
        metavar="WHAT",
        callback=_word(RESIDUES),
        help=f"Fields without a home in FHIR: {' | '.join(RESIDUES)}; default: report.",
    ),
]
Narrative = Annotated[
    bool | None, typer.Option("--narrative", help="Give each resource a text for a reader.", show_default=False)
]
PackFolder = Annotated[
    Path | None,
    typer.Option(
        "--pack", metavar="DIR", exists=True, file_okay=False, help="A mapping pack in place of the one that ships."
    ),
]
TerminologyFolder = Annotated[
    Path | None,
    typer.Option(
        "--terminology", metavar="DIR", exists=True, file_okay=False,
        help="Tables, code maps, units, systems that stand before those that ship.",
    ),
]  # fmt: skip
SitesFolder = Annotated[
    Path | None,
    typer.Option("--sites", metavar="DIR", exists=True, file_okay=False, help="Site overlays, a folder each."),
]
Config = Annotated[
    Path | None, typer.Option(metavar="FILE", exists=True, dir_okay=False, readable=True, help="Settings in YAML.")
]

JournalOption = Annotated[
    str | None, typer.Option("--journal", metavar="FILE|URL", help="The journal; default: that of --config.")
]


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


@app.callback()
def main(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and leave.")
    ] = False,
) -> None:
    """HL7 v2 messages in, valid FHIR R4 Bundles out."""


@app.command()
def convert(
    paths: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="FILE|DIR|-", help="Messages; a folder is walked for *.hl7, *.er7, *.txt; - is standard input."
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", file_okay=False, help="NAME.hl7 becomes DIR/NAME.json; with several messages NAME.ndjson."
        ),
    ] = None,
    ndjson: Annotated[
        bool, typer.Option("--ndjson", help="One line for each message; an OperationOutcome for one that failed.")
    ] = False,
    bundle: Bundle = None,
    timezone: TimeZone = None,
    site: Site = None,
    residue: ResidueOption = None,
    narrative: Narrative = None,
    pack: PackFolder = None,
    terminology: TerminologyFolder = None,
    sites: SitesFolder = None,
    report: Annotated[
        bool, typer.Option("--report", help="Show on standard error what became of every field, and all issues.")
    ] = False,
    jobs: Annotated[
        int, typer.Option(metavar="N", min=1, help="Processes; the output is the same and in the same order.")
    ] = 1,
    dump: Annotated[
        str | None,
        typer.Option(metavar="MAP", help="Print the Python that a map, such as PID.Patient, becomes; convert nothing."),
    ] = None,
) -> None:
    """Convert messages to Bundles: JSON to standard output, or files with --out."""
    if dump is not None:
        from segue.cli.mapping import dump as show

        raise typer.Exit(show(dump, site, pack, terminology, sites))
    from segue.cli.conversion import run
    from segue.reloading import RuleFiles

    if out is not None and ndjson:
        raise typer.BadParameter("--out and --ndjson exclude each other.")
    options = {"bundle": bundle, "timezone": timezone, "site": site, "residue": residue, "narrative": narrative}
    given = {name: value for name, value in options.items() if value is not None}
    raise typer.Exit(
        run(
            paths or [],
            out=out,
            ndjson=ndjson,
            options=given,
            report=report,
            jobs=jobs,
            files=RuleFiles(pack, terminology, sites),
        )
    )


@app.command()
def serve(
    config: Config = None,
    host: Annotated[str | None, typer.Option(metavar="HOST", help="Address of all doors; default: 127.0.0.1.")] = None,
    http_port: Annotated[
        int | None, typer.Option(metavar="PORT", min=0, max=65535, help="HTTP; default: 8080; 0: any.")
    ] = None,
    mllp_port: Annotated[
        int | None, typer.Option(metavar="PORT", min=0, max=65535, help="MLLP; default: 2575; 0: any.")
    ] = None,
    deliver: Annotated[
        str | None,
        typer.Option(
            metavar="FOLDER|FILE.ndjson|URL",
            help="Where Bundles of messages go, from the journal or before they are accepted; mllp:// forwards the messages themselves.",
        ),
    ] = None,
    journal: Annotated[
        str | None,
        typer.Option(
            metavar="FILE|URL",
            help="Keep every message before it is accepted: a file, or postgresql://USER@HOST/DATABASE.",
        ),
    ] = None,
    bundle: Bundle = None,
    timezone: TimeZone = None,
    site: Site = None,
    residue: ResidueOption = None,
    narrative: Narrative = None,
    pack: PackFolder = None,
    terminology: TerminologyFolder = None,
    sites: SitesFolder = None,
    plaintext: Annotated[
        bool,
        typer.Option(
            "--plaintext", help="Listen off loopback without TLS or credentials. Patient data travels readable."
        ),
    ] = False,
) -> None:
    """Run the HTTP and MLLP doors in one process."""
    from segue.cli.service import run

    flags: dict[tuple[str | int, ...], object] = {
        ("http", "host"): host,
        ("listeners", 0, "host"): host,
        ("http", "port"): http_port,
        ("listeners", 0, "port"): mllp_port,
        ("http", "plaintext"): plaintext or None,
        ("listeners", 0, "plaintext"): plaintext or None,
        ("deliver",): deliver,
        ("journal", "url"): journal,
        ("bundle",): bundle,
        ("timezone",): timezone,
        ("site",): site,
        ("residue",): residue,
        ("narrative",): narrative,
        ("pack",): str(pack) if pack else None,
        ("terminology", "folder"): str(terminology) if terminology else None,
        ("sites",): str(sites) if sites else None,
    }
    raise typer.Exit(run(config, flags))


@app.command()
def send(
    paths: Annotated[list[str], typer.Argument(metavar="FILE", help="Messages to send; - is standard input.")],
    host: Annotated[str, typer.Option(metavar="HOST")] = "127.0.0.1",
    port: Annotated[int, typer.Option(metavar="PORT", min=1, max=65535)] = 2575,
    timeout: Annotated[
        float, typer.Option(metavar="SECONDS", min=0.1, help="Longest wait for an acknowledgement.")
    ] = 30,
    tls: Annotated[bool, typer.Option("--tls", help="Over TLS; the listener's certificate has to name HOST.")] = False,
    ca_file: Annotated[
        str | None, typer.Option(metavar="PEM", help="Authorities that vouch for the listener; default: the system's.")
    ] = None,
    cert_file: Annotated[str | None, typer.Option(metavar="PEM", help="Own certificate, for mutual TLS.")] = None,
    key_file: Annotated[str | None, typer.Option(metavar="PEM", help="Its private key.")] = None,
) -> None:
    """Send messages over MLLP and show each acknowledgement."""
    from segue.cli.sending import run

    files = {"ca_file": ca_file, "cert_file": cert_file, "key_file": key_file}
    if not tls and any(files.values()):
        raise typer.BadParameter("--ca-file, --cert-file and --key-file need --tls.")
    if (cert_file is None) != (key_file is None):
        raise typer.BadParameter("--cert-file and --key-file go together.")
    raise typer.Exit(run(paths, host, port, timeout, files if tls else None))


@app.command()
def lint(
    folder: Annotated[
        Path | None,
        typer.Argument(
            metavar="FOLDER", exists=True, file_okay=False, help="A mapping pack; default: the one that ships."
        ),
    ] = None,
    sites: Annotated[
        Path | None, typer.Option(metavar="DIR", exists=True, file_okay=False, help="A folder of sites, each a folder.")
    ] = None,
) -> None:
    """Check mapping files and sites; every fault with its file and line."""
    from segue.cli.mapping import lint as run

    raise typer.Exit(run(folder, sites))


@app.command()
def version() -> None:
    """Show the version of the program and of its rules."""
    from segue.cli.version import lines

    typer.echo("\n".join(lines()))


@config_app.command()
def check(config: Config = None) -> None:
    """Check all settings; every fault is named."""
    from segue.cli.configuration import check as run

    raise typer.Exit(run(config))


@config_app.command()
def show(config: Config = None) -> None:
    """Show the effective settings and where each comes from."""
    from segue.cli.configuration import show as run

    raise typer.Exit(run(config))


@config_app.command()
def schema() -> None:
    """Print the JSON Schema of the settings file, for editors."""
    from segue.cli.configuration import schema as run

    raise typer.Exit(run())


Vocabularies = Annotated[
    Path | None,
    typer.Option("--into", metavar="DIR", file_okay=False, help="Folder of the indexes; default: as in the settings."),
]


@terminology_app.command("load")
def load_vocabulary(
    release: Annotated[
        Path, typer.Argument(metavar="FILE", exists=True, help="The release: archive, unpacked folder or single file.")
    ],
    into: Vocabularies = None,
    config: Config = None,
) -> None:
    """Load LOINC (CSV), SNOMED CT (RF2 snapshot), RxNorm (RRF), CVX (text, XML) or a FHIR CodeSystem."""
    from segue.cli.vocabularies import run

    raise typer.Exit(run(release, into, config))


@terminology_app.command("loaded")
def show_vocabularies(into: Vocabularies = None, config: Config = None) -> None:
    """Show the vocabularies that are loaded."""
    from segue.cli.vocabularies import show

    raise typer.Exit(show(into, config))


@terminology_app.command("answers")
def show_answers(config: Config = None) -> None:
    """Show what the terminology server has answered so far."""
    from segue.cli.remote import answers

    raise typer.Exit(answers(config))


@terminology_app.command("forget")
def forget_answers(
    kind: Annotated[
        str | None,
        typer.Option(
            metavar="KIND",
            callback=_word(("positive", "negative", "error")),
            help="positive | negative | error; default: all.",
        ),
    ] = None,
    config: Config = None,
) -> None:
    """Forget answers of the terminology server, so that it is asked anew."""
    from segue.cli.remote import forget

    raise typer.Exit(forget(config, kind))


@terminology_app.command("import")
def import_maps(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE", exists=True, dir_okay=False, help="A sheet (CSV) or a ConceptMap (JSON, R4 or R5)."
        ),
    ],
    into: Annotated[Path, typer.Option("--terminology", metavar="DIR", file_okay=False, help="The folder it goes to.")],
    sender: Annotated[str | None, typer.Option(metavar="MSH-3|MSH-4", help="Sender of rows that name none.")] = None,
) -> None:
    """Take a map of codes into a folder, whole or not at all."""
    from segue.cli.maps import take

    raise typer.Exit(take(file, into, sender))


@terminology_app.command("export")
def export_maps(
    folder: Annotated[
        Path,
        typer.Option("--terminology", metavar="DIR", exists=True, file_okay=False, help="The folder it comes from."),
    ],
    sender: Annotated[str | None, typer.Option(metavar="MSH-3|MSH-4", help="Only the rows of this sender.")] = None,
    kind: Annotated[
        str, typer.Option("--as", metavar="KIND", callback=_word(("csv", "conceptmap")), help="csv | conceptmap")
    ] = "csv",
) -> None:
    """Print the maps of a folder as a sheet or as FHIR ConceptMaps."""
    from segue.cli.maps import give

    raise typer.Exit(give(folder, sender, kind))


@terminology_app.command("check")
def check_maps(
    pack: PackFolder = None,
    terminology: TerminologyFolder = None,
    sites: SitesFolder = None,
    vocabularies: Annotated[
        Path, typer.Option(metavar="DIR", file_okay=False, help="Loaded vocabularies that targets are looked up in.")
    ] = Path("vocabularies"),
) -> None:
    """Check terminology and maps: every fault with file and line, and what else to look at."""
    from segue.cli.maps import check

    raise typer.Exit(check(pack, terminology, sites, vocabularies))


Sender = Annotated[str | None, typer.Option(metavar="MSH-3|MSH-4", help="Only this sender's.")]
EntryId = Annotated[str, typer.Argument(metavar="ID", help="Of `segue unmapped list`.")]
By = Annotated[str | None, typer.Option(metavar="NAME", help="Who decides; default: the user of this process.")]
Reason = Annotated[str, typer.Option(metavar="TEXT")]
STATES = ("open", "pending", "mapped", "ignored")


@unmapped_app.command("list")
def list_unmapped(
    sender: Sender = None,
    state: Annotated[
        str | None, typer.Option(metavar="STATE", callback=_word(STATES), help=f"{' | '.join(STATES)}; default: all.")
    ] = None,
    config: Config = None,
) -> None:
    """List the inbox, the most frequent code first."""
    from segue.cli.unmapped import show_all

    raise typer.Exit(show_all(config, sender, cast("Any", state)))


@unmapped_app.command("show")
def show_unmapped(id: EntryId, config: Config = None) -> None:
    """Show one entry, with suggestions."""
    from segue.cli.unmapped import show

    raise typer.Exit(show(config, id))


@unmapped_app.command("export")
def export_unmapped(
    sender: Sender = None,
    state: Annotated[
        str, typer.Option(metavar="STATE", callback=_word(STATES), help=f"{' | '.join(STATES)}; default: open.")
    ] = "open",
    config: Config = None,
) -> None:
    """Print a sheet (CSV) whose targets are to be filled in."""
    from segue.cli.unmapped import export

    raise typer.Exit(export(config, sender, cast("Any", state)))


@unmapped_app.command("accept")
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


@unmapped_app.command("ignore")
def ignore_unmapped(id: EntryId, reason: Reason = "", by: By = None, config: Config = None) -> None:
    """Close an entry without a mapping; other words open it again."""
    from segue.cli.unmapped import decide

    raise typer.Exit(decide(config, id, "ignore", reason, by))


@unmapped_app.command("reopen")
def reopen_unmapped(id: EntryId, reason: Reason = "", by: By = None, config: Config = None) -> None:
    """Open a closed entry."""
    from segue.cli.unmapped import decide

    raise typer.Exit(decide(config, id, "reopen", reason, by))


@unmapped_app.command("undo")
def undo_unmapped(id: EntryId, reason: Reason = "", by: By = None, config: Config = None) -> None:
    """Take an accepted mapping out of its map."""
    from segue.cli.unmapped import decide

    raise typer.Exit(decide(config, id, "undo", reason, by))


@journal_app.command("list")
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
    from segue.cli.journal import listing, moment
    from segue.journal.search import Query

    query = Query(
        control_id=control_id, number=number, sender=sender, type=type_, states=tuple(state or ()),
        since=moment(since), until=moment(until), limit=limit,
    )  # fmt: skip
    raise typer.Exit(listing(journal, config, query, as_json=json, counts=counts))


@journal_app.command("show")
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


@journal_app.command("replay")
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
    from segue.cli.journal import again, moment
    from segue.journal.search import Query

    asked = (control_id, number, sender, type_, since, until)
    query = None
    if any(one is not None for one in asked) or state:
        query = Query(
            control_id=control_id, number=number, sender=sender, type=type_, states=tuple(state or ()),
            since=moment(since), until=moment(until), limit=limit,
        )  # fmt: skip
    if not ids and query is None:
        raise typer.BadParameter("name messages by number, or by an option such as --state dead")
    raise typer.Exit(
        again(journal, config, ids or [], query, reason=reason, dry_run=dry_run, stale=stale, ignore=ignore)
    )


@journal_app.command("export")
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
    from segue.cli.journal import export, moment
    from segue.journal.search import Query

    query = Query(
        control_id=control_id, number=number, sender=sender, type=type_, states=tuple(state or ()),
        since=moment(since), until=moment(until), limit=limit,
    )  # fmt: skip
    raise typer.Exit(export(journal, config, query, out))


@journal_app.command("prune")
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
