"""Where a translation is expected, who is asked for it, and what is told when there is none (T-23, T-40, T-60, R-UNM).

A map is expected for a value that a mapping file binds to a table, and for the coded fields below, which carry the codes of the
sender's own catalogues. A code of a known standard system needs no map.
"""

from __future__ import annotations

from segue.hl7.message import Segment
from segue.issues import issue
from segue.terminology import Found, Table, Target, Unmapped
from segue.terminology.translation import APPLIED, LOOSE

from .context import Context, Node

# Tests, answers, diagnoses, procedures, allergies, drugs, specimens: what laboratories, wards and pharmacies number their own way.
EXPECTED = frozenset((
    "OBX-3", "OBX-5", "OBR-4", "OBR-31", "OBR-44", "DG1-3", "PR1-3", "AL1-3", "IAM-3", "RXO-1", "RXE-2", "RXD-2", "RXG-4", "RXA-5",
    "RXC-2", "SPM-4", "RQD-3", "FT1-7", "ODS-3",
))  # fmt: skip
WITH_UNIT = frozenset(("OBX-3", "OBX-5"))
INEXACT = LOOSE | {"fixed"}
REMARKS = {"remote": "terminology.remote", "remote-stale": "terminology.stale"}  # origin ▸ what is said of it
UNITS = "UCUM"  # stands for the unit tables where an Unmapped names a table


def field_of(node: Node, number: int | None = None) -> str:
    """OBX-3, as maps name it (T-21)."""
    return f"{node.name}-{number}" if isinstance(node, Segment) else f"{node.segment.name}-{node.field}"


def unit_beside(ctx: Context, node: Node, field: str) -> str:
    """The unit of the result that a code of an OBX belongs to, as sent; part of the key of a map (T-24)."""
    if field not in WITH_UNIT:
        return ""
    found = (node if isinstance(node, Segment) else node.segment).repetitions(6)
    if not found or not found[0].raw:
        return ""
    whole = ctx.text(found[0].raw)
    if whole is not None and ctx.terminology.unit(whole) is not None:
        return whole  # 10^3/uL split at its caret (R-UNIT-5)
    return ctx.text(found[0].components[1]) or ""


def mapped(
    ctx: Context, node: Node, number: int | None, systems: tuple[str, ...], code: str, target: str | None = None
) -> Found | None:
    """What the maps of the sender, its site, the pack and all give for a code; `target` narrows to one system (T-23, T-25).

    Without targets: a row says that there is none. A translation that is not exact is marked by an issue.
    """
    if ctx.codes is None:
        return None
    field = field_of(node, number)
    unit = unit_beside(ctx, node, field)
    for system in systems:
        found = ctx.codes.find(field, system, code, unit, ctx.date, ctx.options.loose)
        if found is None:
            continue
        if target is not None:
            found = found._replace(targets=tuple(t for t in found.targets if t.system == target))
            if not found.targets:
                continue
        if found.equivalence not in APPLIED and found.equivalence in INEXACT:
            ctx.report("code.inexact" if found.targets else "code.inexact-kept", node, number, rule="T-25", value=code)
        return found
    return None


def targets_of(
    ctx: Context, table: Table, code: str, node: Node, number: int | None, system: str = ""
) -> tuple[Target, ...] | None:
    """Targets of a code: of the sender's maps, else of the table, exact, then without regard to case with a warning (R-CODE-5).

    None for an unknown code, () for one that is known to have none.
    """
    if ctx.codes is not None:
        named = (system, table.system) if system and system != table.system else (table.system, "")
        found = mapped(ctx, node, number, named, code, table.heading.target_system)
        if found is not None:
            return found.targets
    targets = table.targets(code)
    if targets is None:
        targets = table.folded(code)
        if targets is not None:
            ctx.report("code.case", node, number, rule="R-CODE-5", value=code)
    return targets


def asked(
    ctx: Context, node: Node, number: int | None, system: str, code: str, target: str | None = None
) -> Found | None:
    """What those give who know more than maps and tables."""
    if ctx.translator is None:
        return None
    if target is None and field_of(node, number) not in EXPECTED:
        return None
    found = ctx.translator.translate(system, code, target=target, sender=ctx.sender)
    if found is not None:
        ctx.placed += 1  # another time it may answer differently: not to be remembered
        if found.origin in REMARKS:
            ctx.report(REMARKS[found.origin], node, number, rule="T-34", value=code)
    return found


def missed(
    ctx: Context, node: Node, system: str, code: str, text: str, table: str = "", number: int | None = None
) -> str:
    """Records a code without a translation, once a message, where one is expected; the policy for it (R-UNM), "" elsewhere."""
    ctx.missed.append((system, code, text, table))
    field = field_of(node, number)
    policies = ctx.options.unmapped
    declared = field in policies or (ctx.codes is not None and ctx.codes.covers(field))
    if not table and not declared and field not in EXPECTED:
        return ""
    policy = policies.get(field) or policies.get(table) or policies.get("", "keep")
    ctx.unmapped[Unmapped(ctx.sender, field, system, code, unit_beside(ctx, node, field), text, table, policy)] = None
    if policy == "reject":
        at = node.location(number if isinstance(node, Segment) else None)
        ctx.refused.append(issue("code.refused", at, rule="R-UNM-4", value=code))
    elif declared and not table:
        ctx.report("code.unmapped", node, number, rule="R-UNM-1", value=code)
    return policy


def place_of(ctx: Context, node: Node) -> tuple[str, ...]:
    """What the translation of a coded value may depend on beside its text; part of the key of what is remembered."""
    field = field_of(node)
    return field, unit_beside(ctx, node, field)
