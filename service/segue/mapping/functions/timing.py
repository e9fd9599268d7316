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


ORDER = ("boundsDuration", "boundsPeriod", "count", "duration", "durationUnit", "frequency", "period", "periodUnit", "dayOfWeek",
         "timeOfDay", "when", "offset")  # fmt: skip
PATTERN = ("frequency", "period", "periodUnit", "dayOfWeek", "when")  # what a repeat pattern says
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
EVENTS = frozenset(
    ("HS", "WAKE", "C", "CM", "CD", "CV", "AC", "ACM", "ACD", "ACV", "PC", "PCM", "PCD", "PCV")
)  # of v3-TimingEvent, in R4's event-timing
MEALS = frozenset(("C", "CM", "CD", "CV"))  # take no offset (tim-9)
LONG = {"mo": "mo", "month": "mo", "months": "mo", "l": "mo"}


def timing_of(
    pattern: Json | None,
    code: str | None,
    times: list[str],
    bounds: Json,
    count: str | None,
    said: Json | None = None,
    offset: int | None = None,
) -> Json | None:
    """A Timing of its parts: what the code says, and what is `said` beside it; `timeOfDay` excludes `when` (tim-10), `offset` needs it (tim-9)."""
    repeat: Json = dict(bounds)
    exact = {**(said or {}), **(repeat_of(code) if code else {})}
    if count is not None and count.isdigit() and int(count) > 0:
        repeat["count"] = int(count)
    if "count" in exact:
        repeat.setdefault("count", exact["count"])
    repeat.update({k: v for k, v in exact.items() if k in PATTERN and not (k == "when" and times)})
    if times:
        repeat["timeOfDay"] = times
    if offset is not None and repeat.get("when") and not MEALS & set(repeat["when"]):
        repeat["offset"] = offset
    out: Json = {}
    if repeat:
        out["repeat"] = {k: repeat[k] for k in ORDER if k in repeat}
    if pattern is not None:
        out["code"] = pattern if "text" in pattern or not code else {**pattern, "text": code}
    return out or None


def pattern_parts(ctx: Context, node: Repetition, code: str | None) -> Json:
    """What RPT.2 to RPT.8 say beside the code of RPT.1: days of the week, a period with its unit, an event (R-TIM-4, R-TIM-6)."""
    texts = [ctx.text(node.part(n).components[1]) if n < len(node.components) else None for n in range(11)]
    out: Json = {}
    if texts[2] == "DW" and texts[3] in SEVEN and texts[4] in (None, *SEVEN):
        first, last = int(texts[3] or 1), int(texts[4] or texts[3] or 1)
        out["dayOfWeek"] = [DAYS[(first - 1 + n) % 7] for n in range((last - first) % 7 + 1)]
        node.used |= 0b11100 if texts[4] else 0b1100
    unit = time_unit(texts[6])
    value = decimal_of(texts[5]) if texts[5] else None
    if unit and value and "period" not in (repeat_of(code) if code else {}):
        out["period"], out["periodUnit"] = value, unit
        node.used |= 0b1100000
    event = (texts[8] or "").strip().upper()
    if event in EVENTS:
        out["when"] = [event]
        node.used |= 1 << 8
    return out


SEVEN = ("1", "2", "3", "4", "5", "6", "7")


def time_unit(text: str | None) -> str | None:
    plain = (text or "").strip().lower()
    return TIME_WORDS.get(plain) or LONG.get(plain)


def minutes(value: str | None, unit: str | None) -> int | None:
    """A length in whole minutes."""
    number = decimal_of(value) if value else None
    each = {"s": 1, "min": 60, "h": 3600, "d": 86400, "wk": 604800}.get(
        TIME_WORDS.get((unit or "").strip().lower(), "")
    )
    if number is None or each is None or number < 0 or (number * each) % 60:
        return None
    return int(number * each / 60)


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
    code = time_unit(unit)
    return {"value": value, "unit": unit, "system": UCUM, "code": code} if value is not None and code else None


@function("timing", "segment", "Timing")
def timing(ctx: Context, tq1: Segment) -> Json | None:
    """TQ1 (R-TIM-1…6): pattern 3, times 4, offset 5, duration of the service 6, start 7, end 8, duration of an occurrence 13, count 14."""
    patterns = tq1.repetitions(3)
    pattern = code = None
    said: Json = {}
    if patterns:
        part = patterns[0].part(1)
        pattern = concept(ctx, part, bound="0335")
        code = ctx.text(part.components[1])
        patterns[0].used |= 0b10 if pattern is not None else 0
        said = pattern_parts(ctx, patterns[0], code)
    times = [t for r in tq1.repetitions(4) if (t := ctx.text(r.components[1]))]
    explicit = times_of_day(times)
    if explicit and len(explicit) == sum(len(t.split(",")) for t in times):
        tq1.used |= 1 << 4
    start, end = tq1.leaf(7), tq1.leaf(8)
    node = first_valued(tq1, 6)
    bounds, counted = bounds_of(ctx, tq1, start, end, duration_of(tq1.leaf(6), tq1.leaf(6, 2)))
    if "boundsPeriod" in bounds:
        tq1.used |= sum(
            1 << n for n, text, key in ((7, start, "start"), (8, end, "end")) if text and key in bounds["boundsPeriod"]
        )
    if counted and node is not None:
        node.used |= 0b110
    length = duration_of(tq1.leaf(13), tq1.leaf(13, 2))
    if length is not None and length["value"] > 0:
        bounds |= {"duration": length["value"], "durationUnit": length["code"]}
        for r in tq1.repetitions(13)[:1]:
            r.used |= 0b110
    offsets = ((tq1, 5, 1, 2), (tq1, 3, 9, 10))
    offset = next((m for s, n, v, u in offsets if (m := minutes(s.leaf(n, v), s.leaf(n, u))) is not None), None)
    count = tq1.leaf(14)
    out = timing_of(pattern, code, explicit, bounds, count, said, offset)
    if out is not None and count is not None and "count" in out.get("repeat", {}):
        tq1.used |= 1 << 14
    if out is not None and "offset" in out.get("repeat", {}):
        for r in tq1.repetitions(5)[:1] or patterns:
            r.used |= 0b110 if tq1.raw(5) else 0b11000000000
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
        words = re.fullmatch(r"(\d+) *([A-Za-z]+)", texts[3].strip())  # D-NAR-16
        duration = duration_of(match[2], UNITS.get(match[1].upper())) if match else None
        duration = duration_of(words[1], words[2]) if words else duration
    bounds, counted = bounds_of(ctx, node, texts[4], texts[5], duration)
    node.used |= 8 if counted else 0
    if "boundsPeriod" in bounds:
        node.used |= sum(1 << n for n, key in ((4, "start"), (5, "end")) if texts[n] and key in bounds["boundsPeriod"])
    if pattern is None and not explicit and "boundsPeriod" not in bounds and duration is None:
        return None
    out = timing_of(pattern, code, explicit, bounds, texts[12])
    if out is not None and texts[12] and "count" in out.get("repeat", {}):
        node.used |= 1 << 12
    return out


@function("as_needed", "call", "boolean")
def as_needed(ctx: Context, node: Any, *codes: str | None) -> bool | None:
    """PRN among the priority or pattern codes (R-ORD-10)."""
    return True if any(c and c.strip().upper() == "PRN" for c in codes) else None
