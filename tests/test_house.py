"""The house keeps its order: floors, room names, opening words, tests beside their subject, a word for each command."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "service" / "segue"
MODULES = sorted(PACKAGE.rglob("*.py"))
TESTS = Path(__file__).parent

# Low to high; what a floor imports stands on it or below. The longest name that fits counts.
FLOORS = {
    "segue.catalogue": 0,
    "segue.issues": 0,
    "segue.options": 0,
    "segue.packdata": 0,
    "segue.log": 0,
    "segue.database": 0,
    "segue.settings": 0,
    "segue.secret": 0,
    "segue.tls": 0,
    "segue.hl7": 1,
    "segue.terminology": 1,
    "segue.mapping": 2,
    "segue.fhir": 3,
    "segue.conversion": 4,
    "segue.convert": 4,
    "segue.reloading": 4,
    "segue.delivery": 5,
    "segue.inbox": 5,
    "segue.journal": 5,
    "segue.http": 6,
    "segue.mllp": 6,
    "segue.mllp.frames": 1,  # the wire of MLLP stands low: targets send on it too
    "segue.mllp.ack": 2,
    "segue.mllp.client": 2,
    "segue.mllp.mode": 2,
    "segue.cli": 7,
}
TABLES = {"segue.fhir.elements", "segue.fhir.tables"}  # the element tables, which the mapping compiler reads
# On one floor, and knowing nothing of each other: text has no codes, codes have no messages.
NEIGHBOURS = {("segue.hl7", "segue.terminology"), ("segue.terminology", "segue.hl7")}
WHOLE_ROOMS = {
    "cli/test_commands.py",  # the command line as it is called
    "mapping/test_definitions.py",  # the definitions that ship
    "mapping/test_language_docs.py",  # the page of docs/ on the language
    "mapping/test_ten_cases.py",  # the language on its hardest cases
    "terminology/test_shipped.py",  # the tables that ship
}
NAMELESS = {"utils", "util", "helpers", "helper", "manager", "misc", "base", "common"}


def name_of(file: Path) -> str:
    parts = file.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def room(module: str) -> str | None:
    return max((known for known in FLOORS if f"{module}.".startswith(f"{known}.")), key=len, default=None)


def imports(file: Path) -> Iterator[str]:
    """The segue modules that a file imports, wherever in it."""
    package = name_of(file) if file.name == "__init__.py" else name_of(file).rpartition(".")[0]
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.startswith("segue"))
        elif isinstance(node, ast.ImportFrom):
            above = package.rsplit(".", node.level - 1)[0] if node.level else ""
            module = ".".join(part for part in (above, node.module or "") if part)
            if module.startswith("segue"):
                yield from (f"{module}.{alias.name}" for alias in node.names)


def climbs(file: Path) -> list[str]:
    here = room(name_of(file))
    if here is None:  # the package itself re-exports
        return []
    found: list[str] = []
    for target in imports(file):
        there = room(target)
        if there is None or there == here or any(f"{target}.".startswith(f"{table}.") for table in TABLES):
            continue
        if FLOORS[there] > FLOORS[here] or (here, there) in NEIGHBOURS:
            found.append(f"{name_of(file)} imports {target}")
    return found


def test_no_floor_imports_a_higher_one() -> None:
    assert [climb for file in MODULES for climb in climbs(file)] == []


def test_a_service_starts_without_the_clients_that_nobody_named() -> None:
    """P-35: what only some settings need is imported when they name it."""
    seldom = ("aiohttp", "httpx", "jwt", "nats", "tenacity", "fhir.resources", "hl7apy")
    code = f"import sys, segue.cli.service; print([name for name in {seldom} if name in sys.modules])"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.strip() == "[]"


def test_every_room_has_a_floor() -> None:
    rooms = {
        f"segue.{path.stem}" for path in PACKAGE.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()
    }
    assert rooms - set(FLOORS) == {"segue.__init__"}


def test_an_import_that_climbs_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(globals(), "PACKAGE", tmp_path / "segue")
    file = tmp_path / "segue" / "hl7" / "reader.py"
    file.parent.mkdir(parents=True)
    file.write_text("from ..convert import Converter\n")
    assert climbs(file) == ["segue.hl7.reader imports segue.convert.Converter"]


def test_every_module_opens_with_what_it_is() -> None:
    silent = [name_of(file) for file in MODULES if not ast.get_docstring(ast.parse(file.read_text("utf-8")))]
    assert silent == []


def test_every_module_is_named_by_a_noun() -> None:
    assert [name_of(file) for file in MODULES if file.stem in NAMELESS] == []


def test_every_test_module_stands_beside_what_it_tests() -> None:
    strays: list[str] = []
    for file in TESTS.rglob("test_*.py"):
        folder, subject = file.parent.relative_to(TESTS), file.stem.removeprefix("test_")
        if not folder.parts or not (PACKAGE / folder).is_dir():
            continue  # about the project, the chart, the peers: no room of the package
        if not (PACKAGE / folder / f"{subject}.py").exists() and not (PACKAGE / folder / subject).is_dir():
            strays.append(file.relative_to(TESTS).as_posix())
    assert set(strays) - WHOLE_ROOMS == set()


def test_make_lists_every_target() -> None:
    text = (ROOT / "Makefile").read_text("utf-8")
    (phony,) = re.findall(r"^\.PHONY: (.+)$", text, re.MULTILINE)
    listed = subprocess.run(
        ["make", "--no-print-directory", "help"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    assert [line.split()[1] for line in listed.splitlines()] == phony.split()


def test_every_example_has_its_story() -> None:
    stories = re.findall(r"^\| `(\w+)` \|", (ROOT / "examples" / "README.md").read_text("utf-8"), re.MULTILINE)
    assert sorted(stories) == sorted(file.stem for file in (ROOT / "examples").glob("*.hl7"))
