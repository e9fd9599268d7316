"""segue lint: every fault of a pack and its sites at once, each with file:line and the nearest right name."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from segue.packdata import data_folder
from segue.terminology import Terminology

from .compiler import Compiler
from .pack import Pack, read_registry
from .source import Fields, MappingError, overlay, read


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault; `severity` is error (the pack does not load) or warning."""

    severity: str
    place: str
    text: str
    hint: str = ""

    def __str__(self) -> str:
        return f"{self.place}: {self.severity}: {self.text}" + (f" – {self.hint}" if self.hint else "")


def lint(folder: Path | None, terminology: Terminology, sites: Path | None = None) -> list[Finding]:
    """All faults of the files of a pack, then of each site over it."""
    home = folder or data_folder("mappings")
    findings: list[Finding] = []
    files: dict[str, Fields] = {}
    for kind in ("datatypes", "segments", "messages"):
        for path in sorted((home / kind).glob("*.yaml")):
            try:
                files[f"{kind}/{path.stem}"] = read(path, f"{kind}/{path.name}")
            except MappingError as error:
                findings.append(found(error))
    each_file(files, terminology, read_registry(home), findings)
    if findings:
        return findings
    try:
        pack = Pack.load(home, sites)
        pack.compiled(terminology)
    except MappingError as error:
        return [found(error)]
    for name, site in pack.sites.items():
        try:
            merged = {**files, **{k: overlay(files[k], t) if k in files else t for k, t in site.files.items()}}
            before = len(findings)
            each_file(merged, terminology, pack.extensions, findings)
            if len(findings) == before:
                pack.compiled(terminology, name)
        except MappingError as error:
            findings.append(found(error))
    return findings


def each_file(files: dict[str, Fields], terminology: Terminology, extensions: dict[str, str], findings: list[Finding]) -> None:
    compiler = Compiler(files, terminology, extensions)
    for name, tree in files.items():
        kind, stem = name.split("/", 1)
        try:
            if kind == "datatypes":
                compiler.datatype(stem, tree)
            elif kind == "segments":
                compiler.segment(stem, tree)
        except MappingError as error:
            findings.append(found(error))


def found(error: MappingError) -> Finding:
    return Finding("error", str(error.place), error.text, error.hint)
