"""Notes: the NTE that follow a segment, as Annotations or text (R-NTE)."""

from __future__ import annotations

from collections.abc import Iterator

from segue.hl7.message import Segment

from ..context import Context
from ..records import Json
from ..times import moment
from . import function

TYPE_URL = "http://hl7.org/fhir/StructureDefinition/annotationType"


def note_text(ctx: Context, nte: Segment) -> str | None:
    """NTE-3, repetitions joined by LF, empty ones as empty lines; NTE-9 appended (R-NTE-2)."""
    lines = [ctx.text(r.raw) or "" for r in nte.repetitions(3)]
    text = "\n".join(lines).rstrip()
    coded = nte.repetitions(9)
    added = [
        w
        for r in coded
        if (w := next((t for n in (9, 2, 5, 1) if len(r.components) > n and (t := ctx.text(r.components[n]))), None))
    ]
    if text:
        nte.used |= 1 << 3
    if added:
        nte.used |= 1 << 9
    return "\n".join(filter(None, [text, *added])) or None


def following(ctx: Context, segment: Segment) -> Iterator[Segment]:
    """The NTE after a segment, and after the OBX that continue it: those are on the result that all of them make."""
    for each in ctx.runs.get(segment.position, (segment,)):
        yield from ctx.notes.get(each.position, ())


@function("notes", "segment", "Annotation", many=True)
def notes(ctx: Context, segment: Segment) -> list[Json] | None:
    """One Annotation an NTE; consecutive ones without type, author and time are one (R-NTE-2)."""
    found: list[Json] = []
    plain = False
    for nte in following(ctx, segment):
        text = note_text(ctx, nte)
        extension: list[Json] = []
        kind = nte.repetitions(4)
        author = nte.repetitions(5)
        when = nte.leaf(6)
        if text is None:
            continue
        if not kind and not author and when is None and plain:
            found[-1]["text"] += "\n" + text
            continue
        out: Json = {}
        if kind:
            from .codes import concept

            value = concept(ctx, kind[0], bound="0364")
            if value is not None:
                extension.append({"url": TYPE_URL, "valueCodeableConcept": value})
        if extension:
            out["extension"] = extension
        if author:
            reference = ctx.person(author[0])
            if reference is not None:
                out["authorReference"] = reference
        if when is not None:
            time = moment(when, ctx.zone)
            if time.datetime is not None:
                out["time"] = time.datetime
                nte.used |= 1 << 6
        out["text"] = text
        found.append(out)
        plain = not kind and not author and when is None
    return found or None


@function("part_notes", "segment", "Annotation", many=True)
def part_notes(ctx: Context, rxo: Segment) -> list[Json] | None:
    """Notes on the routes, components and times of a medication order."""
    group = rxo.group
    below = [s for s in group.segments() if s.name in ("RXR", "RXC", "TQ1")] if group is not None else []
    return [note for segment in below for note in notes(ctx, segment) or ()] or None  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]


@function("notes_text", "segment", "string", "markdown", "text")
def notes_text(ctx: Context, segment: Segment) -> str | None:
    texts = [t for nte in following(ctx, segment) if (t := note_text(ctx, nte))]
    return "\n".join(texts) or None
