"""The invariants of R4 that need a look around: comparisons, counts, the Bundle as a whole (P-22).

One walk over a resource that the schema has passed, so shapes are taken for granted. Each type is compiled once into a
visitor that knows which of its keys can lead to something to check. Knows no paths: a fault names the object at fault,
and `validation` finds it again. `constraints` holds the rules that JSON Schema can say, `references` those of where
a Reference points.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import Any

from segue.fhir.elements import elements, is_primitive, is_resource, owners
from segue.fhir.faults import Fault, Json, Visit, Walk
from segue.fhir.narrative import is_safe
from segue.fhir.references import judge_contained, reference_visitor


def violations(resource: Json, part: Json | None = None, kinds: dict[str, str] | None = None) -> list[Fault]:
    """What a schema-valid resource breaks; of a Bundle, `part` holds the entries whose resources are walked.

    `kinds` are the types of its resources by fullUrl, where they are known.
    """
    walk = Walk(resource["resourceType"] == "Bundle")
    if kinds is not None:
        walk.kinds.update(kinds)
    elif walk.bundle:
        for entry in resource.get("entry", ()):
            url = entry.get("fullUrl")
            if url is not None and "resource" in entry:
                walk.kinds[url] = entry["resource"]["resourceType"]
    if walk.bundle:
        _visitors()["Bundle"](resource if part is None else part, walk)
        _bundle(resource, walk)
    else:
        _resource(resource, walk)
    return walk.faults


def _resource(node: Json, walk: Walk) -> None:
    """A resource and its end: references into `contained` are judged when all of it has been seen."""
    kind = node["resourceType"]
    if kind == "Bundle":
        _visitors()[kind](node, walk)
        _bundle(node, walk)
        return
    outer, walk.local = walk.local, []
    _visitors()[kind](node, walk)
    if walk.local or "contained" in node:
        judge_contained(node, walk)
    walk.local = outer


def _part(node: Json, walk: Walk) -> None:
    """A contained resource: its local references are those of the resource around it."""
    _visitors()[node["resourceType"]](node, walk)


# ---- compiled visitors

LEAF, LEAVES, CONCEPT, CONCEPTS, ONE, MANY, BESIDE = range(7)
"""What a key leads to: objects worth a look only if they hold a seldom key, CodeableConcepts (half of all objects, so
looked through without a call), other objects, or a list of primitives, which is judged together with its `_x`."""

Step = tuple[int, frozenset[str], Visit]


@cache
def _visitors() -> dict[str, Visit]:
    plans: dict[str, dict[str, Step]] = {owner: {} for owner in owners()}
    seldom = {owner: _seldom(owner) for owner in owners()}
    visitors: dict[str, Visit] = {owner: _visitor(owner, plan, seldom[owner]) for owner, plan in plans.items()}
    plain = {visitors[owner]: owner for owner in plans if owner not in WHOLE and not is_resource(owner)}
    visitors["Resource"] = _resource
    for owner, plan in plans.items():
        for element in elements(owner).values():
            kind = element.types[0]
            if is_primitive(kind):
                partner: Step = (ONE, frozenset(), visitors["Element"])
                if element.many:
                    partner = plan[element.name] = (BESIDE, frozenset(), _beside(element.name, visitors["Element"]))
                plan["_" + element.name] = partner
            elif kind == "Reference":
                visit = reference_visitor(element.targets, visitors[kind])
                plan[element.name] = (MANY if element.many else ONE, frozenset(), visit)
            elif element.name == "contained":
                plan[element.name] = (MANY, frozenset(), _part)
            elif kind == "CodeableConcept":
                plan[element.name] = (CONCEPTS if element.many else CONCEPT, frozenset(), visitors[kind])
            elif seldom[kind] and kind not in WHOLE:
                plan[element.name] = (LEAVES if element.many else LEAF, seldom[kind], visitors[kind])
            else:
                plan[element.name] = (MANY if element.many else ONE, frozenset(), visitors[kind])
    for plan in plans.values():
        for name, (mode, _, look) in plan.items():
            if mode in (ONE, MANY) and look in plain:  # looked into only where it has a key that leads on
                plan[name] = (LEAVES if mode == MANY else LEAF, frozenset(plans[plain[look]]), look)
    return visitors


def _seldom(owner: str) -> frozenset[str]:
    """The keys that matter in a type whose values are else plain: extensions and partners of primitives."""
    known = elements(owner).values()
    if any(e.types[0] != "Extension" and (e.many or not is_primitive(e.types[0])) for e in known):
        return frozenset()
    return frozenset(e.name if e.types[0] == "Extension" else "_" + e.name for e in known)


SHAPES = 512  # lists of keys of one type that are remembered; they start anew when full


def _visitor(owner: str, plan: dict[str, Step], seldom: frozenset[str]) -> Visit:
    """What is to be done for a list of keys is found once: objects of a type look alike, and most of their keys lead to nothing."""
    shapes: dict[tuple[str, ...], list[tuple[str, int, frozenset[str], Visit]]] = {}
    whole = WHOLE.get(owner)
    concept, coding = frozenset(("extension", "_text")), _seldom("Coding")

    def visit(node: Json, walk: Walk) -> None:
        shape = tuple(node)
        steps = shapes.get(shape)
        if steps is None:
            if len(shapes) >= SHAPES:
                shapes.clear()
            steps = shapes[shape] = [(key, *plan[key]) for key in shape if key in plan]
        for key, mode, keys, look in steps:
            value = node[key]
            if mode >= ONE:
                if mode == ONE:
                    look(value, walk)
                elif mode == MANY:
                    for item in value:
                        look(item, walk)
                else:
                    look(node, walk)
            elif mode >= CONCEPT:
                for item in value if mode == CONCEPTS else (value,):
                    if not concept.isdisjoint(item):
                        look(item, walk)
                    elif "coding" in item:
                        for one in item["coding"]:
                            if not coding.isdisjoint(one):
                                look(item, walk)
                                break
            elif mode == LEAVES:
                for item in value:
                    if not keys.isdisjoint(item):
                        look(item, walk)
            elif not keys.isdisjoint(value):
                look(value, walk)

    def visit_whole(node: Json, walk: Walk) -> None:
        assert whole is not None
        if not seldom or not seldom.isdisjoint(node):
            visit(node, walk)
        whole(node, walk)

    return visit if whole is None else visit_whole


def _beside(name: str, inner: Visit) -> Visit:
    """A list of primitives: a null needs its partner in `_x`, and the other way round."""
    partner = "_" + name

    def visit(node: Json, walk: Walk) -> None:
        values: list[Any] | None = node.get(name)
        partners: list[Any] | None = node.get(partner)
        if partners is None:
            if values is not None and None in values:
                walk.fault(node, name, "null")
            return
        if values is None:
            values = [None] * len(partners)
        if len(values) != len(partners) or (None, None) in zip(values, partners, strict=True):
            walk.fault(node, name, "null")
        for other in partners:
            if other is not None:
                inner(other, walk)

    return visit


# ---- rules of one object


def is_after(start: str, end: str) -> bool:
    """Surely later, however much of either date is known."""
    if len(start) > 10 and len(end) > 10:
        if len(start) == len(end) and start[-6:] == end[-6:]:
            return start > end
        return _instant(start) > _instant(end)
    length = min(len(start), len(end))
    return start[:length] > end[:length]


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text.replace(":60", ":59"))


def _period(node: Json, walk: Walk) -> None:
    start, end = node.get("start"), node.get("end")
    if start is not None and end is not None and is_after(start, end):
        walk.fault(node, "", "per-1")


def _range(node: Json, walk: Walk) -> None:
    low, high = node.get("low"), node.get("high")
    if low is None or high is None or any(low.get(key) != high.get(key) for key in ("unit", "system", "code")):
        return
    if "value" in low and "value" in high and low["value"] > high["value"]:
        walk.fault(node, "", "rng-2")


def _dispense(node: Json, walk: Walk) -> None:
    prepared, handed = node.get("whenPrepared"), node.get("whenHandedOver")
    if prepared is not None and handed is not None and is_after(prepared, handed):
        walk.fault(node, "", "mdd-1")


def _observation(node: Json, walk: Walk) -> None:
    components = node.get("component")
    if components is None or not any(key.startswith(("value", "_value")) for key in node):
        return
    own = node["code"].get("coding", ())
    if any(coding in own for component in components for coding in component["code"].get("coding", ())):
        walk.fault(node, "", "obs-7")


def _participant(node: Json, walk: Walk) -> None:
    if "onBehalfOf" in node:
        kind = walk.kinds.get(node.get("member", {}).get("reference", ""), "Practitioner")
        if kind != "Practitioner":
            walk.fault(node, "", "ctm-1")


def _narrative(node: Json, walk: Walk) -> None:
    if not is_safe(node["div"]):
        walk.fault(node, "div", "txt-1")


def _capability(node: Json, walk: Walk) -> None:
    documents = [(one.get("profile"), one.get("mode")) for one in node.get("document", ())]
    if len(set(documents)) < len(documents):
        walk.fault(node, "", "cpb-7")
    for rest in node.get("rest", ()):
        if _repeats(rest.get("resource", ()), "type"):
            walk.fault(rest, "", "cpb-9")
        for resource in rest.get("resource", ()):
            if _repeats(resource.get("searchParam", ()), "name"):
                walk.fault(resource, "", "cpb-12")


def _repeats(nodes: Sequence[Json], key: str) -> bool:
    return len({node.get(key) for node in nodes}) < len(nodes)


WHOLE: dict[str, Visit] = {
    "CapabilityStatement": _capability,
    "CareTeam.participant": _participant,
    "MedicationDispense": _dispense,
    "Narrative": _narrative,
    "Observation": _observation,
    "Period": _period,
    "Range": _range,
}


# ---- the Bundle


def _bundle(bundle: Json, walk: Walk) -> None:
    kind = bundle.get("type")
    entries: list[Json] = bundle.get("entry", [])
    if kind == "message" and (not entries or entries[0].get("resource", {}).get("resourceType") != "MessageHeader"):
        walk.fault(bundle, "", "bdl-12")
    if kind == "document" and (not entries or entries[0].get("resource", {}).get("resourceType") != "Composition"):
        walk.fault(bundle, "", "bdl-11")
    urls: list[str | None] = [entry.get("fullUrl") for entry in entries]
    if None in urls and kind in ("message", "document", "collection"):
        for entry in entries:
            if "fullUrl" not in entry:
                walk.fault(entry, "", "fullUrl")
    for place, url in enumerate(urls):
        if url is not None and ":" not in url:
            walk.fault(entries[place], "fullUrl", "fullUrl")
    if len(set(urls)) < len(urls) and kind != "history":
        _versions(entries, walk)
    if kind == "transaction":
        written: list[str] = [
            r["url"] for e in entries if (r := e.get("request")) is not None and r["method"] in WRITES
        ]
        if len(set(written)) < len(written):
            _written(entries, walk)


def _versions(entries: Sequence[Json], walk: Walk) -> None:
    """bdl-7: a fullUrl that comes twice names two versions."""
    seen: set[tuple[str, str]] = set()
    for entry in entries:
        if (url := entry.get("fullUrl")) is not None:
            version = (url, entry.get("resource", {}).get("meta", {}).get("versionId", ""))
            if version in seen:
                walk.fault(entry, "fullUrl", "bdl-7")
            seen.add(version)


def _written(entries: Sequence[Json], walk: Walk) -> None:
    """No resource is written twice in one transaction (R4 http.html#trules)."""
    seen: set[str] = set()
    for entry in entries:
        request = entry.get("request")
        if request is not None and request["method"] in WRITES:
            target = request["url"]
            if target in seen:
                walk.fault(entry, "request", "transaction identity")
            seen.add(target)


WRITES = frozenset(("PUT", "DELETE", "PATCH"))
