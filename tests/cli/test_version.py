"""What runs here (A-73)."""

from __future__ import annotations

from importlib.metadata import version

from segue.cli.version import lines
from segue.convert import Converter
from segue.http.rules import Rules


def test_program_and_rules() -> None:
    program, rules = lines()
    assert program == f"segue {version('segue')}"
    assert rules.endswith(Rules.of(Converter()).digest)
