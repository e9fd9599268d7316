"""`segue config`: the settings checked, shown with their origin, and described for editors (O-41)."""

from __future__ import annotations

import json
from pathlib import Path

import typer

from segue.settings import Loaded, Settings, SettingsError, load


def loaded(config: Path | None) -> Loaded | None:
    """The settings; None after every fault has been told on standard error."""
    try:
        return load(config)
    except SettingsError as error:
        tell(error)
        return None


def tell(error: SettingsError) -> None:
    """One line for each fault."""
    for fault in error.faults:
        typer.echo(str(fault), err=True)


def check(config: Path | None) -> int:
    if loaded(config) is None:
        return 1
    typer.echo("settings are good")
    return 0


def show(config: Path | None) -> int:
    found = loaded(config)
    if found is None:
        return 1
    rows = [(f"{path}: {json.dumps(value)}", origin) for path, value, origin in found.rows()]
    width = max(len(text) for text, _ in rows)
    typer.echo("\n".join(f"{text:<{width}}  # {origin}" for text, origin in rows))
    return 0


def schema() -> int:
    typer.echo(json.dumps(Settings.model_json_schema(), indent=2))
    return 0
