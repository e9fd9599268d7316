"""The README: its commands, its code and its site work as they stand there, and it names only what is there."""

from __future__ import annotations

import asyncio
import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

from segue.cli import app
from segue.convert import Converter
from segue.http.app import create_app
from segue.settings import Settings

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "README.md").read_text("utf-8")
COMMANDS = re.findall(r"^\$ (.+)$", TEXT, re.M)
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", TEXT, re.M | re.S)


@pytest.fixture(autouse=True)
def _at_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def test_curl_gives_a_transaction_bundle() -> None:
    (line,) = [command for command in COMMANDS if command.startswith("curl ")]
    words = shlex.split(line)
    body = Path(words[words.index("--data-binary") + 1].removeprefix("@")).read_bytes()
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "*/*"}

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(create_app(Converter(), Settings()))
        async with httpx.AsyncClient(transport=transport) as client:
            return await client.post(words[-1], content=body, headers=headers)

    answer = asyncio.run(ask())
    assert answer.status_code == 200
    assert answer.json()["type"] == "transaction"


@pytest.mark.parametrize("line", [c for c in COMMANDS if re.match(r"segue (convert|lint)", c)])
def test_a_command_works(line: str, tmp_path: Path) -> None:
    words = [str(tmp_path / word) if word == "bundles" else word for word in shlex.split(line)[1:]]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    assert done.output or list(tmp_path.rglob("*.json"))


@pytest.mark.parametrize("line", [c for c in COMMANDS if re.match(r"segue (serve|send)", c)])
def test_options_of_the_service_exist(line: str) -> None:
    command, *words = shlex.split(line)[1:]
    shown = CliRunner().invoke(app, [command, "--help"]).output
    assert all(word in shown for word in words if word.startswith("--"))


def test_the_code_runs() -> None:
    (code,) = [body for kind, body in BLOCKS if kind == "python"]
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("transaction ")


def test_the_site_works_and_is_ten_lines(tmp_path: Path) -> None:
    files = {
        body.partition("\n")[0].removeprefix("# "): body.partition("\n")[2]
        for kind, body in BLOCKS
        if kind in ("yaml", "csv")
    }
    assert sum(text.count("\n") for text in files.values()) <= 10
    for name, text in files.items():
        path = tmp_path / "north" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    message = "MSH|^~\\&|WARD|NORTH|||20240310||ADT^A08^ADT_A01|M1|P|2.5.1\rPID|1||7||Novak||1980|W\rZPI||Addy\r"
    made = Converter(sites=tmp_path).convert(message.encode())
    patient = next(e["resource"] for e in made.bundle["entry"] if e["resource"]["resourceType"] == "Patient")
    assert patient["gender"] == "female"
    assert "Addy" in json.dumps(patient["extension"])


def test_the_number_of_examples() -> None:
    assert len(list((ROOT / "examples").glob("*.hl7"))) == 31
    assert "has thirty-one messages" in TEXT


@pytest.mark.parametrize("page", [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))], ids=lambda p: p.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", page.read_text("utf-8")):
        if not target.startswith("http"):
            assert (page.parent / target).exists(), target


@pytest.mark.parametrize("name", re.findall(r"`(tests/\w+)`", TEXT))
def test_tests_that_are_named_exist(name: str) -> None:
    assert (ROOT / name).is_dir()


def test_make_targets_that_are_named_exist() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    for target in set(re.findall(r"\bmake ([a-z]+)\b", TEXT)) - {"has"}:
        assert re.search(rf"^{target}:", makefile, re.M), target
