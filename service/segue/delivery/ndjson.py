"""One file with one Bundle a line, appended and synced before the message counts as handed over.

A line that was not finished (power loss, full disk) was never accepted: it is cut off at the next start or at once,
so that every line of the file is a whole Bundle.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import orjson

from segue.delivery.target import FAULT, DeliveryError, Parcel
from segue.issues import issue

_BLOCK = 1 << 16


class Ndjson:
    """Bundles as lines of a file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o640)
        self._lock = asyncio.Lock()
        _mend(self._file)

    async def deliver(self, parcel: Parcel) -> None:
        async with self._lock:
            try:
                await asyncio.to_thread(self._append, parcel.body + b"\n")
            except OSError as error:
                raise DeliveryError(
                    True, issue("delivery.transient"), reason=FAULT, detail=f"errno-{error.errno}"
                ) from error

    async def close(self) -> None:
        os.close(self._file)

    def _append(self, line: bytes) -> None:
        size = os.fstat(self._file).st_size
        try:
            rest = memoryview(line)
            while rest:
                rest = rest[os.write(self._file, rest) :]
            os.fsync(self._file)
        except BaseException:
            os.ftruncate(self._file, size)
            raise


def _mend(file: int) -> None:
    """Ends the last line if it is whole JSON, cuts it off if it is not."""
    size = os.fstat(file).st_size
    tail = b""
    start = size
    while start > 0 and b"\n" not in tail:
        step = min(_BLOCK, start)
        start -= step
        tail = os.pread(file, step, start) + tail
    last = tail[tail.rfind(b"\n") + 1 :]
    if not last:
        return
    try:
        orjson.loads(last)
    except orjson.JSONDecodeError:
        os.ftruncate(file, size - len(last))
    else:
        os.write(file, b"\n")
    os.fsync(file)
