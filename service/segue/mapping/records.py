"""The resources of one message while they are made: each with its identity, merged when keys agree (R-RID-4, R-PERS-3).

An identity follows from the key alone, so a reference is final when it is made. A merge may rename a record once all is read
(R-MRG-8); the references to it are then written again.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from segue.fhir import elements

from .identity import identity

Json = dict[str, Any]


class Record:
    """One resource of the Bundle: `key` names it across messages, `identifier` is the business identifier the key stands on."""

    __slots__ = ("identifier", "key", "number", "resource", "source", "type", "uuid", "verb")

    def __init__(
        self,
        number: int,
        resource: Json,
        key: tuple[Any, ...],
        identifier: tuple[str, str] | None,
        verb: str,
        source: Json | None = None,
        uuid: str | None = None,
    ) -> None:
        self.number = number
        self.type: str = resource["resourceType"]
        self.resource = resource
        self.key = key  # str parts and Records
        self.identifier = identifier  # (system, value) for conditional verbs
        self.verb = verb  # "" = the rule of its type
        self.source = source  # the remembered object it is a copy of
        self.uuid: str = uuid or self.identity()

    def identity(self) -> str:
        """UUID of its key (R-RID-2); a key that names another record takes that record's UUID as its part."""
        return identity([part.uuid if part.__class__ is Record else part for part in self.key])


def merge(first: Json, later: Json) -> bool:
    """Adds to `first` what it lacks (R-RID-4): scalars of the first win, lists join, objects merge, of a choice one variant stays.

    Only `first` itself changes: values below it may be shared with other resources. True on a contradiction.
    """
    contradiction = False
    stems = _stems(first.get("resourceType", ""))
    chosen: set[str] | None = None  # the choices that are made, when first asked for
    for key, value in later.items():
        present = first.get(key)
        if present is None:
            if key in stems:
                if chosen is None:
                    chosen = {stems[key] for key in first if key in stems}
                if stems[key] in chosen:
                    continue
            first[key] = value
        elif (
            key == "name" and isinstance(present, list) and isinstance(value, list)
        ):  # one person in two forms: the first stays
            families = {item.get("family") for item in present}  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]
            first[key] = [*present, *(i for i in value if i not in present and i.get("family") not in families)]  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]
        elif isinstance(present, list) and isinstance(value, list):
            first[key] = [*present, *(item for item in value if item not in present)]  # pyright: ignore[reportUnknownVariableType]
        elif present == value or key == "resourceType":
            continue
        elif (
            isinstance(present, dict) and "reference" in present
        ):  # a reference may be written again: it is never copied
            contradiction = True
        elif isinstance(present, dict) and isinstance(value, dict):
            below = dict(present)  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
            contradiction |= merge(below, value)  # pyright: ignore[reportUnknownArgumentType]
            first[key] = below
        else:
            contradiction = True
    return contradiction


@cache
def _stems(kind: str) -> dict[str, str]:
    """Keys of the choices of a resource with what they are choices of: occurrenceTiming and _occurrenceDateTime, `occurrence[x]`."""
    found: dict[str, str] = {}
    for element in elements.elements(kind).values() if kind else ():
        if element.choice is not None:
            found[element.name] = found["_" + element.name] = element.choice
    return found


def distinct(items: list[Any]) -> list[Any]:
    """Equal items collapse, order kept (R-REP-1)."""
    if len(items) < 2:
        return items
    if len(items) > 32:
        return list({repr(item): item for item in reversed(items)}.values())[::-1]
    kept: list[Any] = []
    for item in items:
        if item not in kept:
            kept.append(item)
    return kept


def business_identifier(
    resource: Json, preferred: tuple[str, ...]
) -> tuple[tuple[str, ...], tuple[str, str] | None] | None:
    """Key and (system, value) from the identifiers of a resource: one of a preferred type with a system, else any with a
    system, else the first by namespace, type and value (the caller adds the sender); None without identifiers."""
    identifiers: list[Json] = resource.get("identifier") or []
    withsystem = [i for i in identifiers if "system" in i and "value" in i and i.get("use") != "old"]
    for kind in preferred:
        for i in withsystem:
            if _type(i) == kind:
                return (i["system"], i["value"]), (i["system"], i["value"])
    if withsystem:
        i = withsystem[0]
        return (i["system"], i["value"]), (i["system"], i["value"])
    for i in identifiers:
        if "value" in i:
            return ("", i.get("assigner", {}).get("display", ""), _type(i), i["value"]), None
    return None


def _type(identifier: Json) -> str:
    codings: list[Json] = identifier.get("type", {}).get("coding") or [{}]
    return codings[0].get("code", "")
