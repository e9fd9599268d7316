"""Bundles: entries, request verbs, order (R-BUN, R-VERB).

Takes finished resources with their identities; knows nothing of v2 but the kind of message that decides whether a patient or an
encounter is written or only made if it is not there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal, Protocol
from urllib.parse import quote

from .elements import element, order

Json = dict[str, Any]
Kind = Literal["transaction", "message", "batch", "collection"]
KINDS: tuple[Kind, ...] = ("transaction", "message", "batch", "collection")

REGISTRY = frozenset(("Practitioner", "PractitionerRole", "Organization", "Location", "Device"))  # R-VERB-4
OWN = frozenset(("MessageHeader", "Provenance", "Binary"))  # R-VERB-6
SHARED = frozenset(
    ("Patient", "Encounter", "Account", "Coverage", "RelatedPerson", "EpisodeOfCare")
)  # R-VERB-1, R-VERB-2
ADMINISTRATIVE = frozenset(("ADT", "BAR"))
TECHNICAL = "urn:ietf:rfc:3986"  # system of an identifier that is a URI, here the UUID of a resource
ENDS = frozenset(("MessageHeader", "Provenance"))


class Entry(Protocol):
    """One resource: its UUID, the (system, value) its key stands on, the verb a map asked for."""

    @property
    def resource(self) -> Json: ...
    @property
    def uuid(self) -> str: ...
    @property
    def identifier(self) -> tuple[str, str] | None: ...
    @property
    def verb(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Writing:
    """How a site writes to its FHIR server."""

    authoritative: bool = True  # of patients and visits; else they are only made where missing (R-VERB-7)
    client_ids: bool = True  # the server takes our ids; else a technical identifier stands in (R-RID-6)
    update: Literal["put", "create"] = "put"  # create: nothing that is there is written over (R-VERB-5)


@dataclass(frozen=True, slots=True)
class Envelope:
    """What the message says of its Bundle (R-MSG-6)."""

    message_code: str  # MSH-9.1
    control_id: str
    timestamp: str | None
    identifier_system: str | None = None
    writing: Writing = Writing()


def build(entries: Sequence[Entry], kind: Kind, envelope: Envelope) -> Json:
    """The Bundle: MessageHeader first, Provenance last, the rest as its segments came (R-BUN-3); `order_keys` is still to come."""
    bundle: Json = {"resourceType": "Bundle"}
    if envelope.control_id:
        identifier: Json = {"value": envelope.control_id}
        if envelope.identifier_system:
            identifier = {"system": envelope.identifier_system, **identifier}
        bundle["identifier"] = identifier
    bundle["type"] = kind
    if envelope.timestamp is not None:
        bundle["timestamp"] = envelope.timestamp
    first: list[Json] = []
    rest: list[Json] = []
    last: list[Json] = []
    identified = kind in ("message", "collection")
    for entry in entries:
        resource, uuid = entry.resource, entry.uuid
        name: str = resource["resourceType"]
        out: Json = {"fullUrl": "urn:uuid:" + uuid, "resource": resource}
        if identified:
            resource["id"] = uuid
        elif entry.identifier is not None and name not in OWN:
            out["request"] = _request(name, entry.identifier, entry.verb, envelope)
        elif envelope.writing.client_ids:
            resource["id"] = uuid
            out["request"] = {"method": "PUT", "url": f"{name}/{uuid}"}  # R-RID-6
        else:
            technical = _technical(resource, uuid)
            out["request"] = (
                _request(name, technical, entry.verb, envelope) if technical else {"method": "POST", "url": name}
            )
        (rest if name not in ENDS else first if name == "MessageHeader" else last).append(out)
    bundle["entry"] = first + rest + last
    return bundle


def _technical(resource: Json, uuid: str) -> tuple[str, str] | None:
    """Gives the resource its UUID as an identifier, where its type has one: a declared derivation (R-NF-7)."""
    row = element(resource["resourceType"], "identifier")
    if row is None or resource["resourceType"] in OWN or (not row.many and "identifier" in resource):
        return None
    found: Json = {"system": TECHNICAL, "value": "urn:uuid:" + uuid}
    resource["identifier"] = [*resource.get("identifier", ()), found] if row.many else found
    return TECHNICAL, "urn:uuid:" + uuid


@lru_cache(maxsize=8192)
def _query(system: str, value: str) -> str:
    """One identifier as a search, URL-encoded (R-VERB-9)."""
    return f"identifier={quote(system, safe='')}|{quote(value, safe='')}"


def _request(kind: str, identifier: tuple[str, str], verb: str, envelope: Envelope) -> Json:
    """The request of a resource that a business identifier finds (R-VERB)."""
    query = _query(*identifier)
    writing = envelope.writing
    if writing.update == "create":
        verb = "create-if-none"
    elif not verb:
        owner = envelope.message_code in ADMINISTRATIVE and writing.authoritative
        thin = kind in REGISTRY or (kind in SHARED and not owner)
        verb = "create-if-none" if thin else "update"
    if verb == "update":
        return {"method": "PUT", "url": f"{kind}?{query}"}
    return {"method": "POST", "url": kind, "ifNoneExist": query}


def order_keys(resource: Json) -> None:
    """Puts the keys of a resource into FHIR element order, in place: lineage knows objects by their identity."""
    keys = tuple(resource)
    ordered = _ordered(resource["resourceType"], keys)
    if ordered is not None:
        items = [(key, resource[key]) for key in ordered]
        resource.clear()
        resource.update(items)


@lru_cache(maxsize=4096)
def _ordered(kind: str, keys: tuple[str, ...]) -> tuple[str, ...] | None:
    """Keys of a type in its order; None where they are."""
    ordered = tuple(sorted(keys, key=order(kind).__getitem__))
    return ordered if ordered != keys else None
