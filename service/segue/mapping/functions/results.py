"""Results: which OBX make one observation, what a report's results say together, parents and children (R-TXT, R-STAT-13, R-MICRO)."""

from __future__ import annotations

import base64
from collections.abc import Iterator

from segue.hl7.message import Message, Repetition, Segment

from ..context import Context, Primitive
from ..records import Json
from . import function
from .codes import coded_status
from .documents import attachments, is_document
from .locations import NAMES, PHYSICAL
from .texts import code_words

FUNCTION = "http://hl7.org/fhir/StructureDefinition/event-performerFunction"
PLACES = ((7, ""), (10, "bu"), (11, "lvl"), (4, ""), (5, "ro"), (6, "bd"))
TEXT_TYPES = frozenset(("TX", "FT"))
LONGEST = 1_048_576  # characters of a FHIR string (R4 datatypes)
SUFFIXES = frozenset(("IMP", "GDT", "REC", "ADT", "ADM"))


def suffix(obx: Segment) -> str:
    """`IMP` of `71020&IMP` in OBX-3.1, or of OBX-4 `&IMP` (R-TXT-2)."""
    sub = obx.delimiters.subcomponent
    first = obx.raw(3).split(obx.delimiters.component or "\0", 1)[0]
    for text in (first, obx.raw(4)):
        if sub and sub in text:
            tail = text.rsplit(sub, 1)[1].strip().upper()
            if tail in SUFFIXES:
                return tail
    return ""


def runs(message: Message) -> dict[int, list[Segment]]:
    """Consecutive OBX that are one value: lines of a text (R-TXT-1, -2) or pieces of a document (R-ATT-3)."""
    found: dict[int, list[Segment]] = {}
    current: list[Segment] = []
    for segment in message.segments:
        if segment.name != "OBX":
            current = []
            continue
        if current and segment.position == current[-1].position + 1 and continues(current[0], current[-1], segment):
            current.append(segment)
            if len(current) == 2:
                found[current[0].position] = current
        else:
            current = [segment]
    return found


def continues(first: Segment, last: Segment, obx: Segment) -> bool:
    kind, tail = obx.raw(2).strip(), suffix(first)
    if obx.raw(3) and obx.raw(3) != first.raw(3):
        return False
    if obx.raw(11) != first.raw(11) or obx.raw(14) != first.raw(14):
        return False
    same = obx.raw(4) in ("", last.raw(4))
    counted = obx.raw(4).isdigit() and last.raw(4).isdigit() and int(obx.raw(4)) == int(last.raw(4)) + 1
    if kind == "ED" and first.raw(2).strip() == "ED":
        return counted
    if not (same or counted):
        return False
    text = kind in TEXT_TYPES and first.raw(2).strip() in TEXT_TYPES
    return text or (
        bool(tail)
        and suffix(obx) == tail
        and kind in (*TEXT_TYPES, "ST")
        and first.raw(2).strip() in (*TEXT_TYPES, "ST")
    )


def text_of(ctx: Context, obx: Segment) -> str:
    """The lines of an OBX and of those that continue it (R-OBX-9, R-TXT-1)."""
    lines: list[str] = []
    for each in ctx.runs.get(obx.position, [obx]):
        repetitions = each.repetitions(5)
        lines.extend((ctx.text(r.raw) or "") for r in repetitions) if repetitions else lines.append("")
    return "\n".join(lines).rstrip("\n")


@function("text_lines", "segment", "string", "markdown", "text")
def text_lines(ctx: Context, obx: Segment) -> str | None:
    """The text of the run that starts here; what the lines repeat of the first is marked with it."""
    text = text_of(ctx, obx)
    if len(text) > LONGEST:
        ctx.report("value.too-long", obx, 5, rule="R-INV-8")
        return None
    for each in ctx.runs.get(obx.position, [obx]):
        each.used |= 1 << 5
        if each is not obx:
            for n, raw in enumerate(each.fields):
                if n in (1, 2) or (n > 0 and raw and n != 5 and (n == 4 or raw == obx.raw(n))):
                    each.used |= 1 << n
    return text or None


def results_of(ctx: Context, obr: Segment) -> Iterator[Segment]:
    """The OBX of an order, not those about its specimen unless there are no others (R-MSG-2)."""
    group = obr.group
    if group is None:
        return
    found: list[Segment] = []
    about: list[Segment] = []
    specimen = False
    for segment in group.segments():
        if segment.position < obr.position:
            continue
        if segment.name == "OBR" and segment is not obr:
            break
        if segment.name == "SPM":
            specimen = True
        elif segment.name == "OBX" and not is_answer(segment):
            (about if specimen else found).append(segment)
    yield from found or about


def is_answer(obx: Segment) -> bool:
    """An answer that came with the order, not a result of the laboratory (R-DR-8)."""
    return obx.raw(29).strip() in ("QST", "SCI")


@function("is_answer", "segment", "boolean", "text")
def answer_test(ctx: Context, obx: Segment) -> bool | None:
    return is_answer(obx) or None


@function("report_status", "segment", "code")
def report_status(ctx: Context, obr: Segment) -> str | Primitive | None:
    """DiagnosticReport.status: OBR-25 (R-STAT-12), else what the results say together (R-STAT-13)."""
    sent = obr.leaf(25)
    if sent is None:
        ctx.report("report.status-missing", obr, 25, rule="R-STAT-13")
        return results_status(ctx, obr)
    obr.used |= 1 << 25
    return coded_status(ctx, sent, obr, 25, "DiagnosticReportStatus", results_status(ctx, obr))


def results_status(ctx: Context, obr: Segment) -> str:
    codes = [(obx.leaf(11) or "").strip().upper() for obx in results_of(ctx, obr)]
    if not codes:
        return "registered"
    known = set(codes)
    if known <= {"D", "W"}:
        return "entered-in-error"
    if known == {"X"}:
        return "cancelled"
    if "C" in known:
        return "corrected"
    if known & {"A", "B"}:
        return "amended"
    final = {"F", "U", "V", "N"}
    if known <= final:
        return "final"
    if known & final and "" not in known:
        return "partial"
    if known & {"P", "R", "S"}:
        return "preliminary"
    if known <= {"I", "O"}:
        return "registered"
    return "unknown"


@function("presented_forms", "segment", "Attachment", many=True)
def presented_forms(ctx: Context, obr: Segment) -> list[Json] | None:
    """Documents among the results (R-ATT-5); and the whole text when every result is text (R-TXT-3)."""
    results = list(results_of(ctx, obr))
    documents = [obx for obx in results if is_document(obx)]
    out: list[Json] = []
    first: str | None = None
    followers = {s.position for run in ctx.runs.values() for s in run[1:]}
    for obx in documents:
        if obx.position in followers:
            continue
        first = first if first is not None else obx.raw(3)
        if obx.raw(3) == first:
            out.extend(attachments(ctx, obx))
            account(ctx, obx)
    if not documents and results and all(is_text(obx) for obx in results):
        whole = whole_text(ctx, results, followers)
        if whole is not None:
            out.append(whole)
    return out or None


def is_text(obx: Segment) -> bool:
    kind = obx.raw(2).strip()
    return kind in TEXT_TYPES or (kind == "ST" and bool(suffix(obx)))


def account(ctx: Context, obx: Segment) -> None:
    """The words of a document's OBX-3 stand in its title."""
    for each in ctx.runs.get(obx.position, [obx]):
        for node in each.repetitions(3):
            title = code_words(ctx, each, 3)
            for n in (9, 2, 5, 1):
                if len(node.components) > n and node.components[n] and ctx.text(node.components[n]) == title:
                    node.used |= 1 << n
                    break


def whole_text(ctx: Context, results: list[Segment], followers: set[int]) -> Json | None:
    blocks: list[str] = []
    head: str | None = None
    for obx in results:
        if obx.position in followers:
            continue
        name = code_words(ctx, obx, 3)
        if name != head and name is not None:
            blocks.append(name)
            head = name
        blocks.append(text_of(ctx, obx))
    data = "\n".join(blocks).strip("\n").encode()
    if not data:
        return None
    return {"contentType": "text/plain", "data": base64.b64encode(data).decode("ascii")}


@function("conclusion", "segment", "string", "text")
def conclusion(ctx: Context, obr: Segment) -> str | None:
    """The impression lines (R-TXT-2)."""
    followers = {s.position for run in ctx.runs.values() for s in run[1:]}
    found = [text_of(ctx, o) for o in results_of(ctx, obr) if o.position not in followers and suffix(o) == "IMP"]
    return "\n".join(found) or None


@function("further_document", "segment", "boolean", "text")
def further_document(ctx: Context, obx: Segment) -> bool | None:
    """A document of another kind than the report's first one: a DocumentReference (R-ATT-5)."""
    if not is_document(obx):
        return None
    obr = ctx.near(obx, "OBR")
    for each in results_of(ctx, obr) if obr.fields else ():
        if is_document(each):
            return True if each.raw(3) != obx.raw(3) else None
    return None


@function("performing", "node", "Reference")
def performing(ctx: Context, node: Repetition, code: str | None = None) -> Json | None:
    """A person of an NDL field in a role with its times and place (R-PERS-4); with the function the field stands for (R-DR-6).

    Many senders write an XCN here: a second component that is no time is a family name.
    """
    name = ctx.text(node.components[2]) if len(node.components) > 2 else None
    if name is not None and not name[:1].isdigit():
        reference = ctx.person(node)
        ctx.report("person.form", node, 2, rule="R-PERS-4")
    else:
        reference = ctx.convert("NDL.PractitionerRole", node)
    if reference is None or code is None:
        return reference
    coding = {"system": "http://terminology.hl7.org/CodeSystem/v3-ParticipationType", "code": code}
    return ctx.extended(reference, {"url": FUNCTION, "valueCodeableConcept": {"coding": [coding]}})


@function("reading_place", "node", "Reference")
def reading_place(ctx: Context, node: Repetition) -> Json | None:
    """NDL.4 to NDL.11 as Locations, from facility to bed (R-PERS-4, R-LOC-1, D-NDL-1)."""
    path: list[str] = []
    parent: Json | None = None
    for number, kind in PLACES:
        name = (
            ctx.text(node.part(number).components[1])
            if len(node.components) > number and node.components[number]
            else None
        )
        if name is None:
            continue
        node.part(number).used |= 2
        path.append(f"{number}:{name}")
        out: Json = {"resourceType": "Location", "name": name, "mode": "instance"}
        if kind:
            out["physicalType"] = {"coding": [{"system": PHYSICAL, "code": kind, "display": NAMES[kind]}]}
        if parent is not None:
            out["partOf"] = parent
        parent = ctx.reference(ctx.add(out, (ctx.sender, "ndl", *path), node=node))
    return parent


@function("status_only", "segment", "boolean", "text")
def status_only(ctx: Context, obx: Segment) -> bool | None:
    """OBX-11 = U without a value changes a status alone: nothing is written that would wipe the earlier value (R-OBX-14)."""
    if (obx.leaf(11) or "").strip().upper() != "U" or any(ctx.text(r.raw) is not None for r in obx.repetitions(5)):
        return None
    ctx.report("result.status-only", obx, 11, rule="R-OBX-14")
    return True
