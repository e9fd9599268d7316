"""Quantity and timing: TQ1 segments and the old TQ fields to Timing (R-TIM)."""

from __future__ import annotations

import re
from typing import Any

from segue.hl7.message import Repetition, Segment

from ..context import Context, first_valued
from ..records import Json
from ..times import clock, shifted
from . import conversion, function
from .codes import concept
from .values import TIME_WORDS, UCUM, decimal_of, period

EVERY = re.compile(r"Q(\d+)([SMHDWLJ])(\d*)", re.IGNORECASE)
UNITS = {"S": "s", "M": "min", "H": "h", "D": "d", "W": "wk", "L": "mo"}
DAILY = {"QD": 1, "DAILY": 1, "BID": 2, "TID": 3, "QID": 4}
WHEN = {"QAM": "MORN", "QPM": "EVE", "QHS": "HS", "HS": "HS", "AC": "AC", "PC": "PC", "ACM": "ACM", "ACD": "ACD", "ACV": "ACV",
        "PCM": "PCM", "PCD": "PCD", "PCV": "PCV"}  # fmt: skip


def repeat_of(code: str) -> Json:
    """`Timing.repeat` of a repeat pattern where it says exactly one thing (R-TIM-2); {} otherwise."""
    plain = code.strip().upper()
    every = EVERY.fullmatch(plain)
    if every and every[2].upper() in UNITS:
        if every[2].upper() == "W" or not every[3]:
            return {"frequency": 1, "period": decimal_of(every[1]), "periodUnit": UNITS[every[2].upper()]}
        return {}
    if plain in DAILY and plain != "DAILY":
        return {"frequency": DAILY[plain], "period": decimal_of("1"), "periodUnit": "d"}
    if plain == "QOD":
        return {"frequency": 1, "period": decimal_of("2"), "periodUnit": "d"}
    if plain in WHEN:
        return {"when": [WHEN[plain]]}
    if plain == "ONCE":
        return {"count": 1}
    return {}


def times_of_day(texts: list[str]) -> list[str]:
    return [value for text in texts for piece in text.split(",") if (value := clock(piece.strip())[0]) is not None]


def timing_of(
    ctx: Context, pattern: Json | None, code: str | None, times: list[str], bounds: Json, count: str | None
) -> Json | None:
    """A Timing of its parts; `timeOfDay` excludes `when` (tim-10)."""
    repeat: Json = dict(bounds)
    exact = repeat_of(code) if code else {}
    if count is not None and count.isdigit() and int(count) > 0:
        repeat["count"] = int(count)
    if "count" in exact:
        repeat.setdefault("count", exact["count"])
    repeat.update({k: v for k, v in exact.items() if k in ("frequency", "period", "periodUnit")})
    if times:
        repeat["timeOfDay"] = times
    elif "when" in exact:
        repeat["when"] = exact["when"]
    out: Json = {}
    if repeat:
        order = ("boundsDuration", "boundsPeriod", "count", "frequency", "period", "periodUnit", "timeOfDay", "when")
        out["repeat"] = {k: repeat[k] for k in order if k in repeat}
    if pattern is not None:
        out["code"] = pattern if "text" in pattern or not code else {**pattern, "text": code}
    return out or None


def bounds_of(ctx: Context, node: Any, start: str | None, end: str | None, duration: Json | None) -> tuple[Json, bool]:
    """The bounds, and whether the duration is in them (R-TIM-5).

    A period as sent; with one end and a duration the other end is computed where R-DATE-13 allows; a duration alone.
    """
    span = period(ctx, node, start, end) if start or end else None
    if span is None:
        return {"boundsDuration": duration} if duration is not None else {}, duration is not None
    counted = False
    if duration is not None and ("start" in span) != ("end" in span) and duration["value"] % 1 == 0:
        known, sign = ("start", 1) if "start" in span else ("end", -1)
        moved = shifted(span[known], sign * int(duration["value"]), duration["code"])
        if moved is not None:
            counted = True
            span = {"start": span[known], "end": moved} if sign > 0 else {"start": moved, "end": span[known]}
    return {"boundsPeriod": span}, counted


def duration_of(text: str | None, unit: str | None) -> Json | None:
    value = decimal_of(text) if text else None
    code = TIME_WORDS.get((unit or "").strip().lower())
    return {"value": value, "unit": unit, "system": UCUM, "code": code} if value is not None and code else None


@function("timing", "segment", "Timing")
def timing(ctx: Context, tq1: Segment) -> Json | None:
    """TQ1 (R-TIM-1…5): pattern TQ1-3, times TQ1-4, duration TQ1-6, start TQ1-7, end TQ1-8, count TQ1-14."""
    patterns = tq1.repetitions(3)
    pattern = code = None
    if patterns:
        part = patterns[0].part(1)
        pattern = concept(ctx, part, bound="0335")
        code = ctx.text(part.components[1])
        patterns[0].used |= 0b10 if pattern is not None else 0
    times = [t for r in tq1.repetitions(4) if (t := ctx.text(r.raw))]
    explicit = times_of_day(times)
    if explicit:
        tq1.used |= 1 << 4
    start, end = tq1.leaf(7), tq1.leaf(8)
    node = first_valued(tq1, 6)
    duration = None
    if node is not None and len(node.components) > 2:
        duration = duration_of(ctx.text(node.components[1]), ctx.text(node.part(2).components[1]))
    bounds, counted = bounds_of(ctx, tq1, start, end, duration)
    if "boundsPeriod" in bounds:
        tq1.used |= sum(
            1 << n for n, text, key in ((7, start, "start"), (8, end, "end")) if text and key in bounds["boundsPeriod"]
        )
    if counted and node is not None:
        node.used |= 0b110
    count = tq1.leaf(14)
    out = timing_of(ctx, pattern, code, explicit, bounds, count)
    if out is not None and count is not None and "count" in out.get("repeat", {}):
        tq1.used |= 1 << 14
    return out


@conversion("TQ", "Timing", "node")
def old_timing(ctx: Context, node: Repetition) -> Json | None:
    """The TQ of ORC-7 and OBR-27: interval TQ.2, duration TQ.3, start TQ.4, end TQ.5, total TQ.12."""
    T, components = ctx.text, node.components
    texts = [T(components[n]) if len(components) > n and components[n] else None for n in range(13)]
    pattern = code = None
    explicit: list[str] = []
    if len(components) > 2 and components[2]:
        part = node.part(2)
        code = T(part.components[1])
        times = T(part.components[2]) if len(part.components) > 2 else None
        explicit = times_of_day([times]) if times else []
        pattern = {"text": code} if code else None
        if code is not None and ctx.terminology.v2("0335", code.strip()) is not None:
            pattern = {
                "coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0335", "code": code.strip()}],
                "text": code,
            }
        part.used |= (2 if code else 0) | (4 if explicit else 0)
    duration = None
    if texts[3]:
        match = re.fullmatch(r"([SMHDWL])(\d+)", texts[3].strip(), re.IGNORECASE)
        duration = duration_of(match[2], _UNIT_WORDS.get(match[1].upper())) if match else None
    bounds, counted = bounds_of(ctx, node, texts[4], texts[5], duration)
    node.used |= 8 if counted else 0
    if "boundsPeriod" in bounds:
        node.used |= sum(1 << n for n, key in ((4, "start"), (5, "end")) if texts[n] and key in bounds["boundsPeriod"])
    if pattern is None and not explicit and "boundsPeriod" not in bounds and duration is None:
        return None
    out = timing_of(ctx, pattern, code, explicit, bounds, texts[12])
    if out is not None and texts[12] and "count" in out.get("repeat", {}):
        node.used |= 1 << 12
    return out


_UNIT_WORDS = {"S": "s", "M": "min", "H": "h", "D": "d", "W": "wk", "L": "mo"}


@function("as_needed", "call", "boolean")
def as_needed(ctx: Context, node: Any, *codes: str | None) -> bool | None:
    """PRN among the priority or pattern codes (R-ORD-10)."""
    return True if any(c and c.strip().upper() == "PRN" for c in codes) else None
