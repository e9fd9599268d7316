"""`segue lint`: the faults of a pack and its sites at once, each with file:line and the nearest right name.

Where loading stops at the first fault, this goes on: file by file, in a faulty file element by element, then each site
over the base. Knows the compiler and the message reader; has one rule of its own: a map that nothing uses is a warning.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path

from segue.packdata import data_folder
from segue.terminology import Terminology
from segue.terminology.rows import TerminologyError

from .compiler import Compiler, SegmentMap
from .messages import RESERVED, MessageReader
from .narratives import Narratives
from .pack import FOLDERS, composed, condition, read_registry
from .sites import read_site
from .source import Fields, MappingError, Node, Place, Scalar, overlay, read, strings_of


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault; `severity` is error (the pack does not load) or warning."""

    severity: str
    place: str
    text: str
    hint: str = ""

    def __str__(self) -> str:
        return f"{self.place}: {self.severity}: {self.text}" + (f" – {self.hint}" if self.hint else "")


@dataclass(slots=True)
class _Findings:
    """In the order they were made, equal ones once: a fault of the base is not told again for each site."""

    found: dict[Finding, None] = field(default_factory=dict[Finding, None])

    def error(self, error: MappingError) -> None:
        self.found.setdefault(Finding("error", str(error.place), error.text, error.hint))

    def terminology(self, error: TerminologyError) -> None:
        self.found.setdefault(Finding("error", f"{error.file}:{error.line}", error.what))

    def warning(self, place: Place, text: str) -> None:
        self.found.setdefault(Finding("warning", str(place), text))


def lint(folder: Path | None, terminology: Terminology, sites: Path | None = None) -> list[Finding]:
    """All faults of the files of a pack, then of each site over it; none: it loads, and every map is used."""
    home = folder or data_folder("mappings")
    findings = _Findings()
    files = dict(_files(home, findings))
    extensions: dict[str, str] = {}
    try:
        extensions = read_registry(home)
    except MappingError as error:
        findings.error(error)
    try:
        Narratives.load(home)
    except MappingError as error:
        findings.error(error)
    _compile(files, terminology, extensions, findings)
    used = {name for key, tree in files.items() if key.startswith("messages/") for name in _used(tree)}
    for name, tree in files.items():
        kind, stem = name.split("/", 1)
        if kind == "segments" and stem not in used:
            findings.warning(tree.place, f"no message map uses {stem}")
    for parent in (home / "sites", sites):
        for path in sorted(p for p in parent.iterdir() if p.is_dir()) if parent is not None and parent.is_dir() else ():
            _site(path, files, terminology, extensions, findings)
    return list(findings.found)


def _files(home: Path, findings: _Findings) -> Iterator[tuple[str, Fields]]:
    for kind in FOLDERS:
        for path in sorted((home / kind).glob("*.yaml")):
            try:
                yield f"{kind}/{path.stem}", read(path, f"{kind}/{path.name}")
            except MappingError as error:
                findings.error(error)


def _site(
    path: Path, files: dict[str, Fields], terminology: Terminology, extensions: dict[str, str], findings: _Findings
) -> None:
    try:
        site = read_site(path)
        merged = {**files, **{k: overlay(files[k], t) if k in files else t for k, t in site.files.items()}}
        home = path / "terminology"
        terms = terminology.overlaid(home) if home.is_dir() else terminology
        for name in terms.table_names:
            terms.table(name)
    except MappingError as error:
        findings.error(error)
    except TerminologyError as error:
        findings.terminology(error)
    else:
        _compile(merged, terms, extensions, findings)


def _compile(
    files: dict[str, Fields], terminology: Terminology, extensions: dict[str, str], findings: _Findings
) -> None:
    compiler = Compiler(files, terminology, extensions)
    maps: dict[str, SegmentMap] = {}
    for name, tree in files.items():
        kind, stem = name.split("/", 1)
        try:
            if kind == "datatypes":
                compiler.datatype(stem, tree)
            elif kind == "segments":
                maps[stem] = compiler.segment(stem, tree)
        except MappingError as error:
            _elements(compiler, kind, stem, tree, error, findings)
    reader = MessageReader(
        _segment_map(files, maps), lambda segment, text, place: condition(compiler, segment, text, place)
    )
    for name, tree in files.items():
        if name.startswith("messages/"):
            try:
                whole = composed(files, tree)
                if tree.get("structure") is not None:
                    reader.read(name.split("/", 1)[1], whole)
            except _FindingsMadeError:
                pass
            except MappingError as error:
                findings.error(error)


def _elements(compiler: Compiler, kind: str, stem: str, tree: Fields, error: MappingError, findings: _Findings) -> None:
    """The faults of a faulty file: what its control keys, then each of its elements alone would raise."""
    compile_ = compiler.datatype if kind == "datatypes" else compiler.segment
    control = {key: node for key, node in tree.entries.items() if key.startswith("$")}
    before = len(findings.found)
    for part in (control, *_single(tree)):
        try:
            compile_(stem, Fields(part, tree.place, tree.keys))
        except MappingError as found:
            findings.error(found)
    if len(findings.found) == before:  # the fault lies between elements
        findings.error(error)


def _single(tree: Fields) -> Iterator[dict[str, Node]]:
    params = {"$params": tree.entries["$params"]} if "$params" in tree.entries else {}
    for key, node in tree.entries.items():
        if not key.startswith("$"):
            yield {**params, key: node}


class _FindingsMadeError(Exception):
    """A segment map with findings of its own: nothing more to say where it is used."""


def _segment_map(files: dict[str, Fields], maps: dict[str, SegmentMap]) -> Callable[[str, Place], SegmentMap]:
    def find(name: str, place: Place) -> SegmentMap:
        if name in maps:
            return maps[name]
        if f"segments/{name}" in files:
            raise _FindingsMadeError
        near = get_close_matches(name, list(maps), 1)
        raise MappingError(f"no segment map {name!r}", place, f"did you mean {near[0]}?" if near else "")

    return find


def _used(tree: Fields) -> Iterator[str]:
    """The segment maps that a message map names."""
    for key, node in tree.entries.items():
        if key in RESERVED:
            continue
        if key in ("map", "also"):
            yield from strings_of(node, key)
        elif isinstance(node, Fields):
            yield from _used(node)
        elif key == key.lower() and isinstance(node, Scalar) and isinstance(node.value, str):
            yield node.value
