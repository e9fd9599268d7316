"""`segue terminology`: vocabularies, a terminology server's answers, maps of codes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from segue.cli.flags import Config, PackFolder, SitesFolder, TerminologyFolder, word

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Vocabularies and maps of codes.")


Vocabularies = Annotated[
    Path | None,
    typer.Option("--into", metavar="DIR", file_okay=False, help="Folder of the indexes; default: as in the settings."),
]


@app.command("load")
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


@app.command("loaded")
def show_vocabularies(into: Vocabularies = None, config: Config = None) -> None:
    """Show the vocabularies that are loaded."""
    from segue.cli.vocabularies import show

    raise typer.Exit(show(into, config))


@app.command("answers")
def show_answers(config: Config = None) -> None:
    """Show what the terminology server has answered so far."""
    from segue.cli.remote import answers

    raise typer.Exit(answers(config))


@app.command("forget")
def forget_answers(
    kind: Annotated[
        str | None,
        typer.Option(
            metavar="KIND",
            callback=word(("positive", "negative", "error")),
            help="positive | negative | error; default: all.",
        ),
    ] = None,
    config: Config = None,
) -> None:
    """Forget answers of the terminology server, so that it is asked anew."""
    from segue.cli.remote import forget

    raise typer.Exit(forget(config, kind))


@app.command("import")
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


@app.command("export")
def export_maps(
    folder: Annotated[
        Path,
        typer.Option("--terminology", metavar="DIR", exists=True, file_okay=False, help="The folder it comes from."),
    ],
    sender: Annotated[str | None, typer.Option(metavar="MSH-3|MSH-4", help="Only the rows of this sender.")] = None,
    kind: Annotated[
        str, typer.Option("--as", metavar="KIND", callback=word(("csv", "conceptmap")), help="csv | conceptmap")
    ] = "csv",
) -> None:
    """Print the maps of a folder as a sheet or as FHIR ConceptMaps."""
    from segue.cli.maps import give

    raise typer.Exit(give(folder, sender, kind))


@app.command("check")
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
