"""What a figure depends on: processor, system, versions, and how long this disk takes to keep a write (P-50)."""

from __future__ import annotations

import os
import platform
import statistics
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

PACKAGES = ("segue", "hl7apy", "hl7v2-fhir-bridge", "jsonschema-rs", "orjson", "starlette", "uvicorn", "httptools")


def facts() -> list[str]:
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    return [
        f"{_processor()}, {len(os.sched_getaffinity(0))} cores usable, load {os.getloadavg()[0]:.1f}",
        f"{platform.system()} {platform.release()}, Python {platform.python_version()}",
        packages,
        f"fsync of 2.6 KB: {_fsync_us():.0f} µs",
    ]


def cores() -> tuple[set[int], set[int]]:
    """One core for the server and one for its client; the same one where there is no other."""
    usable = sorted(os.sched_getaffinity(0))
    return {usable[0]}, {usable[-1]}


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())


def _fsync_us(rounds: int = 50) -> float:
    spent: list[float] = []
    with tempfile.TemporaryFile() as file:
        for _ in range(rounds):
            begin = time.perf_counter_ns()
            file.write(bytes(2600))
            file.flush()
            os.fsync(file.fileno())
            spent.append((time.perf_counter_ns() - begin) / 1000)
    return statistics.median(spent)
