"""Flags that several commands have, with their checks and help."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from segue.options import BUNDLES, RESIDUES, did_you_mean, is_timezone, timezone_hint


def word(known: tuple[str, ...]):
    def check(value: str | None) -> str | None:
        if value is not None and value not in known:
            raise typer.BadParameter(did_you_mean(value, known))
        return value

    return check


def zone(value: str | None) -> str | None:
    if value is not None and not is_timezone(value):
        raise typer.BadParameter(timezone_hint(value))
    return value


TimeZone = Annotated[
    str | None,
    typer.Option(
        metavar="ZONE",
        callback=zone,
        help="Zone of times without one: America/Toronto, -05:00. Without it they become dates.",
    ),
]
Site = Annotated[str | None, typer.Option(metavar="NAME", help="Site overlay; default: chosen by MSH-3/4/9/12.")]
Bundle = Annotated[
    str | None,
    typer.Option(metavar="KIND", callback=word(BUNDLES), help=f"{' | '.join(BUNDLES)}; default: transaction."),
]
ResidueOption = Annotated[
    str | None,
    typer.Option(
        metavar="WHAT",
        callback=word(RESIDUES),
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
