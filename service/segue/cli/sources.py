"""Where messages come from on the command line: files, folders and standard input, and what their output is called.

Folders are walked in sorted order for *.hl7, *.er7 and *.txt. Knows no HL7: a file's messages are counted by the
converter.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

SUFFIXES = frozenset((".hl7", ".er7", ".txt"))


@dataclass(frozen=True, slots=True)
class Source:
    """One file, or standard input (`path` None)."""

    path: Path | None
    name: str  # as the user knows it
    stem: PurePath  # output name without suffix, under the output folder

    def content(self) -> bytes | Path:
        """What the converter reads: a file is read by it, piece by piece."""
        return sys.stdin.buffer.read() if self.path is None else self.path

    def read(self) -> bytes:
        return sys.stdin.buffer.read() if self.path is None else self.path.read_bytes()


class SourceError(Exception):
    """An argument names nothing that can be read: what is wrong (where) – what to do."""


def sources(arguments: Sequence[str]) -> list[Source]:
    """All sources in the order named; raises SourceError."""
    found: list[Source] = []
    for argument in arguments:
        path = Path(argument)
        if argument == "-":
            found.append(Source(None, "-", PurePath("stdin")))
        elif path.is_dir():
            files = sorted(_walk(path))
            if not files:
                raise SourceError(f"no message file ({argument}) – a folder is searched for *.hl7, *.er7 and *.txt")
            found += (Source(file, str(file), file.relative_to(path).with_suffix("")) for file in files)
        elif path.exists():
            found.append(Source(path, argument, PurePath(path.stem)))
        else:
            raise SourceError(f"no such file or folder ({argument})")
    if sum(source.path is None for source in found) > 1:
        raise SourceError("standard input can be read only once (-)")
    return _distinct(found)


def _walk(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())


def _distinct(found: list[Source]) -> list[Source]:
    """`a.hl7` and `a.txt` keep their suffix where both would be `a.json`; two of one name cannot both be written."""
    stems = [source.stem for source in found]
    settled: list[Source] = []
    taken: dict[PurePath, str] = {}
    for source in found:
        stem = source.stem
        if source.path is not None and stems.count(stem) > 1:
            stem = stem.with_name(source.path.name)
        if stem in taken and taken[stem] != source.name:
            raise SourceError(f"{taken[stem]} and {source.name} would have the same output – convert them one by one")
        if stem in taken:
            raise SourceError(f"named twice ({source.name})")
        taken[stem] = source.name
        settled.append(Source(source.path, source.name, stem))
    return settled
