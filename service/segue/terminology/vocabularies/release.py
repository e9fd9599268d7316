"""A vocabulary release as its publisher hands it out: a zip archive, an unpacked folder, or one file of it.

Members are read as a stream of lines whose position in bytes is known, so that a reader can be told to go on where another
one stopped. Knows no vocabulary.
"""

from __future__ import annotations

import codecs
import hashlib
import io
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, NamedTuple

SAMPLED_BYTES = 1 << 20  # of each end of a file: what tells two releases of one name and size apart


class VocabularyError(Exception):
    """A vocabulary cannot be loaded or used: what is wrong (where) – what to do."""


class Member(NamedTuple):
    """One file of a release."""

    name: str  # as in the archive, or relative to the folder
    size_bytes: int

    @property
    def base(self) -> str:
        return self.name.rpartition("/")[2]


class Release:
    """The files at a path. Raises VocabularyError where there is nothing that can be read."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._archive: zipfile.ZipFile | None = None
        try:
            if path.is_dir():
                files = sorted(file for file in path.rglob("*") if file.is_file())
                self.members = tuple(Member(file.relative_to(path).as_posix(), file.stat().st_size) for file in files)
            elif zipfile.is_zipfile(path):
                self._archive = zipfile.ZipFile(path)
                self.members = tuple(
                    Member(info.filename, info.file_size) for info in self._archive.infolist() if not info.is_dir()
                )
            else:
                self.members = (Member(path.name, path.stat().st_size),)
        except (OSError, zipfile.BadZipFile) as fault:
            reason = fault.strerror if isinstance(fault, OSError) else "the archive is damaged"
            raise VocabularyError(f"cannot be read: {reason} ({path})") from None

    def __enter__(self) -> Release:
        return self

    def __exit__(self, *_: object) -> None:
        if self._archive is not None:
            self._archive.close()

    def find(self, pattern: str) -> Member | None:
        """The member whose base name fits, of several the one least deep in folders."""
        found = [member for member in self.members if re.fullmatch(pattern, member.base, re.IGNORECASE)]
        return min(found, key=lambda member: (member.name.count("/"), member.name), default=None)

    def open(self, member: Member) -> IO[bytes]:
        """The member's bytes from the beginning."""
        if self._archive is not None:
            return self._archive.open(member.name)
        return (self.path / member.name if self.path.is_dir() else self.path).open("rb")

    def head(self, member: Member, size_bytes: int = 4096) -> bytes:
        """The first bytes of a member."""
        with self.open(member) as stream:
            return stream.read(size_bytes)

    def fingerprint(self, members: tuple[Member, ...]) -> str:
        """Names these members and their content without reading all of it: sizes, checksums of an archive, ends of a file."""
        out = hashlib.sha256()
        for member in members:
            out.update(f"{member.name}\0{member.size_bytes}\0".encode())
            if self._archive is not None:
                out.update(str(self._archive.getinfo(member.name).CRC).encode())
                continue
            with self.open(member) as stream:
                out.update(stream.read(SAMPLED_BYTES))
                if member.size_bytes > 2 * SAMPLED_BYTES:
                    stream.seek(-SAMPLED_BYTES, io.SEEK_END)
                out.update(stream.read(SAMPLED_BYTES))
        return out.hexdigest()


class Lines(Iterator[str]):
    """Lines of a stream as text, UTF-8 with or without BOM. `position` is the byte after the last line given.

    A csv reader over it takes only the lines of the record it is asked for, so the position is right after each record.
    """

    def __init__(self, stream: IO[bytes], name: str) -> None:
        self._stream = stream
        self._name = name
        self.position = 0

    def __next__(self) -> str:
        line = self._stream.readline()
        if not line:
            raise StopIteration
        first = self.position == 0
        self.position += len(line)
        try:
            return line.removeprefix(codecs.BOM_UTF8 if first else b"").decode()
        except UnicodeDecodeError:
            raise VocabularyError(f"not UTF-8 before byte {self.position} ({self._name})") from None

    def skip_to(self, position: int) -> None:
        """Goes on at this byte, which must be the end of a line; an archive is unpacked up to it."""
        if position > self.position:
            self._stream.seek(position)
            self.position = position

    def rest(self, limit_bytes: int) -> bytes:
        """All bytes from here, for a file that is small by nature; raises VocabularyError for more than the limit."""
        content = self._stream.read(limit_bytes + 1)
        if len(content) > limit_bytes:
            raise VocabularyError(f"larger than {limit_bytes >> 20} MB, which it cannot be ({self._name})")
        self.position += len(content)
        return content
