"""Links found by content when the message has been read: specimens of results, parents of cultures (R-OBX-12, R-MICRO)."""

from __future__ import annotations

from segue.hl7.message import Segment

from ..context import Context, Instance
from ..records import Json, Record
from . import function
from .identifiers import logical

PART_OF = "http://hl7.org/fhir/StructureDefinition/event-partOf"


def numbered(ctx: Context, references: list[Json]) -> list[Record]:
    return [ctx.records[int(r["reference"][1:])] for r in references if r.get("reference", "").startswith("#")]


def results_under(ctx: Context, report: Record) -> list[Instance]:
    members = {r.number for r in numbered(ctx, report.resource.get("result", []))}
    return [i for i in ctx.made.get("result", ()) if i.record.number in members]


@function("one_specimen", "message")
def one_specimen(ctx: Context) -> None:
    """Observation.specimen: the one specimen of the order; of several the one OBX-33 points at (R-OBX-12)."""
    for report in ctx.made.get("report", ()):
        specimens = numbered(ctx, report.record.resource.get("specimen", []))
        if not specimens:
            continue
        for result in results_under(ctx, report.record):
            if "specimen" in result.record.resource:
                continue
            target = specimens[0] if len(specimens) == 1 else pointed_at(ctx, result.segment, specimens)
            if target is not None:
                ctx.bind(result.record, "specimen", target, many=False)
        if len(specimens) > 1:
            ctx.report("specimen.unresolved", report.segment, None, rule="R-OBX-12")


def pointed_at(ctx: Context, obx: Segment, specimens: list[Record]) -> Record | None:
    for node in obx.repetitions(33):
        for number in (2, 1):
            value = ctx.text(node.part(number).components[1]) if len(node.components) > number else None
            if value is None:
                continue
            for specimen in specimens:
                if any(i.get("value") == value for i in specimen.resource.get("identifier", ())):
                    node.part(number).used |= 2
                    return specimen
    return None


def same_parent(ctx: Context, obr: Segment, other: Segment) -> bool:
    """OBR-29 of a child names the filler, else the placer number of its parent (R-MICRO-1); OBR-50 chooses among several."""
    parent = obr.repetitions(29)
    if not parent:
        return False
    filler = ctx.text(parent[0].part(2).components[1]) if len(parent[0].components) > 2 else None
    placer = ctx.text(parent[0].part(1).components[1])
    service = obr.leaf(50)
    if service and other.leaf(4) != service:
        return False
    if filler is not None:
        return other.leaf(3) == filler
    return placer is not None and other.leaf(2) == placer


@function("parents", "message")
def parents(ctx: Context) -> None:
    """Children of a culture: hasMember and derivedFrom between results, partOf between reports (R-MICRO-2, -3)."""
    reports = ctx.made.get("report", [])
    for child in reports:
        obr = child.segment
        pointer = next(iter(obr.repetitions(26)), None)
        if pointer is None or not pointer.raw.strip("^&"):
            continue
        part = pointer.part(1)
        code = ctx.text(part.components[1])
        sub = ctx.text(pointer.components[2]) if len(pointer.components) > 2 else None
        text = ctx.text(pointer.components[3]) if len(pointer.components) > 3 else None
        others = [r for r in reports if r is not child and same_parent(ctx, obr, r.segment)]
        found = [
            (other, result)
            for other in others
            for result in results_under(ctx, other.record)
            if result.segment.leaf(3) == code and (sub is None or result.segment.leaf(4) == sub)
        ]
        if len(found) > 1 and text is not None:
            found = [f for f in found if text in (f[1].segment.leaf(5), f[1].segment.leaf(5, 2))] or found
        if not found:
            orphan(ctx, child)
            continue
        parent_report, parent_result = found[0]
        for result in results_under(ctx, child.record):
            ctx.bind(parent_result.record, "hasMember", result.record, many=True)
            ctx.bind(result.record, "derivedFrom", parent_result.record, many=True)
        link(child.record, ctx.reference(parent_report.record))
        pointer.used |= 0b1110
        for node in obr.repetitions(29):
            node.used |= 0b110


def orphan(ctx: Context, child: Instance) -> None:
    ctx.report("result.parent-missing", child.segment, 26, rule="R-MICRO-3")
    for node in child.segment.repetitions(29):
        for number, kind in ((2, "FILL"), (1, "PLAC")):
            if len(node.components) > number and node.components[number]:
                part = node.part(number)
                texts = [ctx.text(part.components[n]) if len(part.components) > n else None for n in (1, 2, 3, 4)]
                reference = logical(ctx, node, "DiagnosticReport", *texts, kind=kind)
                if reference is not None:
                    link(child.record, reference)
                    return


def link(report: Record, reference: Json) -> None:
    report.resource["extension"] = [*report.resource.get("extension", ()), {"url": PART_OF, "valueReference": reference}]
