"""`segue config`: the settings of the service."""

from __future__ import annotations

import typer

from segue.cli.flags import Config

app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="Check, show and describe the settings of the service."
)


@app.command()
def check(config: Config = None) -> None:
    """Check all settings; every fault is named."""
    from segue.cli.configuration import check as run

    raise typer.Exit(run(config))


@app.command()
def show(config: Config = None) -> None:
    """Show the effective settings and where each comes from."""
    from segue.cli.configuration import show as run

    raise typer.Exit(run(config))


@app.command()
def schema() -> None:
    """Print the JSON Schema of the settings file, for editors."""
    from segue.cli.configuration import schema as run

    raise typer.Exit(run())
