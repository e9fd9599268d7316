"""Lineage: FHIR path ↔ v2 leaves ↔ line of the mapping, from the traces of a traced conversion (P-15).

A trace names the object that was written, its key, and the node that was read. Paths are known when the Bundle is complete: one
walk over it finds where each object ended.
"""

from __future__ import annotations

from segue.hl7.message import Segment
from segue.issues import Location

from .context import Context, Node
from .ledger import Ignored, LedgerEntry, LineageEntry, leaves, owner_of
from .records import Json


def paths(bundle: Json) -> dict[int, str]:
    """FHIR path of every object of a Bundle, by its identity in memory."""
    found: dict[int, str] = {}

    def within(node: Json, path: str) -> None:
        found.setdefault(id(node), path)
        for key, below in node.items():
            if below.__class__ is dict:
                within(below, f"{path}.{key}")
            elif below.__class__ is list:
                for i, one in enumerate(below):
                    if one.__class__ is dict:
                        within(one, f"{path}.{key}[{i}]")

    for i, entry in enumerate(bundle.get("entry", ())):
        within(entry["resource"], f"Bundle.entry[{i}].resource")
    return found


def location(node: Node, number: int) -> Location:
    if number < 0 or (number == 0 and not isinstance(node, Segment)):
        return node.location(None)
    return node.location(number)


def lineage(ctx: Context, where: dict[int, str]) -> tuple[LineageEntry, ...]:
    """Every element that came from the message, in the order of the Bundle."""
    aliases = {id(merged): kept for merged, kept in ctx.aliases}
    merged: dict[tuple[str, str], dict[Location, None]] = {}
    for out, key, node, number, rule in ctx.traces or ():
        path = where.get(id(out))
        while path is None and id(out) in aliases:
            out = aliases[id(out)]
            path = where.get(id(out))
        if path is None:
            continue  # an object below one that was merged: the trace of its parent says where it went
        element = (f"{path}.{key}", rule)
        at = location(node, number)
        found = merged.get(element)
        if found is None:
            merged[element] = {at: None}
        else:
            found[at] = None
    return tuple([LineageEntry(path, tuple(v2), rule) for (path, rule), v2 in merged.items()])


def ledger(
    ctx: Context, ignored: Ignored, lines: tuple[LineageEntry, ...], where: dict[int, str]
) -> tuple[LedgerEntry, ...]:
    """Every populated leaf with its state and the FHIR paths it reached; what a whole segment gave, by its resource."""
    reached: dict[tuple[object, ...], list[str]] = {}
    for line in lines:
        for at in line.v2:
            reached.setdefault(at, []).append(line.fhir)
    out: list[LedgerEntry] = []
    for segment, at, _, state, rule in leaves(ctx.message, ignored):
        fhir: tuple[str, ...] = ()
        if state == "mapped":
            name, sequence, field, repetition, component, _ = at
            paths = (  # of the nearest place that has a trace
                reached.get(at)
                or reached.get((name, sequence, field, repetition, component, None))
                or reached.get((name, sequence, field, repetition, None, None))
                or reached.get((name, sequence, field, None, None, None))
                or reached.get((name, sequence, None, None, None, None))
            )
            if paths is not None:
                fhir = tuple(paths)
            else:
                owner = owner_of(ctx, segment.position)
                fhir = (where[id(owner.resource)],) if owner is not None and id(owner.resource) in where else ()
        out.append(LedgerEntry(at, state, fhir, rule))
    return tuple(out)
