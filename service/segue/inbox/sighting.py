"""What a message adds to the inbox, and many of them added up (T-62).

A message counts once for an entry, however often the code stands in it. Written as one line of JSON: see `spool`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

import orjson

from segue.inbox.entry import LONGEST_TEXT, MOST_SAMPLES, Key, key_of
from segue.terminology import Unmapped


def line(unmapped: Iterable[Unmapped], pending: Collection[Unmapped], control_id: str, at: float) -> bytes:
    """One message as a line; the texts of a key are those of its first mention."""
    found: dict[Key, list[object]] = {}
    for one in unmapped:
        key = key_of(one)
        if key not in found:
            found[key] = [*key, " ".join(one.text.split())[:LONGEST_TEXT], one.table, one.policy, one in pending]
    return orjson.dumps([at, control_id.replace("\0", "")[:LONGEST_TEXT], list(found.values())]) + b"\n"


@dataclass(slots=True)
class Tally:
    """Sightings of one key, added up."""

    table: str
    policy: str
    first: float
    last: float
    pending: bool = False  # at the last sighting
    count: int = 0
    texts: Counter[str] = field(default_factory=Counter[str])
    samples: dict[str, float] = field(default_factory=dict[str, float])  # control id ▸ time, the latest last


def added_up(lines: Iterable[bytes]) -> dict[Key, Tally]:
    """The tallies of lines; a line that cannot be read is passed over."""
    out: dict[Key, Tally] = {}
    for text in lines:
        try:
            at, control_id, rows = orjson.loads(text)
        except (orjson.JSONDecodeError, ValueError):
            continue
        for sender, name, system, code, unit, words, table, policy, pending in rows:
            key = Key(sender, name, system, code, unit)
            tally = out.get(key)
            if tally is None:
                tally = out[key] = Tally(table, policy, at, at)
            tally.count += 1
            tally.first, tally.last = min(tally.first, at), max(tally.last, at)
            tally.table, tally.policy, tally.pending = table, policy, pending
            if words:
                tally.texts[words] += 1
            if control_id:
                tally.samples.pop(control_id, None)
                tally.samples[control_id] = at
                while len(tally.samples) > MOST_SAMPLES:
                    del tally.samples[next(iter(tally.samples))]
    return out
