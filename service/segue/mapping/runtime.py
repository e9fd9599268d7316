"""The names that compiled maps call: reading repetitions, marking, small constructors. Everything here is on the hot path."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from segue.hl7.message import NULL, Part, Repetition, Segment

from .context import Context, Node, Primitive, absent, first_valued, valued
from .memory import remember, remember_resource
from .records import Json, business_identifier, distinct


def nth(segment: Segment, number: int, repetition: int) -> Repetition | None:
    found = segment.repetitions(number)
    return found[repetition - 1] if len(found) >= repetition and found[repetition - 1].raw else None


def cell(node: Repetition | Part, number: int) -> str:
    """The raw text of a component, "" where it is absent."""
    components = node.components
    return components[number] if number < len(components) else ""


def rawat(node: Repetition | Part | None, *steps: int) -> str:
    if node is None:
        return ""
    if not steps:
        return node.raw
    if len(steps) == 1:
        return cell(node, steps[0])
    return cell(node.part(steps[0]), steps[1]) if cell(node, steps[0]) else ""


def isnull(raw: str) -> bool:
    """Exactly two quotes: the sender deletes (R-NULL-1)."""
    return raw == NULL


def simple(ctx: Context, segment: Segment, number: int) -> str | None:
    """The text of a field of a simple type, where a sender may still have put components or repetitions."""
    raw = segment.fields[number]
    d = ctx.message.delimiters
    if (d.component and d.component in raw) or (d.repetition and d.repetition in raw):
        first = first_valued(segment, number)
        return ctx.text(first.components[1]) if first is not None else None
    return ctx.text(raw)


def mark(segment: Segment, number: int) -> None:
    """The field found a home: as a whole when it is one simple value, else its first component."""
    raw = segment.fields[number] if len(segment.fields) > number else ""
    d = segment.delimiters
    if (d.component and d.component in raw) or (d.repetition and d.repetition in raw):
        first = first_valued(segment, number)
        if first is not None:
            first.used |= 2
    else:
        segment.used |= 1 << number


def business(
    ctx: Context, resource: Json, preferred: tuple[str, ...]
) -> tuple[tuple[str, ...] | None, tuple[str, str] | None]:
    found = business_identifier(resource, preferred)
    if found is None:
        return None, None
    key, identifier = found
    return ((ctx.sender, *key[1:]) if identifier is None else key), identifier


def placed(ctx: Context, node: Node) -> tuple[str, ...]:
    """Identity by place: sender, control id, time of the message, location (R-RID)."""
    return ctx.place(node)


def primitives(out: Json, key: str, items: list[Any]) -> None:
    """A list of primitives, with the list of their extensions beside it where any has one."""
    if not any(item.__class__ is Primitive for item in items):
        out[key] = items
        return
    out[key] = [item.value if item.__class__ is Primitive else item for item in items]
    out["_" + key] = [{"extension": item.extension} if item.__class__ is Primitive else None for item in items]
    if all(value is None for value in out[key]):
        del out[key]


def extension(url: str, key: str, value: Any) -> Json:
    out: Json = {"url": url}
    if value.__class__ is Primitive:
        value.put(out, key)
    else:
        out[key] = value
    return out


def resource_given(ctx: Context, build: Any, verb: str, node: Node, *params: Any) -> Json | None:
    """A reference to the resource that a data type map builds, not remembered."""
    found = build(ctx, node, *params)
    if found is None:
        return None
    out, key, identifier = found
    return ctx.reference(ctx.add(out, key, identifier, verb, node))


def looked_up(table: Any, text: str | None) -> str | None:
    """The code a table gives for a text, None where it gives none."""
    targets = table.targets(text) if text else None
    return targets[0].code if targets else None


NAMES: dict[str, Any] = {
    "Decimal": Decimal,
    "Primitive": Primitive,
    "absent": absent,
    "business": business,
    "cell": cell,
    "distinct": distinct,
    "extension": extension,
    "isnull": isnull,
    "looked_up": looked_up,
    "mark": mark,
    "nth": nth,
    "placed": placed,
    "primitives": primitives,
    "rawat": rawat,
    "remember": remember,
    "remember_resource": remember_resource,
    "rep": first_valued,
    "resource_given": resource_given,
    "simple": simple,
    "valued": valued,
}
