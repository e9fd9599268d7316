"""One strict JSON Schema of R4, made from the element tables (P-21): what no JSON of ours may be.

Objects and arrays hold something, no property is unknown, a required primitive is there by value or by extension, a
choice has one type, a required binding is an enumeration, a resource is found by its resourceType through a tree of
if/then/else. Invariants of `constraints` are joined to their types. `$comment` names the rule a fragment stands for.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any

from segue.fhir.constraints import constraints, keys
from segue.fhir.elements import Element, bindings, choices, elements, is_primitive, is_resource, owners, resources
from segue.fhir.primitives import absolute_uri, primitive_schemas

Json = dict[str, Any]

NO_EXTENSION = frozenset(("id", "url", "div"))  # attributes in XML and xhtml: their JSON has no `_` partner
ENVELOPE = "Envelope"
SYSTEMS = frozenset((("Identifier", "system"), ("Coding", "system")))


@cache
def schema() -> Json:
    """For any resource of the tables, or a list of `sorted_out` ones, which are found without a test of their type."""
    definitions: Json = dict(primitive_schemas())
    for owner in owners():
        if owner not in ("BackboneElement", "Resource", "DomainResource"):
            definitions[owner] = _object(owner)
    definitions["Resource"] = _resource()
    definitions |= _envelope(definitions)
    kinds = {kind: {"items": _ref(kind)} for kind in (*resources(), ENVELOPE)}
    definitions["Parts"] = {"properties": kinds, "additionalProperties": False}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$defs": definitions,
        "if": {"type": "array"},
        "then": {"items": _ref("Parts")},
        "else": _ref("Resource"),
    }


def sorted_out(bundle: Mapping[str, Any]) -> list[dict[str, list[Mapping[str, Any]]]]:
    """A Bundle for the schema: its resources by their types, and itself as their envelope."""
    parts: dict[str, list[Mapping[str, Any]]] = {ENVELOPE: [bundle]}
    for entry in bundle.get("entry", ()):
        resource = entry["resource"]
        kind = resource["resourceType"]
        if kind in parts:
            parts[kind].append(resource)
        else:
            parts[kind] = [resource]
    return [parts]


def _envelope(definitions: Json) -> Json:
    """The Bundle whatever its entries hold."""
    bundle, entry = definitions["Bundle"], definitions["Bundle.entry"]
    entries = {**bundle["properties"]["entry"], "items": _ref(f"{ENVELOPE}.entry")}
    return {
        ENVELOPE: {**bundle, "properties": {**bundle["properties"], "entry": entries}},
        f"{ENVELOPE}.entry": {**entry, "properties": {**entry["properties"], "resource": True}},
    }


def _ref(kind: str) -> Json:
    return {"$ref": f"#/$defs/{kind}"}


def _resource() -> Json:
    known = sorted(resources())
    named: Json = {"required": ["resourceType"], "properties": {"resourceType": {"enum": known}}}
    return {"type": "object", "if": named, "then": _dispatch(known), "else": named}


def _dispatch(kinds: Sequence[str]) -> Json:
    """A balanced tree: six tests instead of one for each type."""
    if len(kinds) == 1:
        return _ref(kinds[0])
    half = len(kinds) // 2
    left, right = kinds[:half], kinds[half:]
    test: Json = {"const": left[0]} if half == 1 else {"enum": list(left)}
    return {
        "if": {"properties": {"resourceType": test}},
        "then": _dispatch(left),
        "else": _dispatch(right),
    }


def _object(owner: str) -> Json:
    known = elements(owner)
    properties: Json = {}
    if is_resource(owner):
        properties["resourceType"] = {"const": owner}
    for element in known.values():
        properties[element.name] = _property(owner, element)
        if is_primitive(element.types[0]) and element.name not in NO_EXTENSION:
            properties["_" + element.name] = _partner(element)
    required, joined = _required(owner, known.values())
    joined += [{"$comment": key, **fragment} for key, fragment in constraints(owner).items()]
    out: Json = {"type": "object", "properties": properties, "additionalProperties": False, "minProperties": 1}
    if required:
        out["required"] = required
    exclusive = _exclusive(owner)
    if not is_resource(owner) and not required:
        exclusive["id"] = {"$comment": "ele-1", "minProperties": 2}
    if owner == "Extension":  # nearly all are an url and one value, and have nothing that shuts out anything
        plain = {"required": ["url"], "minProperties": 2, "maxProperties": 2, "properties": {"id": False}}
        out["if"], out["else"] = plain, {"dependentSchemas": exclusive}
    elif exclusive:
        out["dependentSchemas"] = exclusive
    if joined:
        out["allOf"] = joined
    return out


def _required(owner: str, known: Iterable[Element]) -> tuple[list[str], list[Json]]:
    """Plain names where presence is one key, fragments where it may be several."""
    plain: list[str] = ["resourceType"] if is_resource(owner) else []
    joined: list[Json] = []
    for element in known:
        if element.required and element.choice is None:
            present = keys(owner, element.name)
            if len(present) == 1:
                plain += present
            else:
                joined.append(_one_of_keys(element.name, present))
    for choice in choices(owner).values():
        if choice.required:
            joined.append(_one_of_keys(choice.name.removesuffix("[x]"), keys(owner, choice.name)))
    return plain, joined


def _one_of_keys(name: str, present: Iterable[str]) -> Json:
    return {"$comment": f"required {name}", "anyOf": [{"required": [key]} for key in present]}


def _exclusive(owner: str) -> Json:
    """What a key of a choice shuts out: the other keys, and in an Extension its extensions (ext-1)."""
    found: Json = {}
    for choice in choices(owner).values():
        present = keys(owner, choice.name)
        for key in present:
            mine = {key.removeprefix("_"), "_" + key.removeprefix("_")}
            if owner == "Extension":
                found[key] = {"$comment": "ext-1", "propertyNames": {"enum": ["id", "url", *sorted(mine)]}}
            else:
                others = {other: False for other in present if other not in mine}
                found[key] = {"$comment": f"choice {choice.name}", "properties": others}
    if owner == "Extension":
        found["url"] = {"$comment": "ext-1", "minProperties": 2}
        found["id"] = {"$comment": "ext-1", "minProperties": 3}
        found["extension"] = {"$comment": "ext-1", "propertyNames": {"enum": ["id", "url", "extension"]}}
    return found


def _property(owner: str, element: Element) -> Json:
    one = _value(owner, element)
    if not element.many:
        return one
    if is_primitive(element.types[0]):
        one = {"anyOf": [one, {"type": "null"}]}  # null where only the partner speaks; `invariants` looks at both
    return {"type": "array", "minItems": 1, "items": one}


def _value(owner: str, element: Element) -> Json:
    kind = element.types[0]
    if kind == "code" and element.codes is not None:
        return {"enum": sorted(element.codes)}
    if (owner, element.name) in SYSTEMS:
        return absolute_uri()
    if element.codes is not None:
        return {**_ref(kind), **_bound(element)}
    if element.simple:
        return {**_ref(kind), "$comment": "sqty-1", "not": {"required": ["comparator"]}}
    return _ref(kind)


def _bound(element: Element) -> Json:
    """A Coding, or a CodeableConcept with one coding, of a required binding."""
    options: list[Json] = [
        {"required": ["system", "code"], "properties": {"system": {"const": system}, "code": {"enum": sorted(codes)}}}
        for system, codes in bindings(element.binding).items()
    ]
    coding = options[0] if len(options) == 1 else {"anyOf": options}
    if element.types[0] == "Coding":
        return {"$comment": f"binding {element.binding}", **coding}
    held = {"coding": {"$comment": f"binding {element.binding}", "contains": coding}}
    return {"$comment": f"binding {element.binding}", "required": ["coding"], "properties": held}


def _partner(element: Element) -> Json:
    """Of `_x`: id and extensions of a primitive."""
    one = _ref("Element")
    if not element.many:
        return one
    return {"type": "array", "minItems": 1, "items": {"anyOf": [one, {"type": "null"}]}}
