"""Identifiers: systems and assigners of assigning authorities (R-ID, T-10…12, R-CA)."""

from __future__ import annotations

import re

from segue.hl7.message import Part, Repetition

from ..context import Context, Node
from ..records import Json
from . import function
from .codes import once

OID = re.compile(r"[0-2](\.(0|[1-9]\d*))+")
UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


@function("authority", "call", "uri", "text")
def authority(
    ctx: Context, node: Node, namespace: str | None = None, universal: str | None = None, scheme: str | None = None,
    kind: str | None = None, jurisdiction: str | None = None, jurisdiction_table: str | None = None,
) -> str | None:  # fmt: skip
    """The system of an identifier by its assigning authority (R-ID-2); none is better than a made-up one."""
    if kind == "NPI" and not (namespace or universal):
        return "http://hl7.org/fhir/sid/us-npi"
    if kind == "SS" and not (namespace or universal) and ctx.options.country == "US":
        return "http://hl7.org/fhir/sid/us-ssn"
    found = ctx.terminology.authority(
        namespace, universal, scheme, type_code=kind, jurisdiction=jurisdiction, jurisdiction_table=jurisdiction_table
    )
    if found.issue is not None:
        ctx.report(found.issue, node, None, rule="R-ID-3", value=universal)
    if found.system is not None:
        return found.system
    if namespace and ctx.options.identifier_base:
        return f"{ctx.options.identifier_base}/{namespace}"
    once(ctx, "identifier.system-unknown", node, None, namespace or universal or "", "R-ID-2")
    return None


@function("jurisdictional", "node", "uri")
def jurisdictional(ctx: Context, node: Repetition | Part) -> str | None:
    """The system of a CX; its jurisdiction CX.9 is used up only where it decides (R-ID-6, R-CA-1)."""
    T, components = ctx.text, node.components
    n = len(components)

    def within(number: int) -> list[str | None]:
        if n <= number or not components[number]:
            return [None, None, None]
        part = node.part(number)
        return [T(part.components[i]) if len(part.components) > i else None for i in (1, 2, 3)]

    owner, place = within(4), within(9)
    kind = T(components[5]) if n > 5 and components[5] else None
    if place[0] is None:
        found = authority(ctx, node, *owner, kind=kind)
    else:
        without = ctx.terminology.authority(*owner, type_code=kind).system
        found = authority(ctx, node, *owner, kind=kind, jurisdiction=place[0], jurisdiction_table=place[2])
        if found is not None and found != without:
            node.part(9).used |= 0b1010
    if found is not None and n > 4 and components[4]:
        node.part(4).used |= sum(1 << i for i, text in enumerate(owner, 1) if text)
    return found


@function("assigner", "call", "Reference", strict=True)
def assigner(
    ctx: Context, node: Node, namespace: str | None = None, universal: str | None = None, scheme: str | None = None
) -> Json | None:
    """A logical reference to the assigning authority (R-ID-4)."""
    if not namespace and not universal:
        return None
    out: Json = {}
    uri = universal_uri(universal, scheme)
    if uri is not None:
        out["identifier"] = {"system": "urn:ietf:rfc:3986", "value": uri}
    else:
        out["identifier"] = {**scheme_type(ctx, scheme), "value": universal or namespace}
    if namespace:
        out["display"] = namespace
    return out


def scheme_type(ctx: Context, scheme: str | None) -> Json:
    """The type of a universal id that makes no URI, of table 0301 where it is one of its codes."""
    if not scheme:
        return {}
    if ctx.terminology.v2("0301", scheme.strip()) is not None:
        return {
            "type": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0301", "code": scheme.strip()}]}
        }
    return {"type": {"text": scheme}}


def universal_uri(universal: str | None, scheme: str | None) -> str | None:
    """HD.2 as a URI by its type HD.3 (R-MSG-3, R-ORG-2)."""
    if not universal:
        return None
    scheme = (scheme or "").upper()
    if scheme in ("ISO", "") and OID.fullmatch(universal):
        return f"urn:oid:{universal}"
    if scheme in ("UUID", "GUID", "") and UUID.fullmatch(universal):
        return f"urn:uuid:{universal.lower()}"
    if any(c.isspace() for c in universal):
        return None
    if scheme == "URI" and ":" in universal:
        return universal
    if scheme == "DNS":
        return f"urn:dns:{universal}"
    if OID.fullmatch(universal):
        return f"urn:oid:{universal}"
    return None


@function("universal", "call", "uri", "url", "text", strict=True)
def universal(ctx: Context, node: Node, value: str | None = None, scheme: str | None = None) -> str | None:
    return universal_uri(value, scheme)


@function("logical", "call", "Reference", strict=True)
def logical(
    ctx: Context, node: Node, type: str, value: str | None = None, namespace: str | None = None, universal: str | None = None,
    scheme: str | None = None, kind: str | None = None, display: str | None = None,
) -> Json | None:  # fmt: skip
    """A reference by identifier to something outside the Bundle (R-RID-5)."""
    if not value:
        return None
    identifier: Json = {}
    if kind is not None:
        identifier["type"] = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": kind}]}
    if namespace or universal:
        system = authority(ctx, node, namespace, universal, scheme)
        if system is not None:
            identifier["system"] = system
    identifier["value"] = value
    named = assigner(ctx, node, namespace, universal, scheme)
    if named is not None:
        identifier["assigner"] = named
    out: Json = {"type": type, "identifier": identifier}
    if display:
        out["display"] = display
    return out
