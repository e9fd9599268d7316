"""The options of one conversion: their names, kinds and checks, the same at every door (A-04).

Knows what may be asked (a bundle kind, a time zone, what to do with residue) and how to name the nearest right word.
Refuses to know any door, file or message; what an option does is the converter's business.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches
from typing import Literal, get_args

BundleKind = Literal["transaction", "batch", "message", "collection"]
Residue = Literal["report", "extension", "off"]
Part = Literal["issues", "ledger", "lineage"]

BUNDLES: tuple[str, ...] = get_args(BundleKind)
RESIDUES: tuple[str, ...] = get_args(Residue)
PARTS: tuple[str, ...] = get_args(Part)

_OFFSET = re.compile(r"[+-](?:0\d|1[0-4]):?[0-5]\d")


def nearest(name: str, names: Iterable[str]) -> str | None:
    """The right name most like a wrong one, None where nothing is near."""
    by_folded = {known.casefold(): known for known in names}
    found = get_close_matches(name.casefold(), by_folded, n=1, cutoff=0.5)
    return by_folded[found[0]] if found else None


def did_you_mean(name: str, names: Iterable[str]) -> str:
    """A hint that names the nearest right word, else all of them."""
    known = tuple(names)
    close = nearest(name, known)
    return f"Did you mean {close}?" if close else f"Known: {', '.join(known)}."


def is_timezone(text: str) -> bool:
    """True for an IANA name or an offset such as -05:00."""
    if _OFFSET.fullmatch(text) or text == "Z":
        return True
    from zoneinfo import ZoneInfo

    try:
        ZoneInfo(text)
    except (KeyError, ValueError, OSError):  # not found, no zone file, or a name that is a folder
        return False
    return True


def timezone_hint(text: str) -> str:
    """What to write instead of a time zone that is not one."""
    from zoneinfo import available_timezones

    close = nearest(text, available_timezones())
    return "Write an IANA name such as America/Toronto or an offset such as -05:00." + (
        f" Did you mean {close}?" if close else ""
    )
