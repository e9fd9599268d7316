"""Where a Reference points: its target's type, its place in the Bundle or in `contained` (P-22, ref-1, dom-2 to dom-5).

A reference into the Bundle must find its entry; one to a server is judged by the type in its URL and no further.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any, cast

from segue.fhir.elements import bindings
from segue.fhir.faults import Json, Visit, Walk


def reference_visitor(targets: tuple[str, ...], inner: Visit) -> Visit:
    allowed = frozenset(targets)

    def visit(node: Json, walk: Walk) -> None:
        reference = node.get("reference")
        kind = walk.kinds.get(reference)
        if kind is None:
            if reference is None:
                kind = node.get("type")
            elif reference.startswith("urn:"):
                if walk.bundle:
                    walk.fault(node, "reference", "reference resolves")
            elif reference.startswith("#"):
                walk.local.append((node, targets))
            else:
                kind = named_type(reference)
        if kind is not None and allowed and kind not in allowed:
            walk.fault(node, "", "reference target")
        if len(node) > 1 or reference is None:
            inner(node, walk)

    return visit


def named_type(reference: str) -> str | None:
    """The type a relative or RESTful reference names: Patient/1, Patient?identifier=…, http://…/Patient/1."""
    path, query, _ = reference.partition("?")
    parts = path.partition("/_history/")[0].split("/")
    kind = parts[-1] if query else parts[-2] if len(parts) > 1 else ""
    return kind if kind in _named() else None


@cache
def _named() -> frozenset[str]:
    """Every resource type of R4, also those no Bundle of ours holds."""
    return frozenset[str]().union(*bindings("resource-types").values())


def judge_contained(node: Json, walk: Walk) -> None:
    """ref-1 and dom-2 to dom-5."""
    inner: list[Json] = list(node.get("contained", ()))
    kinds = {"#" + one["id"]: one["resourceType"] for one in inner if "id" in one}
    for reference, targets in walk.local:
        kind = node["resourceType"] if reference["reference"] == "#" else kinds.get(reference["reference"])
        if kind is None:
            walk.fault(reference, "reference", "ref-1")
        elif targets and kind not in targets:
            walk.fault(reference, "", "reference target")
    named = frozenset(_texts(node))
    for one in inner:
        meta = one.get("meta", {})
        if "#" + one.get("id", "") not in named and "#" not in _texts(one):
            walk.fault(one, "", "dom-3")
        if "contained" in one:
            walk.fault(one, "contained", "dom-2")
        if "versionId" in meta or "lastUpdated" in meta:
            walk.fault(one, "meta", "dom-4")
        if "security" in meta:
            walk.fault(one, "meta", "dom-5")


def _texts(node: Any) -> Iterator[str]:
    """Every text that points inside."""
    if isinstance(node, str):
        if node.startswith("#"):
            yield node
    elif isinstance(node, dict):
        for value in cast(Json, node).values():
            yield from _texts(value)
    elif isinstance(node, list):
        for value in cast(list[Any], node):
            yield from _texts(value)
