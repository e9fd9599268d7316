"""Procedure codes: the modifiers of a CPT code, which CPT writes behind the code (D-PR1-4).

Refuses to join what is not CPT: a modifier of another system stands beside the code, never in it.
"""

from __future__ import annotations

from segue.hl7.message import Repetition

from ..context import Context, Node
from ..records import Json
from . import function
from .orders import described

CPT = "http://www.ama-assn.org/go/cpt"


@function("procedure_code", "call", "CodeableConcept", strict=True)
def procedure_code(ctx: Context, node: Node, coded: Repetition | None, text: str | None = None) -> Json | None:
    """PR1-3 with the words of PR1-4; a CPT code as `code:modifier:modifier` (PR1-16)."""
    out = described(ctx, node, coded, text)
    if out is None or coded is None:
        return out
    texts = [ctx.text(r.components[1]) for r in coded.segment.repetitions(16) if len(r.components) > 1]
    modifiers = [t.strip() for t in texts if t and t.strip() and " " not in t.strip()]
    if not modifiers or "coding" not in out:
        return out
    joined = [{**c, "code": ":".join((c["code"], *modifiers))} if c.get("system") == CPT else c for c in out["coding"]]
    return {**out, "coding": joined}
