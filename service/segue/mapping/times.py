"""v2 dates and times as FHIR date, dateTime, instant and time (R-DATE).

Precision is what the sender wrote; nothing is shifted between zones. A time needs an offset: its own, the zone of site or call,
or the offset of MSH-7; without any it is cut to its date and the text stays in ORIG. No clock and no host zone is read (R-NF-1).
Results are cached by text and zone, since one message repeats its times.
"""

from __future__ import annotations

import re
from datetime import date as Date
from datetime import datetime as DateTime
from datetime import timedelta
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

Zone = ZoneInfo | str | None  # IANA zone, fixed offset "+05:00", or none

_HL7 = re.compile(
    r"(\d{4})(?:(\d{2})(?:(\d{2})(?:(\d{2})(?:(\d{2})(?:(\d{2})(\.\d{1,9})?)?)?)?)?)?\s*(Z|[+-]\d{2}(?::?\d{2})?)?",
    re.ASCII,
)
_MIXED = re.compile(  # date and time apart by T or a blank, times with colons (R-DATE-9)
    r"(\d{4})(\d{2})(\d{2})[T ]?(\d{2})(?::?(\d{2})(?::?(\d{2})(\.\d{1,9})?)?)?\s*(Z|[+-]\d{2}(?::?\d{2})?)?",
    re.ASCII,
)
_ISO = re.compile(
    r"(\d{4})-(\d{1,2})(?:-(\d{1,2})(?:[T ](\d{1,2})(?::(\d{2})(?::(\d{2})(\.\d{1,9})?)?)?)?)?\s*(Z|[+-]\d{2}(?::?\d{2})?)?",
    re.ASCII,
)
_TIME = re.compile(r"(\d{2})(?::?(\d{2})(?::?(\d{2})(\.\d{1,9})?)?)?\s*(Z|[+-]\d{2}(?::?\d{2})?)?", re.ASCII)
_LENGTHS = {"Y": 1, "L": 2, "D": 3, "H": 4, "M": 5, "S": 6}  # TS.2, degree of precision


class Moment(NamedTuple):
    """A v2 time read: what each FHIR type can say of it, and what has to be reported."""

    date: str | None = None
    datetime: str | None = None
    instant: str | None = None
    has_time: bool = False  # minutes were sent
    midnight: bool = False
    cut: bool = False  # dateTime holds less than was sent: ORIG
    issue: str | None = None
    issue_datetime: str | None = None


UNREADABLE = Moment(issue="field.date-unreadable")
SENTINEL = Moment(issue="field.date-sentinel")


def zone_named(name: str) -> Zone:
    """An IANA zone or an offset such as `-05:00`; raises ValueError with the reason."""
    if re.fullmatch(r"[+-]\d{2}:?\d{2}", name):
        return name if ":" in name else f"{name[:3]}:{name[3:]}"
    if name in ("Z", "UTC"):
        return "+00:00" if name == "UTC" else "Z"
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("not an IANA time zone or an offset such as -05:00") from None


def offset_of(text: str) -> str | None:
    """The offset written in a v2 time."""
    plain = text.strip()
    match = _HL7.fullmatch(plain) or _ISO.fullmatch(plain) or _MIXED.fullmatch(plain)
    return _offset(match[8]) if match and match[8] and match[4] else None


def _offset(text: str) -> str | None:
    """`+hh:mm`; None for one that no place has (R4 allows 14 hours)."""
    if text == "Z":
        return "Z"
    digits = text[1:].replace(":", "").ljust(4, "0")
    far = int(digits[:2]) * 60 + int(digits[2:]) > 14 * 60 or int(digits[2:]) > 59
    return None if far else f"{text[0]}{digits[:2]}:{digits[2:]}"


@lru_cache(maxsize=8192)
def moment(text: str, zone: Zone, precision: str = "") -> Moment:
    """What a v2 date or time says. `precision` is TS.2 (R-DATE-8)."""
    text = text.strip()
    if text.startswith(("0000", "99991231")):
        return SENTINEL
    if len(text) == 8 and not precision and text.isdecimal() and text.isascii():  # most are a day
        day = f"{text[:4]}-{text[4:6]}-{text[6:]}"
        try:
            Date.fromisoformat(day)
        except ValueError:
            return UNREADABLE
        return Moment(day, day)
    match, form = _HL7.fullmatch(text), None
    if match is None:
        match, form = _ISO.fullmatch(text) or _MIXED.fullmatch(text), "field.date-form"
        if match is None:
            return UNREADABLE
    year, month, day, hour, minute, second, fraction, offset = match.groups()
    if offset and hour is None:
        if offset[0] not in "+-Z":
            return UNREADABLE
        offset = None
    limit = _LENGTHS.get(precision, 6)
    if limit < 6:
        month, day, hour, minute, second = (
            value if limit >= n else None for n, value in enumerate((month, day, hour, minute, second), 2)
        )
        fraction = fraction if limit == 6 else None
    try:
        whole = Date(int(year), int(month or 1), int(day or 1))
        midnight_next = hour == "24" and not int(minute or 0) and not int(second or 0)
        if hour is not None and not midnight_next:
            DateTime(1, 1, 1, int(hour), int(minute or 0), 59 if second == "60" else int(second or 0))
    except ValueError:
        return UNREADABLE
    issue = form
    if midnight_next:
        whole, hour, issue = whole + timedelta(days=1), "00", "field.hour-24"
    parts = [f"{whole.year:04d}", f"{whole.month:02d}", f"{whole.day:02d}"]
    plain = "-".join(parts[: 1 + (month is not None) + (day is not None)])
    if hour is None:
        return Moment(plain, plain, issue=issue)
    if minute is None:  # hours alone are no FHIR time (R-DATE-2)
        return Moment(plain, plain, cut=True, issue=issue, issue_datetime="field.time-cut")
    seconds = second if second is not None else "00"
    seconds = "59" if seconds == "60" else seconds
    local = DateTime(whole.year, whole.month, whole.day, int(hour), int(minute), int(seconds))
    extra = None
    if offset:
        shift: str | None = _offset(offset)
        if shift is None:
            return UNREADABLE
    elif isinstance(zone, ZoneInfo):
        shift, extra = _local_offset(local, zone)
    else:
        shift = zone
    midnight = local.hour == local.minute == local.second == 0
    if shift is None:
        return Moment(
            plain, plain, has_time=True, midnight=midnight, cut=True, issue=issue, issue_datetime="field.time-cut"
        )
    value = f"{plain}T{int(hour):02d}:{minute}:{seconds}{fraction or ''}{shift}"
    return Moment(plain, value, value, True, midnight, issue=issue, issue_datetime=extra)


def _local_offset(local: DateTime, zone: ZoneInfo) -> tuple[str, str | None]:
    early, late = local.replace(tzinfo=zone, fold=0).utcoffset(), local.replace(tzinfo=zone, fold=1).utcoffset()
    assert early is not None
    minutes = int(early.total_seconds() // 60)
    sign = "-" if minutes < 0 else "+"
    text = f"{sign}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}"
    return text, None if early == late else "field.time-ambiguous"


@lru_cache(maxsize=1024)
def clock(text: str) -> tuple[str | None, bool]:
    """A v2 TM as FHIR time, and whether an offset had to be dropped; None when it has no minutes or is no time."""
    match = _TIME.fullmatch(text.strip())
    if match is None or match[2] is None or int(match[1]) > 23 or int(match[2]) > 59 or int(match[3] or 0) > 59:
        return None, False
    return f"{match[1]}:{match[2]}:{match[3] or '00'}{match[4] or ''}", match[5] is not None


def shifted(value: str, amount: int, unit: str) -> str | None:
    """A FHIR dateTime with offset, moved by a UCUM time unit (R-DATE-13); None when the rule does not allow it."""
    seconds = {"s": 1, "min": 60, "h": 3600, "d": 86400, "wk": 604800}.get(unit)
    if seconds is None or "T" not in value:
        return None
    try:
        moved = DateTime.fromisoformat(value.replace("Z", "+00:00")) + timedelta(seconds=seconds * amount)
    except OverflowError:
        return None
    text = moved.isoformat()
    return text[:-6] + "Z" if value.endswith("Z") else text


def reversed_period(start: str, end: str) -> bool:
    """True when both ends are comparable and the end is earlier (R-DATE-12, per-1)."""
    if len(start) > 10 and len(end) > 10:
        return DateTime.fromisoformat(start.replace("Z", "+00:00")) > DateTime.fromisoformat(end.replace("Z", "+00:00"))
    n = min(len(start), len(end), 10)
    return start[:n] > end[:n]
