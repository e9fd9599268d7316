"""Person locations: PL to a chain of Locations, one a valued level (R-LOC)."""

from __future__ import annotations

from segue.hl7.message import Part, Repetition

from ..context import Context, Node, first_valued
from ..records import Json
from . import conversion, function
from .codes import concept_of, of_table
from .identifiers import assigner, authority, universal_uri

V2 = "http://terminology.hl7.org/CodeSystem/v2-"
PHYSICAL = "http://terminology.hl7.org/CodeSystem/location-physical-type"
# from facility to bed: component, physical type
LEVELS = ((4, "si"), (7, "bu"), (8, "lvl"), (1, ""), (2, "ro"), (3, "bd"))
NAMES = {"bd": "Bed", "ro": "Room", "lvl": "Level", "bu": "Building", "si": "Site", "wa": "Ward"}


@conversion("PL", "&Location", "node")
def location(ctx: Context, node: Repetition | Part, status: str | None = None) -> Json | None:
    """A reference to the most granular level; each level is partOf the next valued one (R-LOC-1, R-LOC-5)."""
    T, components = ctx.text, node.components
    path: list[str] = []
    parent: Json | None = None
    valued = [(c, kind) for c, kind in LEVELS if len(components) > c and components[c] and any(level(ctx, node, c)[:2])]
    if not valued:
        return only_description(ctx, node)
    nursing_unit = len(components) > 6 and (T(components[6]) or "").strip() == "N"
    for c, kind in valued:
        part = node.part(c)
        name, universal, scheme = level(ctx, node, c)
        last = c == valued[-1][0]
        if c == 1 and nursing_unit:
            kind = "wa"  # R-LOC-2
        out: Json = {"resourceType": "Location"}
        identifiers: list[Json] = []
        uri = universal_uri(universal, scheme)
        if uri is not None:
            identifiers.append({"system": "urn:ietf:rfc:3986", "value": uri})
            part.used |= 0b1100
        elif universal is not None:
            identifiers.append({"value": universal})
            part.used |= 0b0100
        if last:
            identifiers = [*own_identifier(ctx, node), *identifiers]
        if identifiers:
            out["identifier"] = identifiers
        if last and status is not None and kind in ("bd", "ro"):
            out["operationalStatus"] = of_table("0116", status)
        if name is not None:
            out["name"] = name
            part.used |= 2
        elif universal is not None:
            out["name"] = universal
        if last and len(components) > 9 and (description := T(components[9])) is not None:
            out["description"] = description
            node.used |= 1 << 9
        out["mode"] = "instance"
        if last and len(components) > 6 and (person := T(components[6])) is not None:
            out["type"] = [concept_of("0305", person)]
            node.used |= 1 << 6
        if last and (extension := named(ctx, node)):
            out["extension"] = extension
        if kind:
            out["physicalType"] = {"coding": [{"system": PHYSICAL, "code": kind, "display": NAMES[kind]}]}
        if parent is not None:
            out["partOf"] = parent
        path.append(f"{c}:{universal or name}")
        key: tuple[str, ...] = (ctx.sender, *path)
        system = next(((i["system"], i["value"]) for i in identifiers if "system" in i), None)
        if last and system is not None and own(ctx, node) and identifiers[0].get("system") == system[0]:
            key = system
        else:
            system = None
        parent = ctx.reference(ctx.add(out, key, system, node=node))
    return parent


@function("temporary", "node", "CodeableConcept")
def temporary(ctx: Context, node: Repetition | Part) -> Json | None:
    """PV1-11, PV1-43: a place that is a place at all is a temporary one (R-ENC-6)."""
    levels = any(any(level(ctx, node, c)[:2]) for c, _ in LEVELS if len(node.components) > c and node.components[c])
    words = len(node.components) > 9 and node.components[9] and ctx.text(node.components[9])
    return {"text": "temporary"} if levels or words or own(ctx, node) else None


@function("facility", "call", "text", strict=True)
def facility(ctx: Context, node: Node, name: str | None) -> str | None:
    """The path of a place that one name tells: the facility that the levels of a PL hang under (R-LOC-4)."""
    return f"4:{name}" if name else None


def level(ctx: Context, node: Repetition | Part, number: int) -> list[str | None]:
    """Namespace, universal id and its type of one level, an HD."""
    part = node.part(number)
    return [ctx.text(part.components[n]) if len(part.components) > n else None for n in (1, 2, 3)]


def own(ctx: Context, node: Repetition | Part) -> str | None:
    return ctx.text(node.part(10).components[1]) if len(node.components) > 10 and node.components[10] else None


def own_identifier(ctx: Context, node: Repetition | Part) -> list[Json]:
    """PL.10 by its authority PL.11, else PL.10.2–4 (R-LOC-3)."""
    value = own(ctx, node)
    if value is None:
        return []
    part = node.part(10)
    authority_part, first = (node.part(11), 1) if len(node.components) > 11 and node.components[11] else (part, 2)
    texts = [
        ctx.text(authority_part.components[n]) if len(authority_part.components) > n else None
        for n in (first, first + 1, first + 2)
    ]
    part.used |= 2
    out: Json = {}
    if any(texts):
        system = authority(ctx, node, *texts)
        if system is not None:
            out["system"] = system
            for i, text in enumerate(texts):
                if text:
                    authority_part.used |= 1 << (first + i)
        named = assigner(ctx, node, *texts)
        if named is not None:
            out["assigner"] = named
            authority_part.used |= sum(1 << (first + i) for i in (0, 1) if texts[i])
    out = {
        **{k: v for k, v in out.items() if k == "system"},
        "value": value,
        **{k: v for k, v in out.items() if k == "assigner"},
    }
    return [out]


def named(ctx: Context, node: Repetition | Part) -> list[Json]:
    """PL.5 and, where there is no PL.10 for it, PL.11: the status of the place and who named it."""
    base, components = ctx.options.extension_base, node.components
    out: list[Json] = []
    if len(components) > 11 and components[11] and own(ctx, node) is None:
        part = node.part(11)
        texts = [ctx.text(part.components[n]) if len(part.components) > n else None for n in (1, 2, 3)]
        if (authority := assigner(ctx, node, *texts)) is not None:
            out.append({"url": f"{base}location-authority", "valueReference": authority})
            part.used |= sum(1 << n for n, text in enumerate(texts, 1) if text)
    if len(components) > 5 and (status := ctx.text(components[5])) is not None:
        out.append(
            {"url": f"{base}location-status", "valueCodeableConcept": {"text": status}}
        )  # the table has no codes
        node.used |= 1 << 5
    return out


def only_description(ctx: Context, node: Repetition | Part) -> Json | None:
    """A PL that is nothing but words or an identifier."""
    description = ctx.text(node.components[9]) if len(node.components) > 9 and node.components[9] else None
    identifiers = own_identifier(ctx, node)
    if description is None and not identifiers:
        return None
    out: Json = {"resourceType": "Location"}
    if identifiers:
        out["identifier"] = identifiers
    if description is not None:
        out["description"] = description
        node.used |= 1 << 9
    out["mode"] = "instance"
    return ctx.reference(
        ctx.add(out, (ctx.sender, "description", description or identifiers[0]["value"]), None, node=node)
    )


@function("bed_status", "message")
def bed_status(ctx: Context) -> None:
    """NPU: a bed and its state, which is what the message is about (R-MRG-13)."""
    for npu in ctx.message.segments:
        found = first_valued(npu, 1) if npu.name == "NPU" else None
        if found is None:
            continue
        state = first_valued(npu, 2)
        code = ctx.text(state.components[1]) if state is not None else None
        reference = location(ctx, found, status=code)
        record = ctx.referred(reference) if reference is not None else None
        if record is None:
            continue
        ctx.owners[npu.position] = record
        if state is not None and "operationalStatus" in record.resource:
            state.used |= 2
        ctx.concern(record)


@function("named_location", "call", "Reference", strict=True)
def named_location(ctx: Context, node: object, name: str | None = None) -> Json | None:
    """A Location that is known by one name only (DLD.1, EVN-7, PV1-37)."""
    if not name:
        return None
    out: Json = {"resourceType": "Location", "name": name, "mode": "instance"}
    return ctx.reference(ctx.add(out, (ctx.sender, "name", name)))
