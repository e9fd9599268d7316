"""Sightings on their way into the inbox: an append-only file of this process (T-62).

    message ── one write ──▶ NAME.spool ── every half second ──▶ inbox, rows and position in one transaction

A line is in the file before the message is acknowledged, so a killed process loses none; the next one that starts adopts what
is left. Not synced: a machine that loses power may lose the counts of its last seconds, never a message. One lock a
file says that its process lives.
"""

from __future__ import annotations

import fcntl
import os
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path

ROTATED_BYTES = 4 << 20
SUFFIX = ".spool"


class Spool:
    """The file of this process. Safe to share between threads."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._lock = threading.Lock()
        self._open()

    def _open(self) -> None:
        self.file = self._folder / f"{uuid.uuid4().hex}{SUFFIX}"
        self._handle = os.open(self.file, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
        fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def append(self, line: bytes) -> None:
        """Adds a line, whole."""
        with self._lock:
            os.write(self._handle, line)

    def rotate(self) -> bool:
        """Goes on in a new file where this one is large; the old one is then an orphan like any other."""
        with self._lock:
            if os.fstat(self._handle).st_size < ROTATED_BYTES:
                return False
            os.close(self._handle)
            self._open()
            return True

    def close(self) -> None:
        with self._lock:
            os.close(self._handle)


def lines(file: Path, position: int) -> tuple[list[bytes], int]:
    """The whole lines from a position, and the position after them; half a line waits for its end."""
    with file.open("rb") as stream:
        stream.seek(position)
        content = stream.read()
    end = content.rfind(b"\n") + 1
    return content[:end].splitlines(), position + end


def orphans(folder: Path) -> Iterator[tuple[Path, int]]:
    """Files whose process is gone, each with a handle that locks it; whoever takes one removes the file and closes it."""
    for file in sorted(folder.glob(f"*{SUFFIX}")):
        try:
            handle = os.open(file, os.O_RDWR)
        except FileNotFoundError:
            continue
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            continue
        if file.exists():
            yield file, handle
        else:
            os.close(handle)
