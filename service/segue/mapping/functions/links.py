"""Links between what a message map has made: within an order's group, and by content when the message has been read.

Specimens of results (R-OBX-12, R-OBX-15), parents of cultures (R-MICRO), orders that share an ORC (R-ORD-1), the Provenance of an order.
An order without a number of its own never takes the order of its neighbour: groups are looked at outwards, never sideways.
"""

from __future__ import annotations

from segue.hl7.message import Segment

from ..context import Context, Instance, Node
from ..records import Json, Record
from . import function
from .identifiers import logical
from .orders import shared

PART_OF = "http://hl7.org/fhir/StructureDefinition/event-partOf"


ORDERS = ("order", "medication", "diet", "supply")
SHARED = ("requisition", "authoredOn", "requester", "extension")


@function("own", "call", "Reference")
def own(ctx: Context, node: Node, name: str) -> Json | None:
    """A reference to an instance of this group or of those around it; never to the only one of the message, as `ref` gives."""
    found = ctx.scope.nearest(name)
    return ctx.reference(found.record) if found is not None else None


@function("based_on", "segment", "Reference", many=True)
def based_on(ctx: Context, obx: Segment) -> list[Json] | None:
    """A result is based on what its report is based on (R-OBX-3)."""
    report = ctx.scope.nearest("report")
    return list(report.record.resource.get("basedOn", ())) or None if report is not None else None


def control_of(ctx: Context, segment: Segment) -> Segment | None:
    """The ORC of an order's segment."""
    if segment.name == "ORC":
        return segment
    orc = ctx.near(segment, "ORC")
    return orc if orc.fields else shared(ctx, segment)


def before(obx: Segment, name: str) -> Segment | None:
    """The last segment of that name before an OBX, after its OBR."""
    for other in reversed(obx.message.segments[: obx.position]):
        if other.name == name:
            return other
        if other.name in ("OBR", "PID", "MSH"):
            return None
    return None


def numbered(ctx: Context, references: list[Json]) -> list[Record]:
    return [record for r in references if (record := ctx.referred(r)) is not None]


def results_under(ctx: Context, report: Record) -> list[Instance]:
    members = {r.number for r in numbered(ctx, report.resource.get("result", []))}
    return [i for i in ctx.made.get("result", ()) if i.record.number in members]


@function("specimens", "message")
def specimens(ctx: Context) -> None:
    """Specimens of orders and results: the one of the group, of several the one that OBX-33 points at (R-SPM-1, R-OBX-12)."""
    for specimen in (*ctx.made.get("specimen", ()), *ctx.made.get("collected", ())):
        for order in ctx.made.get("order", ()):
            if same_order(specimen.segment, order.segment):
                ctx.bind(order.record, "specimen", specimen.record, many=True)
    about_specimens(ctx)
    for report in ctx.made.get("report", ()):
        found = numbered(ctx, report.record.resource.get("specimen", []))
        if not found:
            continue
        for result in results_under(ctx, report.record):
            if "specimen" in result.record.resource:
                continue
            target = found[0] if len(found) == 1 else pointed_at(ctx, result.segment, found)
            if target is not None:
                ctx.bind(result.record, "specimen", target, many=False)
        if len(found) > 1:
            ctx.report("specimen.unresolved", report.segment, None, rule="R-OBX-12")


def same_order(segment: Segment, start: Segment) -> bool:
    """True when an order that starts with ORC or OBR is the one a later segment belongs to: at most one OBR stands between."""
    requests = 0
    for other in reversed(segment.message.segments[: segment.position + 1]):
        if other is start:
            return requests < 2
        if other is not segment and other.name == start.name:
            return False
        requests += other.name == "OBR"
    return False


def about_specimens(ctx: Context) -> None:
    """OBX after SPM: about the specimen; where the order has no OBX before its SPM they are its results (R-MSG-2, R-OBX-15)."""
    found = {i.segment.position: i for i in ctx.made.get("specimen", ())}
    if not found:
        return
    reports = {i.segment.position: i for i in ctx.made.get("report", ())}
    for result in ctx.made.get("result", ()):
        spm = before(result.segment, "SPM")
        specimen = found.get(spm.position) if spm is not None else None
        if specimen is None:
            continue
        ctx.bind(result.record, "specimen", specimen.record, many=False)
        obr = before(result.segment, "OBR") or next(
            (s for s in reversed(ctx.message.segments[: result.segment.position]) if s.name == "OBR"), None
        )
        report = reports.get(obr.position) if obr is not None else None
        if (
            obr is None
            or report is None
            or any(before(o.segment, "SPM") is None and same_order(o.segment, obr) for o in ctx.made["result"])
        ):
            ctx.bind(result.record, "focus", specimen.record, many=True)
        else:
            ctx.bind(report.record, "result", result.record, many=True)


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
    report.resource["extension"] = [
        *report.resource.get("extension", ()),
        {"url": PART_OF, "valueReference": reference},
    ]


@function("order_events", "message")
def order_events(ctx: Context) -> None:
    """The Provenance of an ORC is about the orders that it controls, whatever their kind (R-PROV-2)."""
    for event in ctx.made.get("order_event", ()):
        for name in ORDERS:
            for order in ctx.made.get(name, ()):
                if control_of(ctx, order.segment) is event.segment:
                    ctx.bind(event.record, "target", order.record, many=True)


@function("shared_orders", "message")
def shared_orders(ctx: Context) -> None:
    """Several OBR under one ORC: what the ORC says holds for each of them (R-ORD-1)."""
    made = ctx.made.get("order", [])
    by_orc = {i.segment.position: i for i in made if i.segment.name == "ORC"}
    for order in made:
        if order.segment.name != "OBR" or not by_orc:
            continue
        orc = shared(ctx, order.segment)
        first = by_orc.get(orc.position) if orc is not None else None
        if first is None or first.record is order.record or ctx.near(order.segment, "ORC").fields:
            continue
        target, source = order.record.resource, first.record.resource
        for key in SHARED:
            if key == "extension":
                if not target.get(key) and source.get(key):
                    target[key] = list(source[key])
            elif key in source and key not in target:
                target[key] = again(ctx, source[key]) if key == "requester" else source[key]


def again(ctx: Context, reference: Json) -> Json:
    """The same reference on another resource."""
    record = ctx.referred(reference)
    return ctx.reference(record) if record is not None else reference


TWINS = ((2, 2), (3, 3), (12, 16), (7, 27), (14, 17))


@function("twins", "message")
def twins(ctx: Context) -> None:
    """What OBR repeats of its ORC stands in the Bundle with it (R-ORD-2, R-ORD-7, R-TIM-1)."""
    for obr in ctx.message.named("OBR"):
        orc = ctx.near(obr, "ORC")
        for one, other in TWINS if orc.fields else ():
            if obr.raw(other) and obr.raw(other) == orc.raw(one):
                copy_marks(orc, one, obr, other)


def copy_marks(source: Segment, one: int, target: Segment, other: int) -> None:
    if source.used >> one & 1:
        target.used |= 1 << other
    for mine, its in zip(target.repetitions(other), source.repetitions(one), strict=True):
        mine.used |= its.used
        if its.marks is not None:
            mine.marks = {
                n: (mine.marks or {}).get(n, 0) | its.marks.get(n, 0) for n in {*(mine.marks or ()), *its.marks}
            }
        for number, part in (its.subs or {}).items():
            mine.part(number).used |= part.used


@function("numbers", "message")
def numbers(ctx: Context) -> None:
    """An order number without authority is the same as that number with one: the richer stays (R-ORD-2, R-ID-10)."""
    for name in ("order", "report", "medication", "diet", "supply"):
        for made in ctx.made.get(name, ()):
            found: list[Json] = made.record.resource.get("identifier", [])
            if len(found) > 1:
                kept = [i for i in found if "assigner" in i or "system" in i or not any(richer(i, o) for o in found)]
                if len(kept) < len(found):
                    made.record.resource["identifier"] = kept


def richer(bare: Json, other: Json) -> bool:
    return other is not bare and len(other) > len(bare) and all(other.get(k) == v for k, v in bare.items())
