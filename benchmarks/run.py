"""`make bench`: everything measured, in one table with the machine it was measured on.

    python -m benchmarks.run [--rounds N] [--json FILE] [engine mapping terminology http mllp journal remote vocabulary]

A ratio that breaks its rule is marked, and the exit code is 1: machines differ, ratios within one run hardly do (P-51).
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.machine import facts
from benchmarks.rounds import Row

GROUPS = ("engine", "mapping", "terminology", "http", "mllp", "journal", "remote", "vocabulary")


def main() -> int:
    parser = argparse.ArgumentParser(prog="make bench", description="Measure Segue beside its peers.")
    parser.add_argument("groups", nargs="*", metavar="GROUP", help=f"{', '.join(GROUPS)}; default: all")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path, metavar="FILE", help="the same as JSON")
    asked = parser.parse_args()
    if unknown := set(asked.groups) - set(GROUPS):
        parser.error(f"no group {', '.join(sorted(unknown))}; there are {', '.join(GROUPS)}")
    about = [*facts(), f"{asked.rounds} rounds; medians of the rounds' medians, p99 over all calls"]
    rows: list[Row] = []
    for group in asked.groups or GROUPS:
        print(f"{group} …", file=sys.stderr, flush=True)
        rows += importlib.import_module(f"benchmarks.{group}").measure(asked.rounds)
    if asked.json:
        asked.json.write_text(json.dumps({"machine": about, "rows": [row._asdict() for row in rows]}, indent=2) + "\n")
    show(about, rows)
    return 1 if any(row.kept is False for row in rows) else 0


def show(about: list[str], rows: list[Row]) -> None:
    console = Console(width=None if sys.stdout.isatty() else 150)
    table = Table(caption="\n".join(about), caption_justify="left")
    table.add_column("")
    table.add_column("what")
    for heading in ("median µs", "p99 µs", "per second", "ratio"):
        table.add_column(heading, justify="right")
    table.add_column("of what")
    table.add_column("rule")
    before = ""
    for row in rows:
        if before and row.group != before:
            table.add_section()
        table.add_row(
            row.group if row.group != before else "",
            row.name,
            _number(row.median_us),
            _number(row.p99_us),
            _number(row.per_second),
            "" if row.ratio is None else f"{row.ratio:.2f}",
            row.against,
            row.bound and f"{row.bound} {'kept' if row.kept else 'BROKEN'}",
        )
        before = row.group
    console.print(table)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:,.0f}" if value >= 100 else f"{value:.1f}"


if __name__ == "__main__":
    sys.exit(main())
