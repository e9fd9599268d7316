"""What a message says twice stands once: numbers and telecoms of a patient, participants of a visit (R-ID-10, R-TEL-8, R-ENC-5).

Equal is what the rule of each names equal. Where two differ in anything but what one of them lacks, both stay.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, cast

from ..context import Context
from ..records import Json
from . import function


@function("doubles", "message")
def doubles(ctx: Context) -> None:
    """Numbers and telecoms of patients, participants of visits: what is there twice stands once."""
    for name in ("patient", "source_patient"):
        for made in ctx.made.get(name, ()):
            once_each(made.record.resource, "identifier", lambda number: number.get("value"), fuller_number)
            once_each(made.record.resource, "telecom", dialled, fuller_telecom)
    for made in ctx.made.get("visit", ()):
        once_each(
            made.record.resource, "participant", lambda part: individual(ctx, part), lambda a, b: one_part(ctx, a, b)
        )


def once_each(
    resource: Json, key: str, about: Callable[[Json], str | None], joined: Callable[[Json, Json], Json | None]
) -> None:
    """Each item of a list joined with the first that `joined` takes for the same, looked for among those about the same thing only.

    The first gives the place. Items about nothing stay as they are.
    """
    items: list[Json] = resource.get(key, [])
    if len(items) < 2:
        return
    kept: list[Json] = []
    places: dict[str, list[int]] = {}
    for item in items:
        subject = about(item)
        same = places.setdefault(subject, []) if subject is not None else []
        for place in same:
            both = joined(kept[place], item)
            if both is not None:
                kept[place] = both
                break
        else:
            same.append(len(kept))
            kept.append(item)
    if len(kept) < len(items):
        resource[key] = kept


def fuller_number(one: Json, other: Json) -> Json | None:
    """Of two equal identifiers the one that says more (R-ID-10); one without authority or type is that number too."""
    if one.get("use") != other.get("use"):
        return None
    return other if within(one, other) else one if within(other, one) else None


def within(part: Any, whole: Any) -> bool:
    """True when all that one element says the other says as well."""
    if isinstance(part, dict) and isinstance(whole, dict):
        told = cast(Json, whole)
        return all(key in told and within(value, told[key]) for key, value in cast(Json, part).items())
    return part == whole


def fuller_telecom(one: Json, other: Json) -> Json | None:
    """Equal system, digits and use are one number, written as it was first (R-TEL-8); without digits the value must be equal."""
    if any(one.get(key) != other.get(key) for key in ("system", "use", "_use")):
        return None
    return {**other, **one}


def dialled(point: Json) -> str:
    """The digits of a telephone number, in which writing differs; any other address as it is."""
    value = point.get("value", "")
    digits = _digits(value) if point.get("system") in ("phone", "fax", "pager", "sms") else ""
    return digits or value


@lru_cache(4096)
def _digits(value: str) -> str:
    return "".join(filter(str.isdigit, value))


def one_part(ctx: Context, one: Json, other: Json) -> Json | None:
    """The same person in the same part of a visit (R-ENC-5): with the codes, the time and the role that either tells."""
    if not codes(one) & codes(other):
        return None
    if "period" in one and "period" in other and one["period"] != other["period"]:
        return None
    first, second = (one, other) if len(codes(one)) >= len(codes(other)) else (other, one)
    role = next((p["individual"] for p in (one, other) if individual(ctx, p) != reference(p)), one["individual"])
    return {**second, **first, "individual": role}


def codes(participant: Json) -> set[tuple[str, str]]:
    """The parts that a participant plays."""
    found = [c for concept in participant.get("type", ()) for c in concept.get("coding", ())]
    return {(c.get("system", ""), c["code"]) for c in found if "code" in c}


def reference(participant: Json) -> str:
    return participant.get("individual", {}).get("reference", "")


def individual(ctx: Context, participant: Json) -> str | None:
    """The person behind a reference: that of a PractitionerRole is its practitioner."""
    record = ctx.referred(participant.get("individual", {}))
    if record is None:
        return None
    return record.resource.get("practitioner", {}).get("reference", reference(participant))
