"""Texts: fields joined, composites written out as one line (R-VAL-15…18, R-OBX-9)."""

from __future__ import annotations

from segue.hl7.message import Repetition, Segment

from ..context import Context, Node, Primitive
from ..records import Json
from . import function
from .values import original, unit_of


@function("joined", "node", "text", "string", "markdown")
def joined(ctx: Context, node: Repetition) -> str | None:
    """A repetition as text, components joined by `^` (R-VAL-18)."""
    pieces = [ctx.text(c) or "" for c in node.components[1:]]
    text = "^".join(pieces).rstrip("^")
    if text:
        node.used |= sum(1 << n for n in range(len(node.components)))
    return text or None


def with_unit(ctx: Context, text: str, unit: Repetition | None) -> str:
    if unit is None:
        return text
    measure = unit_of(ctx, unit)
    return f"{text} {measure['unit']}" if measure.get("unit") else text


@function("structured_text", "node", "string", "text")
def structured_text(ctx: Context, node: Repetition, unit: Repetition | None = None) -> str | None:
    """An SN that is no quantity, range or ratio: its parts joined by a blank (R-VAL-5)."""
    parts = [t for c in node.components[1:] if c and (t := ctx.text(c))]
    if not parts:
        return None
    node.used |= sum(1 << n for n in range(len(node.components)))
    return with_unit(ctx, " ".join(parts), unit)


@function("between", "node", "string", "text")
def between(ctx: Context, node: Repetition) -> str | None:
    """VR as `a-b` (R-VAL-11)."""
    parts = [t for c in node.components[1:3] if (t := ctx.text(c))]
    node.used |= 0b110 if parts else 0
    return "-".join(parts) or None


@function("mismatched", "node", "string", "text")
def mismatched(ctx: Context, node: Repetition) -> str | None:
    """A value that does not fit its type: the text as sent (R-VAL-19)."""
    text = joined(ctx, node)
    if text is None:
        return None
    numeric = node.segment.raw(2).strip() == "NM"
    ctx.report("field.number-as-text" if numeric else "value.type-mismatch", node, None, rule="R-VAL-19")
    return text


@function("entire", "segment", "text", "string", "markdown")
def entire(ctx: Context, segment: Segment, number: int) -> str | None:
    """A field of a simple type whole, with the delimiters that a sender put into it (R-ESC-4)."""
    raw = segment.raw(number)
    text = ctx.text(raw)
    if text is None:
        return None
    d = segment.delimiters
    if any(c and c in raw for c in (d.component, d.repetition, d.subcomponent)):
        ctx.report("text.rejoined", segment, number, rule="R-ESC-4")
    segment.used |= 1 << number
    return text


@function("lines", "call", "text", "string", "markdown")
def lines(ctx: Context, node: Node, segment: Segment, number: str | int) -> str | None:
    """All repetitions of a field of a segment, one a line."""
    number = int(number)
    found = [ctx.text(r.raw) or "" for r in segment.repetitions(number)]
    text = "\n".join(found).rstrip("\n")
    if text:
        segment.used |= 1 << number
    return text or None


@function("words", "call", "text", "string", "markdown", strict=True)
def words(ctx: Context, node: Node, *texts: str | None) -> str | None:
    """Texts that are there, joined by blanks."""
    return " ".join(t for t in texts if t) or None


@function("written", "node", "string")
def written(ctx: Context, node: Repetition, kind: str) -> str | Primitive | None:
    """A composite value where FHIR takes a string: what a person would read, the whole in ORIG (R-VAL-15…17)."""
    T = ctx.text
    parts: list[str | None] = []
    for component in node.components:
        parts.append(T(component) if component else None)
    whole = T(node.raw) or ""

    def sub(n: int) -> str | None:
        return T(node.part(n).components[1]) if len(node.components) > n and node.components[n] else None

    if kind in ("PN", "XPN"):
        text = " ".join(p for p in (at(parts, 5), at(parts, 2), at(parts, 3), sub(1), at(parts, 4)) if p)
    elif kind in ("CN", "XCN", "CNN"):
        text = " ".join(p for p in (at(parts, 6), at(parts, 3), at(parts, 4), sub(2), at(parts, 5)) if p)
    elif kind in ("AD", "XAD"):
        text = ", ".join(p for p in (sub(1), at(parts, 2), at(parts, 3)) if p)
    elif kind in ("TN", "XTN"):
        text = number_of(parts) or at(parts, 12) or at(parts, 1) or at(parts, 4) or ""
    else:
        text = sub(1) or at(parts, 1) or ""
    if not text:
        return None
    node.used |= sum(1 << n for n in range(len(node.components)))
    return text if text == whole else Primitive(text, original(whole))


def number_of(parts: list[str | None]) -> str | None:
    """`+country area local Xextension` of an XTN in parts (R-TEL-2)."""
    if at(parts, 7) is None or (at(parts, 6) is None and (at(parts, 12) or at(parts, 1))):
        return None
    country, extension = at(parts, 5), at(parts, 8)
    pieces = (
        f"+{country.lstrip('+')}" if country else None,
        at(parts, 6),
        at(parts, 7),
        f"X{extension}" if extension else None,
    )
    return " ".join(p for p in pieces if p)


def at(parts: list[str | None], n: int) -> str | None:
    return parts[n] if len(parts) > n else None


def code_words(ctx: Context, segment: Segment, number: int) -> str | None:
    """What a coded field is called: original text, text, alternate text, else the code."""
    for node in segment.repetitions(number):
        for n in (9, 2, 5, 1):
            if len(node.components) > n and node.components[n]:
                text = ctx.text(node.components[n])
                if text is not None:
                    return text
    return None


@function("sampled", "call", "SampledData")
def sampled(ctx: Context, node: Node, segment: Segment, unit: Repetition | None = None) -> Json | None:
    """NA and MA: numbers of one or several channels (R-VAL-12)."""
    from .values import decimal_of

    rows = [r for r in segment.repetitions(5) if r.raw]
    width = max((len(r.components) - 1 for r in rows), default=0)
    cells: list[str] = []
    for row in rows:
        for n in range(1, width + 1):
            text = ctx.text(row.components[n]) if len(row.components) > n else None
            value = decimal_of(text) if text is not None else None
            if text is not None and value is None:
                return None
            cells.append(str(value) if value is not None else "E")
    if not cells:
        return None
    segment.used |= 1 << 5
    return {
        "origin": {"value": decimal_of("0"), **unit_of(ctx, unit)},
        "_period": {
            "extension": [{"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "unknown"}]
        },
        "dimensions": width,
        "data": " ".join(cells),
    }
