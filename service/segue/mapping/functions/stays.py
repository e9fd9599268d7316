"""Observations of an ADT message that were made during the stay (R-ENC-13)."""

from __future__ import annotations

from ..context import Context
from . import function
from .orders import not_after


@function("during_visit", "message")
def during_visit(ctx: Context) -> None:
    """OBX-14 between PV1-44 and PV1-45: the result belongs to that encounter; at any other time nothing says so (R-ENC-13)."""
    for visit in ctx.made.get("visit", ())[:1]:
        begin, end = visit.segment.leaf(44), visit.segment.leaf(45)
        for result in ctx.made.get("result", ()):
            time = result.segment.leaf(14)
            if not_after(ctx, result.segment, begin, time) and (
                end is None or not_after(ctx, result.segment, time, end)
            ):
                ctx.bind(result.record, "encounter", visit.record, many=False)
