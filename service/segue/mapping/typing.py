"""The v2 type of a path: datatype, bound table, repetition, from the dictionary of HL7 segments and data types.

Types are those of the newest version that has the field. Z segments and fields that no version knows have the type `any`.
"""

from __future__ import annotations

from dataclasses import dataclass

from segue.hl7 import dictionary

from .expression import Path
from .source import MappingError, Place

TEXTS = frozenset(("ST", "TX", "FT"))


@dataclass(frozen=True, slots=True)
class V2Type:
    datatype: str  # CX, ST, … or "any"
    table: str | None = None  # bound HL7 table, "0001"
    repeats: bool = False

    @property
    def primitive(self) -> bool:
        return self.datatype == "any" or dictionary.is_primitive(self.datatype)


ANY = V2Type("any", None, True)


def is_segment(name: str) -> bool:
    """A segment name: three letters or digits, standard or Z."""
    return len(name) == 3 and name.isupper() and (name.startswith("Z") or name in dictionary.segments())


def type_of(path: Path, base: V2Type | None, place: Place) -> V2Type:
    """Type of a path; `base` is the type of `it`. A path that no version has is an error with the nearest that exists."""
    steps = list(path.steps)
    if path.root == "it" or (base is not None and path.root not in dictionary.segments() and not is_segment(path.root)):
        if base is None:
            raise MappingError("`it` has no meaning here", place, "use it in a data type map or under $each")
        current = base
    else:
        if not steps:
            raise MappingError(
                f"{path} names a whole segment", place, "name a field, or use a function that takes a segment"
            )
        field = dictionary.field(path.root, steps[0])
        if field is None:
            if path.root.startswith("Z"):
                return ANY
            known = dictionary.fields(path.root)
            raise MappingError(
                f"{path.root} has no field {steps[0]}", place, f"fields are 1 to {max(known) if known else 0}"
            )
        current = V2Type(field.datatype, field.table, field.repeats)
        steps = steps[1:]
    for step in steps:
        if current.datatype in ("any", "varies"):
            return V2Type("any", None, current.repeats)
        component = dictionary.component(current.datatype, step)
        if component is None:
            raise MappingError(
                f"{path}: {current.datatype} has no component {step}", place, _components(current.datatype)
            )
        current = V2Type(component.datatype, component.table, current.repeats)
    return current


def _components(datatype: str) -> str:
    known = dictionary.components(datatype)
    return f"components are 1 to {max(known)}" if known else "it has no components"
