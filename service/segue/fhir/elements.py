"""What R4 4.0.1 says of every element: name, types, cardinality, reference targets, required codes, order.

Reads `tables/elements.json`, which `generate` wrote from HL7's definitions; knows nothing of v2 and judges no data. A
type is named as FHIR names it, a backbone element by its path ("Patient.contact"). Each choice element appears under
its concrete JSON keys ("deceasedDateTime"); `element` also answers for the choice itself ("deceased[x]").
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

TABLE = Path(__file__).parent / "tables" / "elements.json"
PROFILED = {"SimpleQuantity": "Quantity"}  # a profile that R4 names where it means the type with one rule more (sqty-1)
EMPTY_ROW: tuple[Any, ...] = ("", "", 0, 0, (), "")


@dataclass(frozen=True, slots=True)
class Element:
    """One element of one type."""

    name: str  # JSON key, or the choice form
    types: tuple[str, ...]  # FHIR type names; for a backbone element (also one R4 points to) its path
    many: bool
    required: bool  # for a key of a choice: one key of the choice is required
    targets: tuple[str, ...]  # what a Reference may point to; () is anything or no Reference
    codes: frozenset[str] | None  # of a required binding whose codes R4 lists
    order: int
    choice: str | None  # "deceased[x]" for deceasedDateTime
    simple: bool = False  # a SimpleQuantity: no comparator (sqty-1)
    binding: str = ""  # key of `bindings()`, where codes are held by system


@cache
def _tables() -> dict[str, Any]:
    return json.loads(TABLE.read_bytes())


@cache
def bindings(name: str) -> Mapping[str, frozenset[str]]:
    """The codes of a required binding by code system."""
    return {system: frozenset(codes) for system, codes in _tables()["codes"][name].items()}


@cache
def _codes(name: str) -> frozenset[str]:
    return frozenset[str]().union(*bindings(name).values())


@cache
def resources() -> frozenset[str]:
    """The resource types of the tables."""
    return frozenset(_tables()["resources"])


@cache
def primitives() -> Mapping[str, str]:
    """The primitive types and the syntax R4 gives for each, "" for none."""
    return MappingProxyType(_tables()["primitives"])


def owners() -> tuple[str, ...]:
    """Every type and backbone element that has elements."""
    return tuple(_tables()["types"])


def is_primitive(name: str) -> bool:
    return name in primitives()


def is_resource(name: str) -> bool:
    return name in resources()


@cache
def _declared(owner: str) -> tuple[Element, ...]:
    """As R4 lists them, choices unexpanded; nothing for an unknown owner."""
    rows: list[list[Any]] = _tables()["types"].get(owner, [])
    found: list[Element] = []
    for order, row in enumerate(rows):
        padded: list[Any] = [*row, *EMPTY_ROW[len(row) :]]
        name: str = padded[0]
        names: list[str] = [padded[1]] if isinstance(padded[1], str) else padded[1]
        binding: str = padded[5]
        found.append(
            Element(
                name=name,
                types=tuple(PROFILED.get(kind, kind) for kind in names),
                many=bool(padded[3]),
                required=bool(padded[2]),
                targets=tuple(padded[4]),
                codes=_codes(binding) if binding else None,
                order=order,
                choice=name if name.endswith("[x]") else None,
                simple="SimpleQuantity" in names,
                binding=binding,
            )
        )
    return tuple(found)


def _concrete(choice: Element) -> tuple[Element, ...]:
    stem = choice.name.removesuffix("[x]")
    found: list[Element] = []
    for kind in choice.types:
        coded = kind in ("code", "Coding", "CodeableConcept")
        found.append(
            replace(
                choice,
                name=stem + kind[0].upper() + kind[1:],
                types=(kind,),
                targets=choice.targets if kind == "Reference" else (),
                codes=choice.codes if coded else None,
                binding=choice.binding if coded else "",
                simple=choice.simple and kind == "Quantity",
            )
        )
    return tuple(found)


@cache
def elements(owner: str) -> Mapping[str, Element]:
    """The elements of a type by JSON key, in R4's order; empty for an unknown type."""
    found: dict[str, Element] = {}
    for element in _declared(owner):
        for concrete in _concrete(element) if element.choice else (element,):
            found[concrete.name] = concrete
    return MappingProxyType(found)


@cache
def choices(owner: str) -> Mapping[str, Element]:
    """The choice elements of a type by their `[x]` name."""
    return MappingProxyType({element.name: element for element in _declared(owner) if element.choice})


def element(owner: str, name: str) -> Element | None:
    """One element by JSON key or choice name."""
    return elements(owner).get(name) or choices(owner).get(name)


@cache
def order(owner: str) -> Mapping[str, int]:
    """The rank of every JSON key of an object: resourceType first, `_x` right after `x`, `x[x]` with its keys."""
    keys: list[str] = ["resourceType"] if is_resource(owner) else []
    for declared in _declared(owner):
        keys.append(declared.name)
        if declared.choice:
            for concrete in _concrete(declared):
                keys += [concrete.name, "_" + concrete.name]
        else:
            keys.append("_" + declared.name)
    return MappingProxyType({key: rank for rank, key in enumerate(keys)})
