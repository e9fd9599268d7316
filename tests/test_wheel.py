"""The wheel is whole: installed in an empty environment, away from the checkout, it converts with its own rules."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
UV = shutil.which("uv", path=f"{ROOT / '.cache' / 'uv' / 'bin'}{os.pathsep}{os.environ['PATH']}")


def uv(*arguments: str | Path) -> None:
    assert UV, "uv is not on this machine – run the tests by make test, which brings it"
    done = subprocess.run([UV, *arguments, "--quiet"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    uv("build", "--wheel", "--out-dir", folder)
    (made,) = folder.glob("*.whl")
    return made


def test_wheel_carries_the_rules_and_the_licence(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    sources = [
        *(("mappings", file) for file in (ROOT / "mappings").rglob("*") if file.is_file()),
        *(("terminology", file) for file in (ROOT / "terminology").rglob("*") if file.is_file()),
    ]
    wanted = {f"segue/data/{folder}/{file.relative_to(ROOT / folder).as_posix()}" for folder, file in sources}
    assert wanted <= names, sorted(wanted - names)
    assert any(name.endswith("/licenses/LICENSE") for name in names)


def test_wheel_carries_no_test_and_no_cache(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        strange = [name for name in archive.namelist() if not name.startswith("segue") or "__pycache__" in name]
    assert strange == []


def test_installed_wheel_converts(wheel: Path, tmp_path: Path) -> None:
    environment, locked = tmp_path / "env", tmp_path / "locked.txt"
    uv("export", "--frozen", "--no-dev", "--no-emit-project", "--no-hashes", "--output-file", locked)
    uv("venv", "--python", sys.executable, environment)
    uv("pip", "install", "--python", environment / "bin" / "python", "--constraint", locked, wheel)
    done = subprocess.run(
        [environment / "bin" / "segue", "convert", ROOT / "examples" / "adt_a01_admission.hl7"],
        cwd=tmp_path,
        capture_output=True,
        env={"PATH": os.defpath},
    )
    assert done.returncode == 0, done.stderr.decode()
    bundle = json.loads(done.stdout)
    assert bundle["type"] == "transaction"
    assert {entry["resource"]["resourceType"] for entry in bundle["entry"]} >= {"Patient", "Encounter", "MessageHeader"}
