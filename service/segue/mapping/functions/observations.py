"""OBX: values that do not fit their type, repeats, absence, categories, specimens (R-OBX, R-VAL)."""

from __future__ import annotations

from segue.hl7.message import Repetition, Segment

from ..context import Context, Node, absent
from ..records import Json
from . import function
from .codes import CODE, concept
from .results import results_of
from .texts import joined
from .values import quantity, unit_of

CODED = frozenset(("CE", "CWE", "CNE", "CF", "ID", "IS"))
NUMERIC = frozenset(("NM", "SN", "CQ"))
TEXT = frozenset(("TX", "FT"))
LAB_SOURCES = frozenset(("OML_O21", "OML_O33", "OML_O35", "OML_O39", "OUL_R21", "OUL_R22", "OUL_R23", "OUL_R24"))


@function("observation_code", "node", "CodeableConcept")
def observation_code(ctx: Context, node: Repetition) -> Json | None:
    """OBX-3; a suffix such as &IMP is part of the code as sent (R-TXT-2)."""
    return concept(ctx, node)


def with_unit(ctx: Context, text: str, unit: Repetition | None) -> str:
    if unit is None:
        return text
    measure = unit_of(ctx, unit)
    return f"{text} {measure['unit']}" if measure.get("unit") else text


@function("mismatched", "node", "string", "text")
def mismatched(ctx: Context, node: Repetition) -> str | None:
    """A value that does not fit its type: the text as sent (R-VAL-19)."""
    text = joined(ctx, node)
    if text is None:
        return None
    numeric = node.segment.raw(2).strip() == "NM"
    ctx.report("field.number-as-text" if numeric else "value.type-mismatch", node, None, rule="R-VAL-19")
    return text


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


@function("untyped", "node", "string", "text")
def untyped(ctx: Context, node: Repetition) -> str | None:
    """OBX-2 empty or unknown (R-VAL-18)."""
    text = joined(ctx, node)
    if text is not None:
        ctx.report("value.type-unknown", node.segment, 2, rule="R-VAL-18")
    return text


@function("repeated", "segment", "boolean", "text")
def repeated(ctx: Context, obx: Segment) -> bool | None:
    """True when OBX-5 repeats in a way that makes components (R-OBX-9)."""
    kind = obx.raw(2).strip()
    if kind in TEXT or kind in ("NA", "MA", "ED", "RP") or obx.position in ctx.runs:
        return None
    if kind == "ST" and len([r for r in obx.repetitions(5) if r.raw]) < 2:
        return None
    return True if len([r for r in obx.repetitions(5) if ctx.text(r.raw) is not None]) > 1 else None


@function("components", "segment", "Observation.component", many=True)
def components(ctx: Context, obx: Segment) -> list[Json] | None:
    """One component a repetition of OBX-5, each with the code of OBX-3 (R-OBX-9, D-OBX-5)."""
    if repeated(ctx, obx) is None:
        return None
    kind = obx.raw(2).strip()
    code = obx.repetitions(3)
    named = concept(ctx, code[0]) if code else None
    unit = next((r for r in obx.repetitions(6) if r.raw), None)
    out: list[Json] = []
    for node in obx.repetitions(5):
        if ctx.text(node.raw) is None:
            continue
        value = component_value(ctx, kind, node, unit)
        if value is None:
            continue
        head = (
            named
            if named is not None
            else {
                "extension": [
                    {"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "unknown"}
                ]
            }
        )
        out.append({"code": head, **value})
    return out or None


def component_value(ctx: Context, kind: str, node: Repetition, unit: Repetition | None) -> Json | None:
    if kind in CODED:
        value = concept(ctx, node)
        return {"valueCodeableConcept": value} if value is not None else None
    if kind == "NM":
        text = ctx.text(node.raw)
        value = quantity(ctx, text, node, 0, unit) if text is not None else None
        if value is not None:
            node.used |= 1
            return {"valueQuantity": value}
    if kind == "SN":
        from .values import structured_quantity

        value = structured_quantity(ctx, node, unit)
        if value is not None:
            return {"valueQuantity": value}
    text = joined(ctx, node)
    return {"valueString": text} if text is not None else None


@function("absent_reason", "call", "CodeableConcept")
def absent_reason(ctx: Context, node: Node, obx: Segment) -> Json | None:
    """Why there is no value, where there is none (R-OBX-13)."""
    if any(
        ctx.text(r.raw.strip("^&")) is not None
        for each in ctx.runs.get(obx.position, [obx])
        for r in each.repetitions(5)
    ):
        return None
    code = {"N": "not-asked", "X": "not-performed"}.get((obx.leaf(11) or "").strip().upper(), "unknown")
    return {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/data-absent-reason", "code": code}]}


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
