"""Orders: status and intent from ORC and OBR, parents, what makes an order a resource (R-ORD, R-STAT-3…5, R-DR-7)."""

from __future__ import annotations

from typing import Any

from segue.hl7.message import Part, Repetition, Segment

from ..context import Context, Node
from ..records import Json
from . import function
from .codes import concept
from .identifiers import logical

ORDER_FACTS = (13, 16, 17, 27, 31)
DETAILS = ("OBR", "RXO", "RXE", "ODS", "ODT", "RQD", "RQ1", "BPO")


def status_by(ctx: Context, table: str, code: str | None) -> str | None:
    targets = ctx.terminology.table(table).targets(code.strip().upper()) if code else None
    return targets[0].code if targets else None


@function("request_status", "call", "code", "text")
def request_status(ctx: Context, node: Node, orc: Segment, obr: Segment) -> str:
    """ORC-5 where table 0038 has it, else ORC-1, else the result status OBR-25 (R-STAT-3, R-STAT-4)."""
    found = status_by(ctx, "OrderStatus-ServiceRequestStatus", orc.leaf(5))
    if found is not None:
        mark_code(orc, 5)
        return found
    control = (orc.leaf(1) or "").strip().upper()
    if control in ("RE", "CN") or (not control and obr.fields and ctx.structure in RESULTS):
        result = (obr.leaf(25) or "").strip().upper()
        if not result:
            return "unknown"
        return "completed" if result in ("F", "C") else "revoked" if result == "X" else "active"
    found = status_by(ctx, "OrderControl-ServiceRequestStatus", control)
    if found is None or found == "unknown":
        ctx.report("order.status-unknown", orc if orc.fields else obr, 1, rule="R-STAT-4", value=control)
        return "unknown"
    return found


RESULTS = frozenset(("ORU_R01", "ORU_R30", "OUL_R21", "OUL_R22", "OUL_R23", "OUL_R24"))


def mark_code(segment: Segment, number: int) -> None:
    for repetition in segment.repetitions(number):
        repetition.used |= 0b11
        break


@function("medication_status", "call", "code", "text")
def medication_status(ctx: Context, node: Node, orc: Segment) -> str:
    """As for a service, but withdrawn orders are stopped or cancelled (R-STAT-5)."""
    found = request_status(ctx, node, orc, ctx.void)
    if found == "revoked":
        return "stopped" if (orc.leaf(1) or "").strip().upper() in ("DC", "OD", "DR") else "cancelled"
    return found


@function("request_intent", "call", "code", "text")
def request_intent(ctx: Context, node: Node, orc: Segment, obr: Segment) -> str:
    """reflex-order for OBR-11 = G, else order (R-ORD-4)."""
    if obr.fields and (obr.leaf(11) or "").strip().upper() == "G":
        obr.used |= 1 << 11
        return "reflex-order"
    return "order"


@function("not_status", "node", "CodeableConcept")
def not_status(ctx: Context, node: Repetition) -> Json | None:
    """An order status that decides nothing stays in the alternate-codes extension; so does ER, "order not found" (R-STAT-3)."""
    code = ctx.text(node.components[1])
    if code is None:
        return None
    known = ctx.terminology.table("OrderStatus-ServiceRequestStatus").targets(code.strip().upper())
    if known and not known[0].lossy:
        return None
    return concept(ctx, node, bound="0038")


@function("parent_order", "node", "Reference", many=True)
def parent_order(ctx: Context, node: Repetition | Part) -> list[Json] | None:
    """EIP of a parent order: literal when that order is here, else logical, filler first (R-ORD-8, D-NAR-10)."""
    out: list[Json] = []
    for number, kind in ((2, "FILL"), (1, "PLAC")):
        if len(node.components) <= number or not node.components[number]:
            continue
        part = node.part(number)
        texts = [ctx.text(part.components[n]) if len(part.components) > n else None for n in (1, 2, 3, 4)]
        if texts[0] is None:
            continue
        part.used |= 0b11110
        here = next((i.record for i in ctx.made.get("order", ()) if has_identifier(i.record.resource, kind, texts[0])), None)
        found = ctx.reference(here) if here is not None else logical(ctx, node, "ServiceRequest", *texts, kind=kind)
        if found is not None and found not in out:
            out.append(found)
    return out or None


def has_identifier(resource: Json, kind: str, value: str) -> bool:
    return any(
        i.get("value") == value and (i.get("type", {}).get("coding") or [{}])[0].get("code") == kind for i in resource.get("identifier", ())
    )


@function("has_order", "segment", "boolean", "text")
def has_order(ctx: Context, obr: Segment) -> bool | None:
    """In results: an order is a resource when there is an ORC or the OBR carries facts of an order (R-DR-7)."""
    orc = ctx.near(obr, "ORC")
    if orc.fields and any(orc.raw(n) for n in range(2, len(orc.fields))):
        return True
    return True if any(obr.raw(n).strip('"') for n in ORDER_FACTS) else None


@function("is_service", "segment", "boolean", "text")
def is_service(ctx: Context, segment: Segment) -> bool | None:
    """In orders: by the detail segment that is there; an ORC without any is a service (R-ORD-1, D-EVT-26)."""
    group = segment.group
    names = {s.name for s in group.segments()} if group is not None else set[str]()  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType, reportUnknownVariableType]
    if "OBR" in names:
        return True
    return None if names & set(DETAILS) else True


@function("sole_text", "leaf", "string", "markdown")
def sole_text(ctx: Context, text: str, node: Node, number: int) -> str:
    return text


@function("first_notes", "segment", "Annotation", many=True)
def first_notes(ctx: Context, pid: Segment) -> list[Json] | None:
    """Notes on the patient stand on that patient's first order or report, where the Patient is not written (R-NTE-1)."""
    if ("notes", pid.position) in ctx.counted:
        return None
    from .notes import notes

    ctx.counted["notes", pid.position] = 1
    return notes(ctx, pid)


@function("described", "call", "CodeableConcept", strict=True)
def described(ctx: Context, node: Node, coded: Repetition | None, text: Any = None) -> Json | None:
    """A code and the words of another field: the words are the text where the code brings none of its own (CWE.9)."""
    from .texts import joined

    out = concept(ctx, coded) if coded is not None else None
    words = text if isinstance(text, str) else joined(ctx, text) if text is not None else None
    if out is None:
        return {"text": words} if words else None
    original = len(coded.components) > 9 and ctx.text(coded.components[9]) if coded is not None else None
    if words and not original:
        out = {**out, "text": words}
    return out


@function("concepts", "call", "CodeableConcept", strict=True)
def concepts(ctx: Context, node: Node, *fields: Repetition | None) -> Json | None:
    """Several coded fields that say one thing: their codings in order (D-IAM-2)."""
    out: Json = {}
    for coded in fields:
        found = concept(ctx, coded) if coded is not None else None
        if found is None:
            continue
        for coding in found.get("coding", ()):
            if coding not in out.setdefault("coding", []):
                out["coding"].append(coding)
        if "text" in found:
            out.setdefault("text", found["text"])
    return {k: v for k, v in out.items() if v} or None


@function("not_after", "call", "boolean", "text")
def not_after(ctx: Context, node: Node, text: str | None, limit: str | None) -> bool | None:
    """True when a time is not later than another, at the coarser of their precisions (R-STAT-30)."""
    if not text or not limit:
        return None
    n = min(len(text.rstrip("Z").split("+")[0].split("-")[0]), len(limit.split("+")[0].split("-")[0]))
    return True if n >= 4 and text[:n] <= limit[:n] else None


@function("in_visit", "segment", "boolean", "text")
def in_visit(ctx: Context, segment: Segment) -> bool | None:
    """True when a PV1 or PR1 stands before the segment: its role is in the visit or the procedure, not in a care team."""
    for other in reversed(ctx.message.segments[: segment.position]):
        if other.name in ("PV1", "PV2", "PR1"):
            return True
    return None
