"""Rules that follow their files: an edit counts from the next message on, without a restart (T-28, O-43).

A changed file is read, compiled and checked beside the rules in force, then all change at once; messages in work keep the old
ones. A file that cannot be used changes nothing: the old rules serve on and the fault is told with file and line.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from threading import Lock, Thread
from time import monotonic
from typing import Any

from segue.conversion import Conversion
from segue.convert import Converter
from segue.mapping.context import Options
from segue.mapping.pack import Pack
from segue.mapping.source import MappingError
from segue.terminology import Displays, Terminology, TerminologyError, Translator

SHARE = 20  # looking for changes takes at most one part in so many of the time
IN_LINE_BYTES = 2 << 20  # larger changes are read in a thread, while the old rules serve
Signature = tuple[tuple[str, int, int], ...]
FAULTS = (MappingError, TerminologyError, OSError)


def signature(folders: Iterable[Path], endings: tuple[str, ...] = (".yaml", ".csv", ".json")) -> Signature:
    """Path, time of change and size of every rule file below these folders."""
    found: list[tuple[str, int, int]] = []
    for folder in folders:
        for home, _, names in os.walk(folder):
            for name in names:
                if name.endswith(endings):
                    path = f"{home}/{name}"
                    try:
                        about = os.stat(path)  # noqa: PTH116 - one call a file, on the way of a message
                    except FileNotFoundError:
                        continue  # replaced this moment: the next look sees it
                    found.append((path, about.st_mtime_ns, about.st_size))
    return tuple(sorted(found))


@dataclass(slots=True)
class RuleFiles:
    """Where rules lie: folders of the user's own over those that ship. Makes converters of them, sharing what has not changed."""

    pack: Path | None = None
    terminology: Path | None = None
    sites: Path | None = None
    options: Options | None = None
    translator: Translator | None = None
    displays: Displays | None = None
    _pack: tuple[Signature, Pack] | None = None
    _shipped: Terminology | None = None

    def converter(self) -> Converter:
        """A converter by the files as they are, everything in it checked. Raises one of FAULTS."""
        for folder in (self.pack, self.terminology, self.sites):
            if folder is not None and not folder.is_dir():
                raise FileNotFoundError(f"no folder {folder} – name a folder that is there")
        maps = signature((folder for folder in (self.pack, self.sites) if folder is not None), (".yaml",))
        if self._pack is None or self._pack[0] != maps:
            self._pack = maps, Pack.load(self.pack, self.sites)
        if self._shipped is None:
            self._shipped = Terminology.load()
            self._shipped.check()
        terminology = self._shipped.overlaid(*([self.terminology] if self.terminology is not None else []))
        made = Converter(self._pack[1], terminology, None, self.options, self.translator, self.displays)
        made.check()
        return made

    @property
    def watched(self) -> tuple[Path, ...]:
        return tuple(folder for folder in (self.pack, self.terminology, self.sites) if folder is not None)


class Reloading(Converter):
    """A converter whose rules are those of its files. Thread-safe: each message is converted by one set of rules."""

    def __init__(self, files: RuleFiles, told: Callable[[str | None], None] | None = None) -> None:
        """`told` hears of each change: None when it is in force, else why it is not. Raises one of FAULTS."""
        self._files = files
        self._told = told or _silent
        self._lock = Lock()
        self._seen = signature(files.watched)
        self._look_at = 0.0
        self._thread: Thread | None = None
        self._adopt(files.converter())

    def listen(self, told: Callable[[str | None], None]) -> None:
        """Who is to be told from now on."""
        self._told = told

    def convert(self, raw: bytes, **options: Any) -> Conversion:
        return self.fresh().convert(raw, **options)

    def fresh(self) -> Converter:
        """The rules in force, after a look for changes."""
        if monotonic() >= self._look_at and self._lock.acquire(blocking=False):
            try:
                self._look()
            finally:
                self._lock.release()
        return self._current

    def _look(self) -> None:
        if self._thread is not None:
            if self._thread.is_alive():
                return
            self._thread = None
        begun = monotonic()
        now = signature(self._files.watched)
        ended = monotonic()
        self._look_at = ended + SHARE * (ended - begun)
        if now == self._seen:
            return
        changed = set(now) - set(self._seen)
        self._seen = now
        if sum(size for _, _, size in changed) < IN_LINE_BYTES:
            self._load()
        else:
            self._thread = Thread(target=self._load, name="rules", daemon=True)
            self._thread.start()

    def _load(self) -> None:
        try:
            made = self._files.converter()
        except FAULTS as fault:
            self._told(str(fault))
        else:
            self._adopt(made)
            self._told(None)

    def _adopt(self, made: Converter) -> None:
        self.__dict__.update(vars(made))  # for those who ask what the rules are
        self._current = made


def _silent(_fault: str | None) -> None:
    """Nobody wants to know."""
