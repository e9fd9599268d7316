"""Small packs in a temporary folder, over the data type maps that ship, and messages of invented persons."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from segue.conversion import Conversion
from segue.convert import Converter
from segue.mapping.pack import Pack
from segue.mapping.source import MappingError
from segue.packdata import data_folder
from segue.terminology import Terminology

Json = dict[str, Any]
Files = Mapping[str, str]


@pytest.fixture(scope="session")
def terminology() -> Terminology:
    return Terminology.load()


@pytest.fixture(scope="session")
def base(terminology: Terminology) -> Converter:
    """The pack that ships."""
    return Converter(terminology=terminology)


@pytest.fixture
def folder(tmp_path: Path) -> Callable[..., Path]:
    """Writes the files of a pack; the data type maps and extension names that ship are there too."""

    def write(files: Files, bare: bool = False) -> Path:
        home = tmp_path / "pack"
        home.mkdir(exist_ok=True)
        if not bare:
            shutil.copytree(data_folder("mappings") / "datatypes", home / "datatypes", dirs_exist_ok=True)
            shutil.copy(data_folder("mappings") / "extensions.yaml", home)
        for name, text in files.items():
            path = home / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return home

    return write


@pytest.fixture
def packed(folder: Callable[..., Path], terminology: Terminology) -> Callable[..., Converter]:
    """A converter for the files of a small pack."""

    def load(files: Files, bare: bool = False) -> Converter:
        return Converter(Pack.load(folder(files, bare)), terminology)

    return load


@pytest.fixture
def fault(packed: Callable[..., Converter]) -> Callable[..., str]:
    """The error that loading the files gives: file:line, what is wrong, what to write instead."""

    def load(files: Files | str, site: str | None = None) -> str:
        if isinstance(files, str):
            files = {"segments/PID.Patient.yaml": files}
        with pytest.raises(MappingError) as raised:
            packed(files).compiled(site)
        return str(raised.value)

    return load


@pytest.fixture(scope="session")
def er7() -> Callable[..., bytes]:
    def build(*segments: str, kind: str = "ADT^A01^ADT_A01", sender: str = "WARD|NORTH") -> bytes:
        header = f"MSH|^~\\&|{sender}|HUB|NORTH|20240310101500+0100||{kind}|M1|P|2.5.1"
        return "".join(f"{segment}\r" for segment in (header, *segments)).encode()

    return build


@pytest.fixture
def mapped(packed: Callable[..., Converter], er7: Callable[..., bytes]) -> Callable[..., Conversion]:
    """Converts segments by one segment map, or by the files of a small pack."""

    def run(files: Files | str, *segments: str, kind: str = "ADT^A01^ADT_A01", **options: Any) -> Conversion:
        if isinstance(files, str):
            name = f"{segments[0][:3]}.Patient"
            files = {
                f"segments/{name}.yaml": files,
                "segments/MSH.Basic.yaml": '$key: []\ncode: {text: "{{ MSH.10 }}"}',  # a Bundle has an entry
                "messages/M.yaml": f"structure: ADT_A01\nit: {name}\nbasic: MSH.Basic\n",
            }
        return packed(files).convert(er7(*segments, kind=kind), **options)

    return run


@pytest.fixture(scope="session")
def resources() -> Callable[..., list[Json]]:
    """The resources of a type, without the id that stands for their place in the message."""

    def of(made: Conversion, kind: str) -> list[Json]:
        found = [entry["resource"] for entry in made.bundle["entry"]]
        return [
            {k: v for k, v in r.items() if k not in ("id", "resourceType")} for r in found if r["resourceType"] == kind
        ]

    return of


@pytest.fixture
def patient(mapped: Callable[..., Conversion], resources: Callable[..., list[Json]]) -> Callable[..., Json | None]:
    """The Patient that a map makes of PID (and other segments)."""

    def run(text: str, *segments: str, **options: Any) -> Json | None:
        found = resources(mapped(text, *segments, **options), "Patient")
        return found[0] if found else None

    return run
