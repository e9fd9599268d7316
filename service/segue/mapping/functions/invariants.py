"""What R4 forbids and odd values of v2 would make all the same: the offending part goes, the message stays (R-INV, R-NF-10)."""

from __future__ import annotations

from ..context import Context
from . import function


@function("value_wins", "message")
def value_wins(ctx: Context) -> None:
    """R4 obs-6: where a value was read, even one of delimiters only, no reason for its absence stands beside it (R-INV-1)."""
    for name in ("result", "answer"):
        for made in ctx.made.get(name, ()):
            resource = made.record.resource
            if "dataAbsentReason" in resource and any(key.startswith("value") for key in resource):
                del resource["dataAbsentReason"]
