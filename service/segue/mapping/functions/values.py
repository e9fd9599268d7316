"""Plain values: dates, times, numbers, periods, quantities, ranges, syntax-checked primitives (R-DATE, R-UNIT, R-VAL, R-REFR)."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

from segue.hl7.message import Part, Repetition, Segment

from ..context import ORIG, Context, Node, Primitive, first_valued
from ..records import Json
from ..times import Moment, clock, moment, reversed_period, shifted
from ..translation import UNITS, mapped, missed
from . import conversion, function

UCUM = "http://unitsofmeasure.org"
NUMBER = re.compile(r"([+-]?)(\d*)(?:\.(\d*))?", re.ASCII)
COMPARED = re.compile(r"([<>]=?)\s*([+-]?(?:\d+\.?\d*|\.\d+))", re.ASCII)
COMPARATORS = frozenset(("<", "<=", ">", ">="))
WITHOUT_SECONDS = re.compile(r"\s*\d{12}\s*([Z+-].*)?", re.ASCII)
URI = re.compile(r"\S+")


def original(text: str) -> list[Json]:
    return [{"url": ORIG, "valueString": text}]


# ---- dates and times


def read_moment(ctx: Context, text: str, node: Node, number: int | None) -> Moment:
    precision = ""
    first = node if number == 1 and isinstance(node, Repetition) else None
    if isinstance(node, Segment) and number is not None and "^" in node.raw(number):
        first = first_valued(node, number)
    if first is not None and len(first.components) > 2 and len(first.components[2]) == 1:
        precision = first.components[2]  # TS.2 (R-DATE-8)
        first.used |= 4
    found = moment(text, ctx.zone, precision)
    if found.issue is not None:
        ctx.report(found.issue, node, number, rule="R-DATE", value=text)
    return found


@conversion("DT DTM TS any", "date", primitive=True)
def date(ctx: Context, text: str, node: Node, number: int) -> str | None:
    found = moment(text, ctx.zone)
    if found.issue is not None:
        ctx.report(found.issue, node, number, rule="R-DATE-1", value=text)
    return found.date


@conversion("DT DTM TS any", "dateTime", primitive=True)
def date_time(ctx: Context, text: str, node: Node, number: int) -> str | Primitive | None:
    found = read_moment(ctx, text, node, number)
    if found.issue_datetime is not None:
        ctx.report(found.issue_datetime, node, number, rule="R-DATE-6", value=text)
    if found.cut and found.datetime is not None:
        return Primitive(found.datetime, original(text))
    return found.datetime


@conversion("DT DTM TS any", "instant", primitive=True)
def instant(ctx: Context, text: str, node: Node, number: int) -> str | None:
    found = read_moment(ctx, text, node, number)
    if found.instant is not None and WITHOUT_SECONDS.fullmatch(text) is not None:
        ctx.report("field.time-of-day", node, number, rule="R-DATE-3", value=text)
    return found.instant


@conversion("TM any", "time", primitive=True)
def time(ctx: Context, text: str, node: Node, number: int) -> str | Primitive | None:
    value, offset_dropped = clock(text)
    if value is None:
        return None
    return Primitive(value, original(text)) if offset_dropped else value


@function("birth_time", "leaf", "dateTime")
def birth_time(ctx: Context, text: str, node: Node, number: int) -> str | None:
    """PID-7 with minutes and an offset, not midnight (R-DATE-11)."""
    found = moment(text, ctx.zone)
    return found.instant if found.has_time and not found.midnight else None


@function("date_part", "leaf", "date")
def date_part(ctx: Context, text: str, node: Node, number: int) -> str | None:
    return date(ctx, text, node, number)


@function("period", "call", "Period", strict=True)
def period(ctx: Context, node: Node, start: str | None = None, end: str | None = None) -> Json | None:
    """Both ends as dateTime; an end before its start is dropped (R-DATE-12)."""
    out: Json = {}
    for key, text in (("start", start), ("end", end)):
        if text is None:
            continue
        found = moment(text, ctx.zone)
        if found.issue or found.issue_datetime:
            ctx.report(found.issue or found.issue_datetime or "", node, None, rule="R-DATE-6", value=text)
        if found.datetime is not None:
            out[key] = found.datetime
            if found.cut:
                out["_" + key] = {"extension": original(text)}
    if "start" in out and "end" in out and reversed_period(out["start"], out["end"]):
        ctx.report("field.period-reversed", node, None, rule="R-DATE-12")
        del out["end"]
        out.pop("_end", None)
    return out or None


@conversion("DR", "Period", "node", remember=True)
def range_period(ctx: Context, node: Repetition | Part) -> Json | None:
    texts = [ctx.text(node.components[n]) if len(node.components) > n else None for n in (1, 2)]
    out = period(ctx, node, *texts)
    if out is not None:
        node.used |= 2 if texts[0] else 0
        node.used |= 4 if texts[1] and "end" in out else 0
    return out


@function("moved", "call", "dateTime", "instant", strict=True)
def moved(ctx: Context, node: Node, start: str | None, amount: str | None, unit: Any = None) -> str | None:
    """A start plus a duration (R-DATE-13): only with minutes, an offset, a whole number and a time unit."""
    if start is None or amount is None or not (amount.isascii() and amount.isdigit()):
        return None
    name = unit if isinstance(unit, str) else ctx.text(unit.components[1]) if unit is not None else "min"
    code = TIME_WORDS.get((name or "").strip().lower())
    found = moment(start, ctx.zone)
    return shifted(found.instant, int(amount), code) if code and found.instant else None


TIME_WORDS = {
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), "s"),
    **dict.fromkeys(("m", "min", "mins", "minute", "minutes"), "min"),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours"), "h"),
    **dict.fromkeys(("d", "day", "days"), "d"),
    **dict.fromkeys(("w", "wk", "wks", "week", "weeks"), "wk"),
}  # fmt: skip


# ---- numbers


def decimal_of(text: str) -> Decimal | None:
    """A v2 NM with its digits kept (R-VAL-1, P-23): leading plus and zeros go, trailing zeros stay."""
    match = NUMBER.fullmatch(text.strip())
    if match is None or not (match[2] or match[3]):
        return None
    sign = "-" if match[1] == "-" else ""
    whole = match[2].lstrip("0") or "0"
    return Decimal(f"{sign}{whole}.{match[3]}" if match[3] else f"{sign}{whole}")


@conversion("NM SI ST any", "decimal")
def decimal(ctx: Context, text: str, node: Node, number: int) -> Decimal | None:
    value = decimal_of(text)
    if value is None:
        ctx.report("field.number-unreadable", node, number, rule="R-ISS-4", value=text)
    return value


def whole(ctx: Context, text: str, node: Node, number: int, least: int) -> int | None:
    value = decimal_of(text)
    if value is None or value != value.to_integral_value() or not least <= value <= 2147483647:
        if not (value == 0 and least == 1):  # 0 where FHIR counts from 1: unranked, no fault (R-INV-7)
            ctx.report("field.number-unreadable", node, number, rule="R-INV-7", value=text)
        return None
    return int(value)


@conversion("NM SI ST ID any", "positiveInt")
def positive(ctx: Context, text: str, node: Node, number: int) -> int | None:
    return whole(ctx, text, node, number, 1)


@conversion("NM SI ST ID any", "unsignedInt")
def unsigned(ctx: Context, text: str, node: Node, number: int) -> int | None:
    return whole(ctx, text, node, number, 0)


@conversion("NM SI ST any", "integer")
def integer(ctx: Context, text: str, node: Node, number: int) -> int | None:
    return whole(ctx, text, node, number, -2147483648)


@conversion("ST ID IS any", "uri url canonical")
def uri(ctx: Context, text: str, node: Node, number: int) -> str | None:
    value = text.strip()
    if URI.fullmatch(value) is None:
        ctx.report("field.syntax", node, number, rule="R-INV-8", value=text)
        return None
    return value


# ---- quantities and units


def unit_of(ctx: Context, node: Repetition | Part | None) -> Json:
    """`unit`, and `system` + `code` where the unit is UCUM (R-UNIT-1…5, T-50…56)."""
    if node is None:
        return {}
    T, components = ctx.text, node.components
    n = len(components)
    code = T(components[1])
    words = T(components[2]) if n > 2 else None
    name = T(components[3]) if n > 3 else None
    joined = ctx.text(node.raw) if n > 2 and node.raw != components[1] else None
    if ctx.codes is not None and (joined or code) is not None:
        found = mapped_unit(ctx, node, name, (joined, code, words))
        if found is not None:
            return found
    if joined is not None:
        found = ctx.terminology.unit(joined)  # 10^3/uL split at its caret (R-UNIT-5)
        if found is not None:
            node.used |= 1 | sum(1 << i for i in range(1, n))
            return {"unit": joined, "system": UCUM, "code": found}
        if code is not None and words is not None and POWER.fullmatch(code) and EXPONENT.match(words):
            power = f"{code}^{words}"
            found = ctx.terminology.unit(power)
            if found is not None or name is None or ctx.terminology.system(name) is None:
                node.used |= 6
                if found is not None:
                    return {"unit": power, "system": UCUM, "code": found}
                missed(ctx, node, name or "", power, "", UNITS)
                ctx.report("unit.unknown", node, 1, rule="R-UNIT-5", value=power)
                return {"unit": power}
    if code is None:
        if words is not None:
            node.used |= 4
            return {"unit": words}
        return {}
    node.used |= 2
    system = ctx.terminology.system(name) if name else None
    out: Json = {"unit": words or code}
    if words is not None:
        node.used |= 4
    if system == UCUM:
        node.used |= 8
        if ctx.terminology.is_ucum(code):
            return {**out, "system": UCUM, "code": code}
        found = ctx.terminology.unit(code)
        if found is not None:
            if words is not None and code not in (words, found):
                ctx.unmark(node, 1)  # the code as sent has no home beside its words
            return {**out, "system": UCUM, "code": found}
        missed(ctx, node, UCUM, code, "", UNITS)
        ctx.report("unit.unknown", node, 1, rule="R-UNIT-1", value=code)
    else:
        found = ctx.terminology.unit(code)
        if found is None and words is not None:
            found = ctx.terminology.unit(words)
        if found is not None:
            if words is not None and code not in (words, found):
                ctx.unmark(node, 1)  # the code as sent has no home beside its words
            return {**out, "system": UCUM, "code": found}
        missed(ctx, node, name or "", code, words or "", UNITS)
        ctx.report("unit.unknown", node, 1, rule="R-UNIT-2", value=code)
    if words is not None and words != code:
        ctx.unmark(node, 1)  # the code as sent has no home beside its words
    return out


def mapped_unit(
    ctx: Context, node: Repetition | Part, name: str | None, spelled: tuple[str | None, ...]
) -> Json | None:
    """The UCUM code that a map of the sender gives for a unit; the unit stays as sent (T-50)."""
    joined, code, words = spelled
    systems = (ctx.terminology.system(name) or name, "") if name else ("",)
    for text in (joined, code):
        found = mapped(ctx, node, 1, systems, text, UCUM) if text is not None else None
        if found is not None and found.targets:
            node.used |= sum(1 << i for i, raw in enumerate(node.components) if raw and i <= 3)
            if text != joined and words is not None and code not in (words, found.targets[0].code):
                ctx.unmark(node, 1)  # the code as sent has no home beside its words
            return {"unit": text if text == joined else words or text, "system": UCUM, "code": found.targets[0].code}
    return None


POWER = re.compile(r"[x*]?\s*10", re.IGNORECASE)
EXPONENT = re.compile(r"[+-]?\d")


@function("quantity", "leaf", "Quantity", "Duration", "Age")
def quantity(
    ctx: Context, text: str, node: Node, number: int, unit: Repetition | None = None, exact: str | None = None
) -> Json | None:
    """A number and its unit; with a comparator where the text carries one (R-VAL-1), which an `exact` one cannot. None when the text is no number."""
    value = decimal_of(text)
    out: Json = {}
    if value is None:
        match = COMPARED.fullmatch(text.strip())
        value = decimal_of(match[2]) if match else None
        if value is None or match is None or exact:
            return None
        ctx.report("field.comparator-in-number", node, number, rule="R-VAL-1", value=text)
        out["value"] = value
        out["comparator"] = match[1]
    else:
        out["value"] = value
    return {**out, **unit_of(ctx, unit)}


@function("is_range", "call", "boolean")
def is_range(ctx: Context, node: Any, low: str | None, high: str | None) -> bool | None:
    """Two bounds of which the lower one is not the higher (R4 rng-2); one may be open."""
    least, most = decimal_of(low or ""), decimal_of(high or "")
    return True if most is not None and (least is None or least <= most) else None


@function("days", "leaf", "Duration", "Quantity")
def days(ctx: Context, text: str, node: Node, number: int) -> Json | None:
    """A length in days (D-PV2-5): positive, UCUM d."""
    value = decimal_of(text)
    if value is None or value <= 0:
        return None
    return {"value": value, "unit": "days", "system": UCUM, "code": "d"}


@conversion("CQ", "Quantity Duration Age SimpleQuantity", "node", remember=True)
def composite_quantity(ctx: Context, node: Repetition | Part) -> Json | None:
    """CQ.1 and its unit CQ.2 (R-UNIT-6)."""
    text = ctx.text(node.components[1])
    value = decimal_of(text) if text is not None else None
    if value is None:
        return None
    node.used |= 2
    unit = unit_of(ctx, node.part(2)) if len(node.components) > 2 and node.components[2] else {}
    return {"value": value, **unit}


@function("structured", "node", "Quantity")
def structured_quantity(ctx: Context, node: Repetition, unit: Repetition | None = None) -> Json | None:
    """SN that is one number, perhaps compared (R-VAL-2)."""
    compare, first, separator, second = sn_parts(ctx, node)
    value = decimal_of(first) if first is not None else None
    if value is None or separator or second or (compare not in ("", "=") and compare not in COMPARATORS):
        return None
    node.used |= 0b11110
    out: Json = {"value": value}
    if compare in COMPARATORS:
        out["comparator"] = compare
    return {**out, **unit_of(ctx, unit)}


@function("structured_range", "node", "Range")
def structured_range(ctx: Context, node: Repetition, unit: Repetition | None = None) -> Json | None:
    """SN `low - high` (R-VAL-3)."""
    compare, first, separator, second = sn_parts(ctx, node)
    low, high = (decimal_of(t) if t is not None else None for t in (first, second))
    if separator != "-" or compare or low is None or high is None or low > high:
        return None
    node.used |= 0b11110
    measure = unit_of(ctx, unit)
    return {"low": {"value": low, **measure}, "high": {"value": high, **measure}}


@function("structured_ratio", "node", "Ratio")
def structured_ratio(ctx: Context, node: Repetition, unit: Repetition | None = None) -> Json | None:
    """SN `n : m` or `n / m` (R-VAL-4)."""
    compare, first, separator, second = sn_parts(ctx, node)
    top, bottom = (decimal_of(t) if t is not None else None for t in (first, second))
    if separator not in (":", "/") or top is None or bottom is None or (compare and compare not in COMPARATORS):
        return None
    node.used |= 0b11110
    out: Json = {"numerator": {"value": top}, "denominator": {"value": bottom}}
    if compare:
        out["numerator"] = {"value": top, "comparator": compare}
    measure = unit_of(ctx, unit)
    if measure and "/" not in measure["unit"]:
        out["numerator"].update(measure)
        out["denominator"].update(measure)
    elif measure:
        out = {"extension": original(measure["unit"]), **out}
    return out


def sn_parts(ctx: Context, node: Repetition) -> tuple[str, str | None, str, str | None]:
    texts = [ctx.text(node.components[n]) if len(node.components) > n else None for n in (1, 2, 3, 4)]
    return (texts[0] or "").strip(), texts[1], (texts[2] or "").strip(), texts[3]


@function("numeric_range", "node", "Range")
def numeric_range(ctx: Context, node: Repetition, unit: Repetition | None = None) -> Json | None:
    """NR (R-VAL-11)."""
    texts = [ctx.text(node.components[n]) if len(node.components) > n else None for n in (1, 2)]
    low, high = (decimal_of(t) if t is not None else None for t in texts)
    if (low is None and high is None) or (low is not None and high is not None and low > high):
        return None
    node.used |= 0b110
    measure = unit_of(ctx, unit)
    out: Json = {}
    if low is not None:
        out["low"] = {"value": low, **measure}
    if high is not None:
        out["high"] = {"value": high, **measure}
    return out


@function("money", "node", "Quantity")
def money_quantity(ctx: Context, node: Repetition) -> Json | None:
    """MO, CP as a Quantity of currency (R-VAL-13)."""
    amount = ctx.text(node.part(1).components[1]) if node.components[1] else None
    part = node.part(1)
    currency = ctx.text(part.components[2]) if len(part.components) > 2 else None
    if currency is None and len(node.components) > 2:
        currency = ctx.text(node.components[2])
    value = decimal_of(amount) if amount is not None else None
    if value is None:
        return None
    node.used |= 0b110
    out: Json = {"value": value}
    return {**out, "unit": currency, "system": "urn:iso:std:iso:4217", "code": currency} if currency else out


# ---- reference ranges

DASH = r"\s*[-\u2010-\u2015\u2212]\s*"
BETWEEN = re.compile(rf"(-?\d+(?:\.\d+)?|-?\.\d+){DASH}(-?\d+(?:\.\d+)?|-?\.\d+)")
BOUND = re.compile(r"(<=|>=|<|>|≤|≥)\s*(-?\d+(?:\.\d+)?|-?\.\d+)")


@function("reference_range", "leaf", "BackboneElement", "Observation.referenceRange")
def reference_range(ctx: Context, text: str, node: Node, number: int, unit: Repetition | None = None) -> Json:
    """OBX-7: the text always; low and high only where the whole text says so (R-REFR-1…3)."""
    plain = text.strip()
    used = unit.used if unit is not None else 0
    measure = dict(unit_quietly(ctx, unit))
    if unit is not None:
        unit.used = used
    sent = ctx.text(unit.raw) if unit is not None else None
    for spelled in {measure.get("unit"), measure.get("code"), sent}:
        if spelled and plain.endswith(spelled) and plain != spelled:
            plain = plain[: -len(spelled)].rstrip()
            break
    out: Json = {}
    between, bound = BETWEEN.fullmatch(plain), BOUND.fullmatch(plain)
    if between:
        low, high = decimal_of(between[1]), decimal_of(between[2])
        if low is not None and high is not None and low <= high:
            out = {"low": {"value": low, **measure}, "high": {"value": high, **measure}}
    elif bound:
        value = decimal_of(bound[2])
        if value is not None:
            out = {"high" if bound[1] in ("<", "<=", "≤") else "low": {"value": value, **measure}}
    out["text"] = text
    return out


def unit_quietly(ctx: Context, unit: Repetition | None) -> Json:
    count = len(ctx.issues)
    out = unit_of(ctx, unit)
    del ctx.issues[count:]
    return out
