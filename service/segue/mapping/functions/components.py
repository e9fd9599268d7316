"""OBX-5 that repeats: one component a repetition, its value by OBX-2 as that of a single one (R-OBX-9, D-OBX-5)."""

from __future__ import annotations

from typing import Any

from segue.hl7.message import Repetition, Segment

from ..context import Context, Primitive, absent
from ..records import Json
from . import function
from .codes import concept
from .texts import between, joined, mismatched, structured_text, written
from .values import (
    composite_quantity,
    date_time,
    money_quantity,
    numeric_range,
    quantity,
    range_period,
    structured_quantity,
    structured_range,
    structured_ratio,
    time,
)

CODED = frozenset(("CE", "CWE", "CNE", "CF", "ID", "IS"))
MOMENTS = frozenset(("DT", "DTM", "TS"))
COMPOSITES = frozenset(
    ("EI", "CX", "CK", "HD", "PL", "EIP", "PN", "XPN", "CN", "XCN", "CNN", "AD", "XAD", "TN", "XTN", "XON")
)
TYPED = frozenset(("NM", "SN", "TM", "DR", "NR", "VR", "CQ", "CP", "MO")) | MOMENTS | COMPOSITES
WHOLE = frozenset(("TX", "FT", "NA", "MA", "ED", "RP"))  # make one value of all their repetitions


@function("repeated", "segment", "boolean", "text")
def repeated(ctx: Context, obx: Segment) -> bool | None:
    """True when OBX-5 repeats in a way that makes components."""
    if obx.raw(2).strip() in WHOLE or obx.position in ctx.runs:
        return None
    return True if len([r for r in obx.repetitions(5) if says(ctx, r)]) > 1 else None


def says(ctx: Context, node: Repetition) -> bool:
    """True when there is more than delimiters."""
    return ctx.text(node.raw.strip("^&")) is not None


@function("components", "segment", "Observation.component", many=True)
def components(ctx: Context, obx: Segment) -> list[Json] | None:
    """One component a repetition of OBX-5, each with the code of OBX-3."""
    if repeated(ctx, obx) is None:
        return None
    kind = obx.raw(2).strip()
    code = obx.repetitions(3)
    named = concept(ctx, code[0]) if code else None
    unit = next((r for r in obx.repetitions(6) if r.raw), None)
    out: list[Json] = []
    for node in obx.repetitions(5):
        name, value = component_value(ctx, kind, node, unit)
        if value is None:
            continue
        one: Json = {"code": named if named is not None else {"extension": absent("unknown")}}
        if isinstance(value, Primitive):
            value.put(one, name)
        else:
            one[name] = value
        out.append(one)
    return out or None


def component_value(ctx: Context, kind: str, node: Repetition, unit: Repetition | None) -> tuple[str, Any]:
    """The element and its value; a value that does not fit its type is the text as sent (R-VAL-19)."""
    text = ctx.text(node.components[1])
    if not says(ctx, node):
        return "", None
    if kind in CODED:
        return "valueCodeableConcept", concept(ctx, node)
    found: tuple[str, Any] = "", None
    if kind == "NM" and text is not None:
        found = "valueQuantity", quantity(ctx, text, node, 0, unit)
        node.used |= 2 if found[1] is not None else 0
    elif kind == "SN":
        tried = (
            ("valueQuantity", structured_quantity),
            ("valueRange", structured_range),
            ("valueRatio", structured_ratio),
            ("valueString", structured_text),
        )
        found = next(((name, value) for name, call in tried if (value := call(ctx, node, unit)) is not None), found)
    elif kind in MOMENTS and text is not None:
        found = "valueDateTime", date_time(ctx, text, node, 1)
    elif kind == "TM" and text is not None:
        found = "valueTime", time(ctx, text, node, 1)
    elif kind == "DR":
        found = "valuePeriod", range_period(ctx, node)
    elif kind == "NR":
        found = "valueRange", numeric_range(ctx, node, unit)
    elif kind == "VR":
        found = "valueString", between(ctx, node)
    elif kind == "CQ":
        found = "valueQuantity", composite_quantity(ctx, node)
    elif kind in ("CP", "MO"):
        found = "valueQuantity", money_quantity(ctx, node)
    elif kind in COMPOSITES:
        found = "valueString", written(ctx, node, kind)
    if found[1] is not None:
        node.used |= 1 if kind in MOMENTS or kind == "TM" else 0
        return found
    return "valueString", mismatched(ctx, node) if kind in TYPED else joined(ctx, node)
