"""Is this resource valid R4? The strict schema first, then the invariants it cannot say (P-21, P-22).

One answer for a Bundle about to leave and for a resource of our own: a list of Issues, empty if valid, each with a
FHIRPath and the rule that was broken, none with a value. Nothing is repaired here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from itertools import islice
from typing import Any, cast

from jsonschema_rs import Draft202012Validator, ValidationError

from segue.fhir.elements import elements, is_resource
from segue.fhir.faults import Fault
from segue.fhir.invariants import violations
from segue.fhir.schema import schema, sorted_out
from segue.issues import Issue, issue

Json = dict[str, Any]
Path = tuple[str | int, ...]

LIMIT = 200  # a broken map breaks the same rule in every entry; nobody reads more


@cache
def _validator() -> Draft202012Validator:
    return Draft202012Validator(schema())


def validate(
    bundle: Mapping[str, Any], only: Sequence[int] | None = None, kinds: dict[str, str] | None = None
) -> list[Issue]:
    """What makes a Bundle, or any resource of the tables, invalid R4.

    `only` names the entries of a Bundle whose resources are looked at; the Bundle as a whole and every target are, always.
    `kinds` are the types of its resources by fullUrl, where they are known.
    """
    validator = _validator()
    part = bundle if only is None else _part(bundle, only)
    try:
        if only is None:
            valid = validator.is_valid(bundle)
        else:
            valid = validator.is_valid(sorted_out(part))
    except UnicodeEncodeError:  # half of a surrogate pair: no JSON can carry it
        return _issues(bundle, [((), "text is Unicode")])
    if not valid:
        return _issues(bundle, (_place(error) for error in validator.iter_errors(bundle)))
    faults = violations(bundle, part, kinds)
    return _issues(bundle, _located(bundle, faults)) if faults else []


def _part(bundle: Mapping[str, Any], only: Sequence[int]) -> Mapping[str, Any]:
    """The Bundle with those entries only."""
    entries = bundle["entry"]
    part = {**bundle, "entry": [entries[i] for i in only]}
    if not only:
        del part["entry"]  # nothing in JSON is empty
    return part


def _issues(bundle: Mapping[str, Any], findings: Iterable[tuple[Path, str]]) -> list[Issue]:
    places = dict.fromkeys((fhirpath(bundle, path), rule) for path, rule in islice(findings, LIMIT))
    return [issue("bundle.invalid", fhirpath=path, rule=f"R4 {rule}") for path, rule in places]


def _located(bundle: Mapping[str, Any], faults: Iterable[Fault]) -> Iterator[tuple[Path, str]]:
    """Faults with the path of their object; of an object that stands in several places, the first."""
    places: dict[int, Path] = {}
    for path, node in _objects(bundle, ()):
        places.setdefault(id(node), path)
    for fault in faults:
        path = places[id(fault.node)]
        yield (*path, fault.key) if fault.key else path, fault.rule


def _objects(node: Any, path: Path) -> Iterator[tuple[Path, Json]]:
    if isinstance(node, dict):
        yield path, cast(Json, node)
    for step, inner in _children(node):
        yield from _objects(inner, (*path, step))


def _children(node: Any) -> Iterable[tuple[str | int, Any]]:
    if isinstance(node, dict):
        return cast(Json, node).items()
    return enumerate(cast(list[Any], node)) if isinstance(node, list) else ()


def _place(error: ValidationError) -> tuple[Path, str]:
    """Path of the element and name of the rule: a `$comment` on the way to the keyword, or the keyword."""
    path: Path = tuple(error.instance_path)
    rule = str(error.schema_path[-1])
    node: Any = schema()
    for step in error.schema_path:
        node = dict(_children(node))[step]
        rule = str(dict(_children(node)).get("$comment", rule))
    details = error.kind.as_dict()
    word, _, name = rule.partition(" ")
    if word == "required":
        return (*path, str(details.get("property", name))), "required"
    if rule == "additionalProperties":
        return (*path, *details["unexpected"][:1]), "unknown element"
    return path, rule


def fhirpath(resource: Mapping[str, Any], path: Iterable[str | int]) -> str:
    """The FHIRPath of a JSON path, types of resources and choices named by ofType()."""
    node: Any = resource
    owner = str(resource.get("resourceType", ""))
    text = owner or "Resource"
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            name = step.removeprefix("_")
            element = elements(owner).get(name)
            stem = element.choice.removesuffix("[x]") if element and element.choice else name
            text += f".{stem}" + (f".ofType({element.types[0]})" if element and stem != name else "")
            owner = element.types[0] if element else ""
        node = dict(_children(node)).get(step)
        kind = str(dict(_children(node)).get("resourceType"))
        if owner == "Resource" and is_resource(kind):
            owner = kind
            text += f".ofType({kind})"
    return text
