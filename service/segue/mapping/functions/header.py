"""MSH: the event, endpoints, who made the Bundle (R-MSG, R-PROV)."""

from __future__ import annotations

from typing import Any

from segue.hl7.message import Part, Repetition, Segment

from ..context import ORIG, Context, Node, Primitive, absent
from ..records import Json
from ..times import moment
from . import function
from .identifiers import universal_uri

V2 = "http://terminology.hl7.org/CodeSystem/v2-"


@function("message_event", "call", "Coding")
def message_event(ctx: Context, node: Any, msh: Segment) -> Json:
    """MSH-9.2 of table 0003, the type as sent for its display (R-MSG-5)."""
    out: Json = {"system": V2 + "0003", "code": ctx.trigger}
    found = msh.repetitions(9)
    if found:
        text = "^".join(t for c in found[0].components[1:4] if (t := ctx.text(c)))
        if text:
            out["display"] = text
        found[0].used |= 0b1110
    return out


@function("event_coding", "call", "CodeableConcept")
def event_coding(ctx: Context, node: Any, event: str) -> Json:
    """Activity of the source (R-PROV-5)."""
    return {"coding": [{"system": V2 + "0003", "code": event}]}


@function("endpoint", "call", "url", "uri")
def endpoint(ctx: Context, node: Any, network: Repetition | None, application: Repetition | None) -> str | None:
    """A URI of MSH-24/25, else of MSH-3/5, by the type of its universal id (R-MSG-3)."""
    for part in (network, application):
        if part is None:
            continue
        uri = hd_uri(ctx, part)
        if uri is not None:
            part.used |= 0b1100
            return uri
    return None


def hd_uri(ctx: Context, node: Repetition | Part) -> str | None:
    texts = [ctx.text(node.components[n]) if len(node.components) > n else None for n in (2, 3)]
    return universal_uri(*texts)


@function("recorded", "leaf", "instant", primitive=True)
def recorded(ctx: Context, text: str, node: Node, number: int) -> str | Primitive | None:
    """An instant; what is none stays beside its absence as sent (R-PROV-3, R-DATE-15)."""
    found = moment(text, ctx.zone)
    if found.instant is not None:
        return found.instant
    if found.issue or found.issue_datetime:
        ctx.report(found.issue or found.issue_datetime or "", node, number, rule="R-DATE-15", value=text)
    if found.datetime is None:
        return None
    return Primitive(None, [*absent("unknown"), {"url": ORIG, "valueString": text}])


@function("unknown_reason", "node", "CodeableConcept")
def unknown_reason(ctx: Context, node: Repetition | Part) -> Json:
    """EVN-4 = U (D-PROV-13)."""
    node.used |= 2
    return {"extension": absent("unknown")}


@function("product", "call", "text")
def product(ctx: Context, node: Any) -> str:
    return "Segue"


@function("product_version", "call", "text")
def product_version(ctx: Context, node: Any) -> str:
    return ctx.product_version


@function("software", "call", "Provenance.entity")
def software(ctx: Context, node: Any, sft: Segment) -> Json | None:
    """The Device of an SFT as an entity: the first as source, later ones as derivation (R-PROV-8)."""
    for place, made in enumerate(ctx.made.get("software", ())):
        if made.segment is sft:
            return {"role": "derivation" if place else "source", "what": ctx.reference(made.record)}
    return None


@function("identifier_kind", "call", "CodeableConcept")
def identifier_kind(ctx: Context, node: Any, kind: str | None) -> Json | None:
    """A type of table 0203 that the map names; PGN and FGN carry a text, R4's copy lacks them (R-ID-9)."""
    if kind is None:
        return None
    out: Json = {"coding": [{"system": V2 + "0203", "code": kind}]}
    text = {"PGN": "Placer Group Number", "FGN": "Filler Group Number"}.get(kind)
    if text:
        out["text"] = text
    return out


@function("coding_system", "call", "uri", "text", strict=True)
def coding_system(ctx: Context, node: Any, name: str | None, oid: str | None = None) -> str | None:
    return ctx.terminology.system(name, oid) if name or oid else None
