"""The words of the command: flags, usage errors, exit codes."""

from __future__ import annotations

import subprocess
import sys

import pytest
from typer.testing import CliRunner

from segue.cli import app


def call(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, arguments)
    return result.exit_code, result.output


@pytest.mark.parametrize(
    "command", [(), ("convert",), ("serve",), ("send",), ("version",), ("config",), ("config", "check")]
)
def test_help_of_every_command(command: tuple[str, ...]) -> None:
    for flag in ("--help", "-h"):
        code, text = call(*command, flag)
        assert code == 0
        assert "Usage:" in text


def test_version_flag_and_command_say_the_same() -> None:
    assert call("--version") == call("version")
    assert call("--version")[0] == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("convert", "--bundle", "btach", "x"), "Did you mean batch?"),
        (("convert", "--residue", "none", "x"), "Known: report, extension, off."),
        (("convert", "--timezone", "America/Toront", "x"), "America/Toronto"),
        (("convert", "--out", "a", "--ndjson", "x"), "exclude each other"),
        (("convert", "--jobs", "0", "x"), "greater than or equal to 1"),
        (("convert", "--nope"), "No such option"),
        (("send",), "FILE"),
        (("serve", "--config", "/none.yaml"), "none.yaml"),
        (("nope",), "nope"),
    ],
)
def test_usage_errors_are_exit_code_2(arguments: tuple[str, ...], words: str) -> None:
    code, text = call(*arguments)
    assert code == 2
    assert words in " ".join(text.split())


def test_help_brings_nothing_heavy() -> None:
    script = "import sys; from segue.cli import app; print([m for m in HEAVY if m in sys.modules])"
    heavy = ("pydantic", "starlette", "uvicorn", "httpx", "structlog", "segue.convert", "rich.console", "asyncio")
    done = subprocess.run(
        [sys.executable, "-c", script.replace("HEAVY", repr(heavy))], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
