"""A folder with one file for each message, for whoever picks files up.

A file appears under its name only when it is whole and on the disk: written beside, synced, renamed, folder synced.
The name is the control id in safe characters and the digest of the message, so a message sent twice is one file and
two messages never meet.
"""

from __future__ import annotations

import asyncio
import os
import re
from pathlib import Path

from segue.delivery.target import FAULT, DeliveryError, Parcel
from segue.issues import issue

_UNSAFE = re.compile(r"[^A-Za-z0-9_-]+")
NAME_LENGTH = 64


class Folder:
    """Bundles as files."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir(parents=True, exist_ok=True)

    async def deliver(self, parcel: Parcel) -> None:
        try:
            await asyncio.to_thread(self._write, parcel)
        except OSError as error:
            raise DeliveryError(
                True, issue("delivery.transient"), reason=FAULT, detail=f"errno-{error.errno}"
            ) from error

    async def close(self) -> None:
        return None

    def _write(self, parcel: Parcel) -> None:
        target = self.path / file_name(parcel)
        partial = target.with_suffix(f".{os.getpid()}-{id(parcel):x}.part")
        try:
            with partial.open("wb") as stream:
                stream.write(parcel.body)
                stream.write(b"\n")
                stream.flush()
                os.fsync(stream.fileno())
            partial.replace(target)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise
        folder = os.open(self.path, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def file_name(parcel: Parcel) -> str:
    """MSG00001-9f86d081884c7d65.json"""
    safe = _UNSAFE.sub("_", parcel.control_id).strip("_")[:NAME_LENGTH]
    return f"{safe or 'message'}-{parcel.digest[:16]}.json"
