"""Orders: status and intent from ORC and OBR, parents, what makes an order a resource (R-ORD, R-STAT-3…5, R-DR-7)."""

from __future__ import annotations

from typing import Any

from segue.hl7.message import Part, Repetition, Segment

from ..context import Context, Node, absent, first_valued
from ..records import Json
from ..runtime import mark
from . import function
from .codes import concept
from .identifiers import logical
from .values import quantity

ORDER_FACTS = (13, 16, 17, 27, 31)
ABOUT = frozenset(("PD1", "NK1", "PV1", "PV2", "GT1", "IN1", "IN2", "IN3"))  # of a patient, without notes of their own
DETAILS = ("OBR", "RXO", "RXE", "ODS", "ODT", "RQD", "RQ1", "BPO")


def status_by(ctx: Context, table: str, code: str | None) -> str | None:
    targets = ctx.terminology.table(table).targets(code.strip().upper()) if code else None
    return targets[0].code if targets else None


@function("request_status", "call", "code", "text")
def request_status(ctx: Context, node: Node, orc: Segment, obr: Segment) -> str:
    """ORC-5 where table 0038 has it, else ORC-1, else the result status OBR-25 (R-STAT-3, R-STAT-4)."""
    if not orc.fields and obr.fields:
        orc = shared(ctx, obr) or orc
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


def shared(ctx: Context, obr: Segment) -> Segment | None:
    """The ORC before an OBR that has none of its own: in orders it holds for each OBR that follows, in results where a number agrees."""
    orc = next((s for s in reversed(ctx.message.segments[: obr.position]) if s.name in ("ORC", "PID")), None)
    if orc is None or orc.name != "ORC":
        return None
    if ctx.structure in RESULTS and all(orc.leaf(n) is None or orc.leaf(n) != obr.leaf(n) for n in (2, 3)):
        return None
    return orc


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
        here = next(
            (i.record for i in ctx.made.get("order", ()) if has_identifier(i.record.resource, kind, texts[0])), None
        )
        found = ctx.reference(here) if here is not None else logical(ctx, node, "ServiceRequest", *texts, kind=kind)
        if found is not None and found not in out:
            out.append(found)
    return out or None


def has_identifier(resource: Json, kind: str, value: str) -> bool:
    found: list[Json] = resource.get("identifier", [])
    for identifier in found:
        types: list[Json] = identifier.get("type", {}).get("coding") or [{}]
        if identifier.get("value") == value and types[0].get("code") == kind:
            return True
    return False


@function("scoped", "call", "text")
def scoped(
    ctx: Context, node: Node, value: str | None = None, namespace: str | None = None, universal: str | None = None
) -> str | None:
    """A number as part of an identity: within its authority, within the sender where it names none (R-RID-1)."""
    if not value:
        return None
    return f"{universal or namespace or ctx.sender}|{value}"


@function("either", "call", "text")
def either(ctx: Context, node: Node, *texts: str | None) -> str | None:
    """The first text that is there."""
    return next((t for t in texts if t), None)


@function("together", "call", "text")
def together(ctx: Context, node: Node, *texts: str | None) -> str | None:
    """Several texts as one part of an identity, empty ones in their places."""
    return "|".join(t or "" for t in texts) if any(texts) else None


@function("spare", "call", "text")
def spare(ctx: Context, node: Node, text: str | None = None) -> str:
    """A part of an identity that may be empty."""
    return text or ""


@function("group_pair", "segment", "boolean", "text")
def group_pair(ctx: Context, orc: Segment) -> bool | None:
    """ORC-4 as a pair of placer and filler group numbers (EIP) instead of one (EI): D-NAR-9."""
    node = first_valued(orc, 4)
    sub = orc.delimiters.subcomponent
    if node is None or not sub:
        return None
    pair = any(sub in c for c in node.components[2:3]) or (sub in node.components[1])
    return True if pair or ctx.message.version.startswith(("2.8.2", "2.9")) else None


@function("has_parts", "segment", "boolean", "text")
def has_parts(ctx: Context, rxo: Segment) -> bool | None:
    """RXC in the group of an RXO (D-SEG-17)."""
    group = rxo.group
    found = group is not None and any(s.name == "RXC" for s in group.segments())
    return found or None


@function("has_order", "segment", "boolean", "text")
def has_order(ctx: Context, obr: Segment) -> bool | None:
    """In results: an order is a resource when there is an ORC or the OBR carries facts of an order, or as the site says (R-DR-7)."""
    wanted = ctx.options.orders_in_results
    if wanted != "auto":
        return True if wanted == "always" else None
    orc = ctx.near(obr, "ORC")
    if orc.fields and any(orc.raw(n) for n in range(2, len(orc.fields))):
        return True
    return True if any(obr.raw(n).strip('"') for n in ORDER_FACTS) else None


@function("is_service", "segment", "boolean", "text")
def is_service(ctx: Context, segment: Segment) -> bool | None:
    """In orders: by the detail segment that is there; an ORC without any is a service (R-ORD-1, D-EVT-26)."""
    group = segment.group
    names = {s.name for s in group.segments()} if group is not None else set[str]()
    if "OBR" in names:
        return True
    return None if names & set(DETAILS) else True


@function("sole_text", "leaf", "string", "markdown")
def sole_text(ctx: Context, text: str, node: Node, number: int) -> str:
    return text


@function("first_notes", "segment", "Annotation", many=True)
def first_notes(ctx: Context, pid: Segment) -> list[Json] | None:
    """Notes on the patient and the visit stand on that patient's first order or report, where neither is written over (R-NTE-1)."""
    if ("notes", pid.position) in ctx.counted:
        return None
    from .notes import notes

    ctx.counted["notes", pid.position] = 1
    about = [pid, *(s for s in pid.group.segments() if s.name in ABOUT)] if pid.group is not None else [pid]
    return [note for segment in about for note in notes(ctx, segment) or ()] or None


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


@function("ingredients", "segment", "Medication.ingredient", many=True)
def ingredients(ctx: Context, rxo: Segment) -> list[Json] | None:
    """The RXC of an order make one Medication (D-SEG-17); without any, the strength of RXO-1 (D-RXO-3)."""
    group = rxo.group
    out: list[Json] = []
    for rxc in group.segments() if group is not None else ():
        if rxc.name != "RXC":
            continue
        item = first_valued(rxc, 2)
        named = concept(ctx, item) if item is not None else None
        if named is not None:
            one: Json = {"itemCodeableConcept": named}
            strength = ratio(ctx, rxc, (5, 6), (8, 9)) or ratio(ctx, rxc, (3, 4), None)
            if strength is not None:
                one["strength"] = strength
            out.append(one)
    if out:
        return out
    item = first_valued(rxo, 1)
    strength = ratio(ctx, rxo, (18, 19), (25, 26)) if item is not None else None
    named = concept(ctx, item) if strength is not None and item is not None else None
    return [{"itemCodeableConcept": named, "strength": strength}] if named is not None else None


def ratio(ctx: Context, segment: Segment, top: tuple[int, int], bottom: tuple[int, int] | None) -> Json | None:
    """An amount over another; what it is over is unknown where the message does not say (rat-1 wants both sides)."""
    numerator = amount(ctx, segment, *top)
    if numerator is None:
        return None
    denominator = amount(ctx, segment, *bottom) if bottom is not None else None
    for number in (*top, *(bottom if bottom is not None and denominator is not None else ())):
        if segment.raw(number) and number in (top[0], bottom[0] if bottom else 0):
            mark(segment, number)
    return {
        "numerator": numerator,
        "denominator": denominator if denominator is not None else {"extension": absent("unknown")},
    }


def amount(ctx: Context, segment: Segment, value: int, unit: int) -> Json | None:
    text = segment.leaf(value)
    return quantity(ctx, text, segment, value, first_valued(segment, unit)) if text is not None else None


@function("prescriber", "call", "Reference")
def prescriber(ctx: Context, node: Node, orc: Segment, rxo: Segment) -> Json | None:
    """ORC-12, with the DEA number of RXO-14 where that is the same person; else RXO-14 (D-RXO-4)."""
    ordering, licensed = first_valued(orc, 12), first_valued(rxo, 14)
    if ordering is None:
        return ctx.person(licensed) if licensed is not None else None
    reference = ctx.person(ordering)
    if reference is None or licensed is None:
        return reference
    number, family = ctx.text(licensed.components[1]), rxo.leaf(14, 2)
    if number is None or (family is not None and family != orc.leaf(12, 2)):
        return reference
    record = ctx.referred(reference)
    assert record is not None  # a person is a resource of this message
    present: list[Json] = record.resource.get("identifier", [])
    if all(i.get("value") != number for i in present):
        dea = {
            "type": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "DEA"}]},
            "value": number,
        }
        record.resource["identifier"] = [*present, dea]
    licensed.used |= 2
    for n in (2, 3):
        if len(licensed.components) > n and rxo.leaf(14, n) == orc.leaf(12, n):
            licensed.used |= 1 << n
    return reference


@function("supply_status", "call", "code", "text")
def supply_status(ctx: Context, node: Node, orc: Segment) -> str:
    """As for a service, in the words of SupplyRequest."""
    found = request_status(ctx, node, orc, ctx.void)
    if found == "revoked":
        return "cancelled"
    return "suspended" if found == "on-hold" else found
