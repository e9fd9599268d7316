"""How much of the HL7 v2-to-FHIR guide the compiled pack reads: python coverage.py ROWS.jsonl

A row of a segment map counts when a compiled map of that segment reads its field; whether it does with it what the guide says is
shown by tests. Only segments that the pack has maps for are counted. What the functions of the language read by themselves is not
seen from here, so the figure is a lower bound.
"""

from __future__ import annotations

import json
import re
import sys
from collections import defaultdict
from pathlib import Path

from segue.convert import Converter

FIELD = re.compile(r"([A-Z][A-Z0-9]{2})[-.](\d+)")


def main() -> None:
    read: set[tuple[str, str]] = set()
    known: set[str] = set()
    for one in Converter().compiled().maps.values():
        known.add(one.segment)
        read |= {(m[1], m[2]) for path in one.reads if (m := FIELD.match(path))}
    rows: dict[str, int] = defaultdict(int)
    missing: dict[str, set[int]] = defaultdict(set)
    for line in Path(sys.argv[1]).read_text("utf-8").splitlines():
        row = json.loads(line)
        place = FIELD.match(row.get("source_norm") or row["source"] or "")
        if row["kind"] != "segment" or not row["mapped"] or place is None or place[1] not in known:
            continue
        rows[place[1]] += 1
        if (place[1], place[2]) not in read:
            rows["missing"] += 1
            missing[place[1]].add(int(place[2]))
    lacking = rows.pop("missing")
    total = sum(rows.values())
    print(f"{total - lacking} of {total} rows of {len(rows)} segments: {(total - lacking) / total:.1%}")
    for segment, fields in sorted(missing.items()):
        print(f"{segment}: {', '.join(map(str, sorted(fields)))}")


main()
