"""`segue lint` and `segue convert --dump`: mapping files checked, and shown as the Python they become."""

from __future__ import annotations

from pathlib import Path

import typer

from segue.options import did_you_mean


def lint(folder: Path | None, sites: Path | None) -> int:
    """One line for each finding; 1 when there is an error among them."""
    from segue.mapping.lint import lint as findings_of
    from segue.terminology import Terminology
    from segue.terminology.rows import TerminologyError

    try:
        terminology = Terminology.load()
        for name in terminology.table_names:
            terminology.table(name)
    except TerminologyError as error:
        typer.echo(f"{error.file}:{error.line}: error: {error.what}")
        return 1
    found = findings_of(folder, terminology, sites)
    for finding in found:
        typer.echo(str(finding))
    errors = sum(finding.severity == "error" for finding in found)
    typer.echo(f"{errors} errors, {len(found) - errors} warnings.", err=True)
    return 1 if errors else 0


def dump(
    name: str, site: str | None, pack: Path | None = None, terminology: Path | None = None, sites: Path | None = None
) -> int:
    """The Python of a map, as it runs."""
    from segue.convert import Converter
    from segue.mapping.source import MappingError

    converter = Converter(pack, terminology, sites)
    if site is not None and site not in converter.pack.sites:
        typer.echo(f"No site {site!r}. {did_you_mean(site, converter.pack.sites)}", err=True)
        return 2
    try:
        sources = converter.compiled(site).sources
    except MappingError as error:
        typer.echo(str(error), err=True)
        return 1
    if name not in sources:
        known = [key for key in sources if "$" not in key and not key.startswith("when ")]
        typer.echo(f"No map {name!r}. {did_you_mean(name, known)}", err=True)
        return 2
    typer.echo("\n".join(sources[key].rstrip() for key in (name, f"{name}$key") if key in sources))
    return 0
