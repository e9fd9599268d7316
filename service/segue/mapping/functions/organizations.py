"""Addresses and numbers of organisations: none of them is a home (R-ORG-4, R4 org-2 and org-3).

A company registered under its owner's home address sends `H` all the same. The address stays, the use goes, and an information says so:
R4 forbids it, and one forbidden use must not cost the message.
"""

from __future__ import annotations

from segue.hl7.message import Part, Repetition

from ..context import Context
from ..records import Json
from . import function
from .telecom import contact_points


@function("business_address", "node", "Address")
def business_address(ctx: Context, node: Repetition | Part) -> Json | None:
    """XAD as the address of an organisation, never at home (R-ORG-4)."""
    out = ctx.convert("XAD.Address", node)
    return None if out is None else nowhere_home(ctx, node, out, 7)


@function("business_telecom", "node", "ContactPoint", many=True)
def business_telecom(ctx: Context, node: Repetition | Part) -> list[Json] | None:
    """XTN as a number of an organisation, never at home (R-ORG-4)."""
    found = contact_points(ctx, node)
    return None if found is None else [nowhere_home(ctx, node, point, 2) for point in found]


def nowhere_home(ctx: Context, node: Repetition | Part, element: Json, number: int) -> Json:
    """The element without the use `home`, whose component is then without a home of its own."""
    if element.get("use") != "home":
        return element
    ctx.report("organization.home", node, number, rule="R-ORG-4")
    if "_use" not in element:
        ctx.unmark(node, number)
    return {key: value for key, value in element.items() if key != "use"}
