"""OBX: values that do not fit their type, absence, categories, specimens (R-OBX, R-VAL)."""

from __future__ import annotations

from segue.hl7.message import Repetition, Segment

from ..context import Context, Node, absent, first_valued
from ..records import Json
from . import function
from .codes import CODE, concept
from .components import CODED, says
from .documents import is_document
from .orders import scoped
from .results import results_of
from .texts import joined

WORDS = frozenset((1, 2, 4, 5, 9, 10, 11))  # components of a CWE that are codes and texts
LAB_SOURCES = frozenset(("OML_O21", "OML_O33", "OML_O35", "OML_O39", "OUL_R21", "OUL_R22", "OUL_R23", "OUL_R24"))


@function("observation_code", "segment", "CodeableConcept")
def observation_code(ctx: Context, obx: Segment) -> Json:
    """OBX-3; a suffix such as &IMP is part of the code as sent (R-TXT-2). Without one the value stays and an error says so (R-OBX-2)."""
    node = first_valued(obx, 3)
    found = concept(ctx, node) if node is not None else None
    if found is None:
        ctx.report("result.code-missing", obx, 3, rule="R-OBX-2")
        return {"extension": absent("unknown")}
    return found


@function("untyped", "node", "string", "text")
def untyped(ctx: Context, node: Repetition) -> str | None:
    """OBX-2 empty or unknown (R-VAL-18)."""
    text = joined(ctx, node)
    if text is not None:
        ctx.report("value.type-unknown", node.segment, 2, rule="R-VAL-18")
    return text


@function("absent_reason", "call", "CodeableConcept")
def absent_reason(ctx: Context, node: Node, obx: Segment) -> Json | None:
    """Why there is no value, where there is none (R-OBX-13)."""
    if any(tells(ctx, obx, r) for each in ctx.runs.get(obx.position, [obx]) for r in each.repetitions(5)):
        return None
    code = {"N": "not-asked", "X": "not-performed"}.get((obx.leaf(11) or "").strip().upper(), "unknown")
    return {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/data-absent-reason", "code": code}]}


def tells(ctx: Context, obx: Segment, node: Repetition) -> bool:
    """True when a repetition of OBX-5 holds a value: a document its data, a code more than the name of its system."""
    kind = obx.raw(2).strip()
    if kind in ("ED", "RP"):
        return is_document(obx)
    if kind in CODED:
        return any(n in WORDS and ctx.text(c) is not None for n, c in enumerate(node.components))
    return says(ctx, node)


@function("unknown_status", "call", "code", "text")
def unknown_status(ctx: Context, node: Node) -> str:
    """No result status at all (R-STAT-11)."""
    return "unknown"


@function("laboratory", "segment", "boolean", "text")
def laboratory(ctx: Context, obr: Segment) -> bool | None:
    """Evidence that an order is laboratory work: a specimen in it, or the kind of message (R-OBX-11)."""
    if ctx.structure in LAB_SOURCES:
        return True
    if obr.raw(15).strip("^&~"):
        return True
    return True if has_specimen(ctx, obr) else None


@function("has_specimen", "segment", "boolean", "text")
def has_specimen(ctx: Context, obr: Segment) -> bool | None:
    key = ("specimen", obr.position)
    if key not in ctx.counted:
        group = obr.group
        ctx.counted[key] = int(group is not None and any(s.name == "SPM" for s in group.segments()))
    return True if ctx.counted[key] else None


@function("category_of", "leaf", "CodeableConcept")
def category_of(ctx: Context, text: str, node: Node, number: int, table: str) -> Json | None:
    """A category that the diagnostic service section tells (R-STAT-27)."""
    targets = ctx.terminology.table(table).targets(text.strip().upper())
    if not targets:
        return None
    return {"coding": [{"system": targets[0].system, "code": targets[0].code}]}


@function("common_organization", "segment", "Reference")
def common_organization(ctx: Context, obr: Segment) -> Json | None:
    """The performing organisation when all results name the same (R-DR-6)."""
    found = {obx.raw(23) for obx in results_of(ctx, obr)}
    if len(found) != 1 or not next(iter(found)):
        return None
    obx = next(iter(results_of(ctx, obr)))
    organization = ctx.convert("XON.Organization", obx.repetitions(23)[0])
    return organization


@function("fasting", "leaf", "CodeableConcept")
def fasting(ctx: Context, text: str, node: Node, number: int) -> Json | None:
    """OBR-13 as a fasting status where it is a code of table 0916 (R-ORD-11)."""
    code = text.strip()
    if ctx.terminology.v2("0916", code) is None or CODE.fullmatch(code) is None:
        return None
    return {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0916", "code": code}]}


@function("document_contents", "segment", "DocumentReference.content", many=True)
def document_contents(ctx: Context, obx: Segment) -> list[Json]:
    from .documents import attachments

    found = attachments(ctx, obx) or [{"extension": absent("unknown")}]
    return [{"attachment": a} for a in found]


@function("occurrence", "segment", "text")
def occurrence(ctx: Context, obx: Segment) -> str:
    """Which of several OBX of one code and OBX-4 in its group this is: part of its identity (R-RID)."""
    return ctx.occurrence(obx, (obx.leaf(3) or obx.leaf(3, 2) or "", obx.leaf(4) or ""))


@function("own_number", "segment", "text")
def own_number(ctx: Context, obx: Segment) -> str | None:
    """OBX-21 as an identity, where no other result of the message carries it: some senders write one number into all of them (R-RID)."""
    number = scoped_number(ctx, obx)
    if number is None:
        return None
    key = ("numbers", 0)
    if key not in ctx.counted:
        ctx.counted[key] = 1
        followers = {s.position for run in ctx.runs.values() for s in run[1:]}
        for each in ctx.message.segments:
            if each.name == "OBX" and each.position not in followers and (text := scoped_number(ctx, each)) is not None:
                ctx.counted["number", text] = ctx.counted.get(("number", text), 0) + 1
    return number if ctx.counted["number", number] == 1 else None


def scoped_number(ctx: Context, obx: Segment) -> str | None:
    return scoped(ctx, obx, *(obx.leaf(21, n) for n in (1, 2, 3))) if obx.raw(21) else None
