"""Remembering what maps gave for raw texts: most doctors, wards, codes and authorities of a feed come again, and so do the segments
of a patient who stays.

A memory belongs to one compiled pack, zone, delimiters and charset, and is bounded; it learns a text when it comes a second time, a
message at once.
Here is what data type maps gave: what depends on more than the text is never remembered: results that made records or references, or
reported more than notices that are given once a message. Marks and those notices are repeated from memory, so that the ledger is the
same. `rehearsal` says what segment maps gave. Remembered values are shared: nobody changes them in place.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from segue.hl7.message import Part, Repetition, joined

from .context import Context
from .functions.codes import once
from .ledger import Lost
from .records import Json
from .translation import missed, place_of

LIMIT = 16384  # entries of one memory; it starts anew when full
SIGHTINGS = 65536  # hashes of texts that came once
SEGMENTS = 1024  # segments of one memory; it starts anew when full
LONGEST = 512  # characters of a text worth remembering


class Memory:
    """What is known of the texts of one condition, and which were seen once: nothing is learnt from a text that may never come again."""

    __slots__ = ("_references", "known", "lost", "seen", "segments")

    def __init__(self) -> None:
        self.known: dict[tuple[Any, ...], Any] = {}
        self.segments: dict[tuple[Any, ...], dict[str, Any]] = {}  # text ▸ what each map gave (rehearsal)
        self.lost: Lost = {}  # what found no home
        self._references: dict[str, Json] = {}  # UUID ▸ a reference to it
        self.seen: set[int] = set()  # hashes: a false second sighting only learns too early

    def references(self) -> dict[str, Json]:
        """Those of all messages so far, for one more; they start anew when there are many."""
        if len(self._references) > LIMIT:
            self._references.clear()
        return self._references

    def met(self, key: tuple[Any, ...]) -> bool:
        """True at the second sighting."""
        mark = hash(key)
        if mark in self.seen:
            return True
        if len(self.seen) >= SIGHTINGS:
            self.seen.clear()
        self.seen.add(mark)
        return False

    def of_segment(self, key: tuple[Any, ...], *, learn: bool = True) -> dict[str, Any] | None:
        """What is known of a segment's text, to be added to; None at the first sighting, or where nothing is to be learnt."""
        found = self.segments.get(key)
        if found is None and learn and self.met(key):
            if len(self.segments) >= SEGMENTS:
                self.segments.clear()
            found = self.segments[key] = {}
        return found


def remember(ctx: Context, build: Callable[..., Any], node: Repetition | Part, *params: Any) -> Any:
    """`build(ctx, node, *params)`, from memory where the same text came before."""
    memo = ctx.memo
    if memo is None:
        return build(ctx, node, *params)
    key = (node.raw, build, *params, *place_of(ctx, node)) if ctx.by_field else (node.raw, build, *params)
    hit = memo.known.get(key) or ctx.fresh.get(key)
    if hit is None:
        return _learn(ctx, memo.known if memo.met(key) else ctx.fresh, key, build, node, params)
    value, used, marks, notices, misses = hit
    node.used |= used
    if marks is not None:
        node.marks = joined(node.marks, marks)
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
    return ctx.reference(ctx.recall(out, (out["resourceType"], *key), identifier, verb, node))


def _learn(
    ctx: Context,
    known: dict[tuple[Any, ...], Any],
    key: tuple[Any, ...],
    build: Callable[..., Any],
    node: Repetition | Part,
    params: tuple[Any, ...],
) -> Any:
    used, marks, subs = node.used, node.marks, node.subs
    node.used, node.marks, node.subs = 0, None, None
    issues, noticed, reported, misses = len(ctx.issues), len(ctx.noticed), len(ctx.reported), len(ctx.missed)
    references, records, placed = len(ctx.references), len(ctx.records), ctx.placed
    value = build(ctx, node, *params)
    found = _submarks(node)
    plain = len(ctx.references) == references and len(ctx.records) == records and ctx.placed == placed
    if plain and len(ctx.issues) - issues == len(ctx.reported) - reported and len(node.raw) <= LONGEST:
        if len(known) >= LIMIT:
            known.clear()
        known[key] = (value, node.used, found, tuple(ctx.noticed[noticed:]) or None, tuple(ctx.missed[misses:]) or None)
    node.used |= used
    node.marks = joined(marks, found)
    if subs is not None:
        if node.subs is None:
            node.subs = subs
        else:
            for number, part in subs.items():
                mine = node.subs.setdefault(number, part)
                mine.used |= part.used
    return value


def _submarks(node: Repetition | Part) -> dict[int, int] | None:
    if node.subs is None:
        return node.marks
    found = {n: p.used for n, p in (node.subs or {}).items() if p.used}
    return joined(node.marks, found or None)
