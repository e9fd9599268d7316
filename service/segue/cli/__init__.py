"""The command `segue`: its words, flags and help; every command's work is in the module named after it, groups of commands in `groups`.

Imports nothing heavy: each command brings what it needs when it runs, so that help comes at once. Exit codes: 0
done, 1 some message failed, 2 the command was called wrongly.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from segue.cli.flags import (
    Bundle,
    Config,
    Narrative,
    PackFolder,
    ResidueOption,
    Site,
    SitesFolder,
    TerminologyFolder,
    TimeZone,
)
from segue.cli.groups import config, journal, terminology, unmapped

app = typer.Typer(
    name="segue",
    help="HL7 v2 messages in, valid FHIR R4 Bundles out.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # rich would double the time to the first line of help
    context_settings={"help_option_names": ["-h", "--help"]},
)
for name, group in (("config", config), ("terminology", terminology), ("unmapped", unmapped), ("journal", journal)):
    app.add_typer(group.app, name=name)


def _version(wanted: bool) -> None:
    if wanted:
        from segue.cli.version import lines

        typer.echo("\n".join(lines()))
        raise typer.Exit


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
