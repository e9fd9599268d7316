"""Who holds a claim: a process of a machine, named so that others on that machine can tell whether it still lives
(S-80, S-92).

    host:boot-namespace/process/start      "machine" is the boot of a host and a space of process ids, so that two
                                           containers, or two hosts of one name, never judge each other
"""

from __future__ import annotations

import os
import socket
from collections.abc import Collection
from functools import cache
from pathlib import Path


@cache
def _machine() -> str:
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()[:8]
        space = os.stat("/proc/self/ns/pid").st_ino  # noqa: PTH116 - of the kernel, no file
    except OSError:
        return socket.gethostname()
    return f"{socket.gethostname()}:{boot}-{space}"


def _started(pid: int) -> str | None:
    """When a process started, in the machine's ticks; "" where the machine does not tell; None: no such process."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text("latin-1")
    except FileNotFoundError:
        return "" if not Path("/proc/self").exists() and _lives(pid) else None
    except OSError:
        return ""
    fields = text.rpartition(")")[2].split()
    return None if fields[0] in ("Z", "X") else fields[19]


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def this() -> str:
    """The name of this process."""
    return f"{_machine()}/{os.getpid()}/{_started(os.getpid()) or ''}"


def gone(owners: Collection[str]) -> list[str]:
    """Those that ran on this machine and run no more."""
    here = _machine()
    found: list[str] = []
    for owner in owners:
        machine, _, rest = owner.rpartition("/")[0].rpartition("/")
        started = owner.rpartition("/")[2]
        if machine == here and rest.isdigit():
            now = _started(int(rest))
            if now is None or (now and started and now != started):
                found.append(owner)
    return found
