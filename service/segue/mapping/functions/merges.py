"""Merges, moves and links: what MRG and a second PID say when the message has been read (R-MRG).

The maps build both sides from their segments; here stands what needs both at once: whether they differ at all, that the numbers of
a replaced record are old ones, by which number a renumbered record is found, and the links between two patients. Refuses to guess:
without a second identifier nothing is merged and an error says so (R-MRG-10).
"""

from __future__ import annotations

from segue.hl7.message import Part, Repetition, Segment

from ..context import Context, Instance
from ..records import Json, Record, business_identifier
from . import function

NUMBERS = ("JHN", "MR", "PI", "PT", "MB")
RENUMBERED = {"A46": "patient", "A47": "patient", "A48": "patient", "A49": "account", "A50": "visit", "A51": "visit"}
REPLACED = ("A18", "A30", "A34", "A36", "A39", "A40")
SOURCES = ("source_patient", "source_account", "source_visit")


def number(ctx: Context, node: Repetition | Part) -> tuple[str, str, str] | None:
    """A CX to compare: value, authority, type."""
    texts = [
        ctx.text(node.components[n]) if len(node.components) > n and node.components[n] else None for n in (1, 4, 5)
    ]
    return (texts[0].strip(), texts[1] or "", texts[2] or "") if texts[0] else None


def same(one: tuple[str, str, str], other: tuple[str, str, str]) -> bool:
    """Equal numbers; an authority or type that one side does not say is no difference."""
    return one[0] == other[0] and all(a == b or not a or not b for a, b in zip(one[1:], other[1:], strict=True))


def numbers(ctx: Context, segment: Segment, *fields: int) -> list[tuple[Repetition, tuple[str, str, str]]]:
    return [(r, n) for f in fields for r in segment.repetitions(f) if (n := number(ctx, r)) is not None]


@function("unshared", "node", "text")
def unshared(ctx: Context, node: Repetition) -> str | None:
    """The value of a prior number that the survivor does not have too."""
    prior = number(ctx, node)
    if prior is None or any(same(prior, n) for _, n in numbers(ctx, ctx.near(node.segment, "PID"), 2, 3, 4)):
        return None
    return prior[0]


@function("other_patient", "segment", "boolean", "text")
def other_patient(ctx: Context, mrg: Segment) -> bool | None:
    """True when MRG names a record that is not the survivor (R-MRG-10); accounts and visits are merged within one patient."""
    if ctx.event not in REPLACED:
        return None
    if any(unshared(ctx, r) for r, _ in numbers(ctx, mrg, 1, 2, 4)):
        return True
    ctx.report("merge.incomplete", mrg, 1, rule="R-MRG-10")
    return None


@function("other_account", "segment", "boolean", "text")
def other_account(ctx: Context, mrg: Segment) -> bool | None:
    return differs(ctx, mrg, 3, ctx.near(mrg, "PID"), 18, ctx.event in ("A35", "A41"))


@function("other_visit", "segment", "boolean", "text")
def other_visit(ctx: Context, pv1: Segment) -> bool | None:
    return differs(ctx, ctx.near(pv1, "MRG"), 5, pv1, 19, ctx.event == "A42")


def differs(ctx: Context, mrg: Segment, prior: int, survivor: Segment, present: int, needed: bool) -> bool | None:
    old, new = numbers(ctx, mrg, prior), numbers(ctx, survivor, present)
    if old and not any(same(o, n) for _, o in old for _, n in new):
        return True
    if needed:
        ctx.report("merge.incomplete", mrg if mrg.name else survivor, prior if mrg.name else None, rule="R-MRG-10")
    return None


def old(identifier: Json) -> Json:
    extension = {"extension": identifier["extension"]} if "extension" in identifier else {}
    return {**extension, "use": "old", **{k: v for k, v in identifier.items() if k not in ("extension", "use")}}


def found_by(ctx: Context, record: Record, identifiers: list[Json]) -> bool:
    """Makes one of these identifiers the identity of a record."""
    plain = [{k: v for k, v in i.items() if k != "use"} for i in identifiers]
    found = business_identifier({"identifier": plain}, NUMBERS)
    if found is None:
        return False
    key, identifier = found
    full = (record.type, *key) if identifier is not None else (record.type, ctx.sender, *key[1:])
    if ctx.known.get(full, record) is not record:
        return False
    ctx.rename(record, full, identifier)
    return True


@function("merge", "message")
def merge(ctx: Context) -> None:
    """Numbers of what is replaced are old; a renumbered record is found by its old number (R-MRG-1…4, R-MRG-8, R-MRG-11)."""
    for name in SOURCES:
        for source in ctx.made.get(name, ()):
            resource = source.record.resource
            if "identifier" in resource:
                resource["identifier"] = [old(i) for i in resource["identifier"]]
            consists(ctx, {"role": "source", "what": ctx.reference(source.record)})
    for mrg in ctx.message.segments:
        if mrg.name == "MRG":
            prior(ctx, mrg)
    renumbered = RENUMBERED.get(ctx.event)
    for made in ctx.made.get(renumbered, ()) if renumbered else ():
        before = [i for i in made.record.resource.get("identifier", ()) if i.get("use") == "old"]
        if not found_by(ctx, made.record, before):
            ctx.report("merge.incomplete", made.segment, None, rule="R-MRG-10")
    if ctx.made.get("source_patient"):
        concerns(ctx, [*ctx.made.get("patient", ()), *ctx.made["source_patient"]])


def prior(ctx: Context, mrg: Segment) -> None:
    """MRG-1: a number that PID has too stands there; of a patient who does not change, another one is the source (R-MRG-6)."""
    changes = ctx.event in REPLACED or RENUMBERED.get(ctx.event) == "patient"
    kept = numbers(ctx, ctx.near(mrg, "PID"), 2, 3, 4)
    for repetition, found in numbers(ctx, mrg, 1):
        twin = next((r for r, n in kept if same(found, n)), None)
        if twin is None and not changes:
            identifier = ctx.convert("CX.Identifier", repetition)
            if identifier is not None:
                consists(ctx, {"role": "source", "what": {"type": "Patient", "identifier": identifier}})
        elif twin is not None:
            every = sum(1 << n for n in range(len(repetition.components)))
            repetition.used |= every if twin.raw == repetition.raw else 2


@function("move", "message")
def move(ctx: Context) -> None:
    """A43: who gains the number is known by another one; who loses it is named, not written (R-MRG-5). A44: an account."""
    for made in ctx.made.get("patient", ()):
        mrg = ctx.near(made.segment, "MRG")
        kept, prior = numbers(ctx, made.segment, 2, 3, 4), numbers(ctx, mrg, 1)
        moved = [(r, n) for r, n in prior if any(same(n, k) for _, k in kept)] if ctx.event == "A43" else []
        others, named = [r for r, n in prior if (r, n) not in moved], [r for r, _ in numbers(ctx, mrg, 4)]
        left = named or others if ctx.event == "A43" else others or named
        if ctx.event == "A43":
            values = {n[0] for _, n in moved}
            own = [i for i in made.record.resource.get("identifier", ()) if i.get("value") not in values]
            if not moved or not found_by(ctx, made.record, own):
                ctx.report("merge.incomplete", mrg if mrg.name else made.segment, None, rule="R-MRG-10")
            else:
                ctx.report("merge.source-unwritten", mrg, None, rule="R-MRG-5")
            for repetition, _ in moved:
                twin = any(k.raw == repetition.raw for k, _ in kept)
                repetition.used |= sum(1 << n for n in range(len(repetition.components))) if twin else 2
        if left:
            identifier = ctx.convert("CX.Identifier", left[0])
            if identifier is not None:
                consists(ctx, {"role": "source", "what": {"type": "Patient", "identifier": identifier}})


@function("link", "message")
def link(ctx: Context) -> None:
    """A24: both patients see each other; A37: both without a link, which may cost them others (R-MRG-9)."""
    made = ctx.made.get("patient", [])
    if ctx.event not in ("A24", "A37") or not made:
        return
    concerns(ctx, made)
    if len(made) < 2 or made[0].record is made[1].record:
        ctx.report("merge.incomplete", made[0].segment, None, rule="R-MRG-10")
    elif ctx.event == "A37":
        ctx.report("merge.links-rewritten", made[0].segment, None, rule="R-MRG-9")
    else:
        for one, other in ((made[0], made[1]), (made[1], made[0])):
            one.record.resource["link"] = [{"other": ctx.reference(other.record), "type": "seealso"}]


def consists(ctx: Context, entity: Json) -> None:
    """Adds what it was made from to the Provenance of the event."""
    for made in (ctx.made.get("event") or ctx.made.get("provenance", []))[:1]:
        made.record.resource["entity"] = [*made.record.resource.get("entity", ()), entity]


def concerns(ctx: Context, about: list[Instance]) -> None:
    """The header is about all of these patients, survivors first (R-MSG-9)."""
    ctx.concern(*(found.record for found in about))
