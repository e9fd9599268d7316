"""Remembering what a data type map gave for a raw text: most doctors, wards, codes and authorities of a feed come again.

A memory belongs to one compiled pack, zone, delimiters and charset, and is bounded. What depends on more than the text is never
remembered: results that made records or references, or reported more than notices that are given once a message. Marks and those
notices are repeated from memory, so that the ledger is the same. Remembered values are shared: nobody changes them in place.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from segue.hl7.message import Part, Repetition

from .context import Context
from .functions.codes import once
from .records import Json
from .translation import missed, place_of

LIMIT = 16384  # entries of one memory; it starts anew when full
LONGEST = 512  # characters of a text worth remembering

Memory = dict[tuple[Any, ...], Any]


def remember(ctx: Context, build: Callable[..., Any], node: Repetition | Part, *params: Any) -> Any:
    """`build(ctx, node, *params)`, from memory where the same text came before."""
    memo = ctx.memo
    if memo is None:
        return build(ctx, node, *params)
    key = (node.raw, build, *params, *place_of(ctx, node)) if ctx.by_field else (node.raw, build, *params)
    hit = memo.get(key)
    if hit is None:
        return _learn(ctx, memo, key, build, node, params)
    value, used, marks, notices, misses = hit
    node.used |= used
    if marks is not None:
        node.marks = marks if node.marks is None else _joined(node.marks, marks)
    if notices is not None:
        for code, number, name, rule in notices:
            once(ctx, code, node, number, name, rule)
    if misses is not None:
        for miss in misses:
            missed(ctx, node, *miss)
    return value


def remember_resource(
    ctx: Context, build: Callable[..., Any], verb: str, node: Repetition | Part, *params: Any
) -> Json | None:
    """A reference to the resource that `build` gives with its key and identifier."""
    found = remember(ctx, build, node, *params)
    if found is None:
        return None
    out, key, identifier = found
    return ctx.reference(ctx.recall(out, key, identifier, verb, node))


def _joined(one: dict[int, int], other: dict[int, int]) -> dict[int, int]:
    return {n: one.get(n, 0) | other.get(n, 0) for n in {*one, *other}}


def _learn(
    ctx: Context,
    memo: Memory,
    key: tuple[Any, ...],
    build: Callable[..., Any],
    node: Repetition | Part,
    params: tuple[Any, ...],
) -> Any:
    used, marks, subs = node.used, node.marks, node.subs
    node.used, node.marks, node.subs = 0, None, None
    issues, noticed, reported, misses = len(ctx.issues), len(ctx.noticed), len(ctx.reported), len(ctx.missed)
    bound = (len(ctx.references), len(ctx.records), ctx.placed)
    value = build(ctx, node, *params)
    found = _submarks(node)
    plain = bound == (len(ctx.references), len(ctx.records), ctx.placed)
    if plain and len(ctx.issues) - issues == len(ctx.reported) - reported and len(node.raw) <= LONGEST:
        if len(memo) >= LIMIT:
            memo.clear()
        memo[key] = (value, node.used, found, tuple(ctx.noticed[noticed:]) or None, tuple(ctx.missed[misses:]) or None)
    node.used |= used
    node.marks = marks if found is None else found if marks is None else _joined(marks, found)
    if subs is not None:
        if node.subs is None:
            node.subs = subs
        else:
            for number, part in subs.items():
                mine = node.subs.setdefault(number, part)
                mine.used |= part.used
    return value


def _submarks(node: Repetition | Part) -> dict[int, int] | None:
    found = {n: p.used for n, p in (node.subs or {}).items() if p.used}
    if node.marks is not None:
        found = _joined(node.marks, found)
    return found or None
