"""What runs here: the program's version, and the rules' name, version and digest (A-73)."""

from __future__ import annotations

from importlib.metadata import version


def lines() -> list[str]:
    """One line for the program, one for the rules."""
    from segue.convert import Converter
    from segue.http.rules import Rules

    rules = Rules.of(Converter())
    return [f"segue {version('segue')}", f"rules {rules.name}@{rules.version} {rules.digest}"]
