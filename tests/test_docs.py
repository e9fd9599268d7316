"""The pages of docs: code that runs, the table of messages as the pack has it, options that exist.

Run as a script it writes the tables anew.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest
from typer.testing import CliRunner

from segue.cli import app
from segue.convert import Converter
from segue.hl7 import events
from segue.terminology import Terminology

DOCS = Path(__file__).parents[1] / "docs"
MESSAGES = DOCS / "messages.md"
HEAD = """\
# Messages

The messages that the mapping files which ship convert, and the resources they become. A resource is made when the message has something for it;
people, places and organisations that fields name come besides.

"""


TABLES = DOCS / "tables.md"
TABLES_HEAD = """\
# Codes of required elements

Elements that take nothing but the codes of FHIR, and what each code of the HL7 table becomes there. `*` keeps the original beside it
(extension `alternate-codes`); `–` gives none. Rules in the last column stand where the guide leaves cells blank or is corrected. Rows of
your own stand before these: [terminology](terminology.md).

"""


def required_codes() -> str:
    """One row a map with a required binding (T-30)."""
    terminology = Terminology.load()
    rows = ["| map | HL7 table | codes | rules |", "|---|---|---|---|"]
    for name in sorted(terminology.table_names):
        about = terminology.table(name)
        if not about.heading.required:
            continue
        groups: dict[str, list[str]] = {}
        for code in about.codes:
            found = about.targets(code) or ()
            target = " ".join(one.code for one in found) or (code if about.heading.identity else "–")
            groups.setdefault(target, []).append(code + "*" * any(one.lossy for one in found))
        told = "; ".join(f"{' '.join(codes)} ▸ {target}" for target, codes in groups.items())
        rows.append(f"| {name} | {about.number} | {told} | {' '.join(about.heading.decisions)} |")
    return "\n".join(rows) + "\n"


def test_T_30_the_codes_of_required_elements_are_those_of_the_tables() -> None:
    assert TABLES.read_text("utf-8") == TABLES_HEAD + required_codes()


def table() -> str:
    """One row a message map: its messages, and the resources of its instances in the order of the file."""
    converter = Converter()
    by_structure: defaultdict[str, list[str]] = defaultdict(list)
    for code, event, structure in events.triggers():
        by_structure[structure].append(f"{code}^{event}")
    rows = ["| map | messages | resources |", "|---|---|---|"]
    maps = {message.name: message for message in converter.compiled().messages.values()}
    for name, message in sorted(maps.items()):
        kinds = list(dict.fromkeys(instance.resource for instance in message.instances()))
        found = [
            trigger
            for structure in message.structures
            for trigger in by_structure.get(structure, [structure.replace("_", "^")])
            if not message.events or trigger.partition("^")[2] in message.events
        ]
        rows.append(f"| {name} | {' '.join(dict.fromkeys(found))} | {', '.join(kinds)} |")
    return "\n".join(rows) + "\n"


def test_the_table_of_messages_is_that_of_the_pack() -> None:
    assert MESSAGES.read_text("utf-8") == HEAD + table()


@pytest.mark.parametrize(
    "page", [p for p in sorted(DOCS.glob("*.md")) if "```python" in p.read_text("utf-8")], ids=lambda p: p.stem
)
def test_the_code_of_a_page_runs(page: Path) -> None:
    code = "\n".join(re.findall(r"^```python\n(.*?)^```$", page.read_text("utf-8"), re.M | re.S))
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_commands_that_are_named_exist() -> None:
    shown = CliRunner().invoke(app, ["--help"]).output
    for page in DOCS.rglob("*.md"):
        for command in re.findall(r"`segue (\w+)", page.read_text("utf-8")):
            assert command == "COMMAND" or re.search(rf"^\W*{command}\b", shown, re.M), (page.name, command)


def test_settings_that_are_named_exist() -> None:
    from segue.settings import Settings

    known = str(Settings.model_json_schema())
    for page in (DOCS / "deploy.md", DOCS / "mllp.md", DOCS / "targets.md", DOCS / "journal.md"):
        for name in re.findall(r"`(?:drain\.|log\.)?([a-z_]{6,})(?::[^`]*)?`", page.read_text("utf-8")):
            assert f"'{name}'" in known, (page.name, name)


@pytest.mark.parametrize("name", ["mllp", "targets"])
def test_settings_that_are_shown_load(name: str, tmp_path: Path) -> None:
    from segue.settings import load

    blocks = re.findall(r"^```yaml\n(.*?)^```$", (DOCS / f"{name}.md").read_text("utf-8"), re.M | re.S)
    assert blocks
    for block in blocks:
        (tmp_path / "segue.yaml").write_text(block)
        load(tmp_path / "segue.yaml", environment={})


def test_every_issue_code_that_is_named_exists() -> None:
    from segue.catalogue import CATALOGUE

    for page in DOCS.rglob("*.md"):
        for code in re.findall(r"`((?:bundle|message|field|code|identifier)\.[a-z-]+)`", page.read_text("utf-8")):
            assert code in CATALOGUE, (page.name, code)


def test_settings_that_are_shown_can_be_used(tmp_path: Path) -> None:
    from segue.settings import load

    file = tmp_path / "segue.yaml"
    for page in (DOCS / "terminology-server.md", DOCS / "unmapped.md"):
        for text in re.findall(r"^```yaml\n(.*?)^```$", page.read_text("utf-8"), re.M | re.S):
            file.write_text(text)
            load(file, environment={})


def test_issue_codes_of_a_table_exist() -> None:
    from segue.catalogue import CATALOGUE

    codes = re.findall(r"^\| `(terminology\.[a-z-]+)` \|", (DOCS / "terminology-server.md").read_text("utf-8"), re.M)
    assert len(codes) == 3
    assert set(codes) <= set(CATALOGUE)


if __name__ == "__main__":
    MESSAGES.write_text(HEAD + table(), encoding="utf-8")
    TABLES.write_text(TABLES_HEAD + required_codes(), encoding="utf-8")
