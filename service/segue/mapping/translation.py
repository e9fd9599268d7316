"""Where a translation is expected, who is asked for it, and what is told when there is none (T-23, T-40, T-60, R-UNM).

A map is expected for a value that a mapping file binds to a table, and for the coded fields below, which carry the codes of the
sender's own catalogues. A code of a known standard system needs no map.
"""

from __future__ import annotations

from segue.hl7.message import Segment
from segue.terminology import Found, Unmapped

from .context import Context, Node

# Tests, answers, diagnoses, procedures, allergies, drugs, specimens: what laboratories, wards and pharmacies number their own way.
EXPECTED = frozenset((
    "OBX-3", "OBX-5", "OBR-4", "OBR-31", "OBR-44", "DG1-3", "PR1-3", "AL1-3", "IAM-3", "RXO-1", "RXE-2", "RXD-2", "RXG-4", "RXA-5",
    "RXC-2", "SPM-4", "RQD-3", "FT1-7", "ODS-3",
))  # fmt: skip
WITH_UNIT = frozenset(("OBX-3", "OBX-5"))
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


def found_for(
    ctx: Context, node: Node, number: int | None, system: str, code: str, target: str | None = None
) -> Found | None:
    """What those who know more than the tables give for a code."""
    if ctx.translator is None:
        return None
    if target is None and field_of(node, number) not in EXPECTED:
        return None
    found = ctx.translator.translate(system, code, target=target)
    if found is not None:
        ctx.placed += 1  # another time it may answer differently: not to be remembered
    return found


def missed(
    ctx: Context, node: Node, system: str, code: str, text: str, table: str = "", number: int | None = None
) -> None:
    """Records a code without a translation, once a message, where one is expected."""
    ctx.missed.append((system, code, text, table))
    field = field_of(node, number)
    if not table and field not in EXPECTED:
        return
    ctx.unmapped[Unmapped(ctx.sender, field, system, code, unit_beside(ctx, node, field), text, table)] = None
