"""References to what a message map has made (R-RID-5)."""

from __future__ import annotations

from typing import Any

from ..context import Context
from ..records import Json, Record
from . import function


@function("ref", "call", "Reference")
def ref(ctx: Context, node: Any, *names: str) -> Json | None:
    """A reference to the nearest instance of the first name that has one."""
    for name in names:
        record = ctx.named(name)
        if record is not None:
            return ctx.reference(record)
    return None


@function("here", "call", "Reference")
def here(ctx: Context, node: Any, name: str) -> Json | None:
    """A reference to the instance of that name made from this very segment: what a neighbour made is not meant."""
    found = ctx.scope.nearest(name)
    return ctx.reference(found.record) if found is not None and found.segment is node else None


@function("instance", "call", "text")
def instance(ctx: Context, node: Any, name: str) -> Record | None:
    """The record itself: a part of another one's identity."""
    return ctx.named(name)


@function("sender", "call", "text")
def sender(ctx: Context, node: Any) -> str:
    """MSH-3 and MSH-4: the scope of what has no authority."""
    return ctx.sender
