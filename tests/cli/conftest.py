"""Message files with invented people, and the program as a process."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from segue.cli.rules import converter_for
from segue.convert import Converter

Run = Callable[..., "subprocess.CompletedProcess[bytes]"]


def adt(control_id: str, event: str = "ADT^A08") -> bytes:
    head = f"MSH|^~\\&|LAB|NORTH|EHR|HOSP|20260301||{event}|{control_id}|P|2.5"
    return f"{head}\rPID|1||77^^^NORTH^MR||Marlow^Ines||19800102|F\r".encode()


@pytest.fixture(scope="session")
def converter() -> Converter:
    return converter_for()


@pytest.fixture
def feed(tmp_path: Path) -> Path:
    """good.hl7, bad.txt, sub/several.er7 and something that is no message."""
    folder = tmp_path / "feed"
    (folder / "sub").mkdir(parents=True)
    (folder / "good.hl7").write_bytes(adt("G1"))
    (folder / "bad.txt").write_bytes(adt("B1", "ZZZ^Z01"))
    (folder / "sub" / "several.er7").write_bytes(adt("S1") + adt("S2", "ZZZ^Z01") + adt("S3"))
    (folder / "notes.md").write_text("no message")
    return folder


@pytest.fixture
def segue() -> Run:
    """Runs `segue` as a process of its own."""

    def call(*arguments: str, stdin: bytes = b"", cwd: Path | None = None) -> subprocess.CompletedProcess[bytes]:
        command = [sys.executable, "-m", "segue.cli", *arguments]
        return subprocess.run(command, input=stdin, capture_output=True, timeout=60, cwd=cwd, check=False)

    return call
