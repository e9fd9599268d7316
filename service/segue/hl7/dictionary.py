"""Fields of the standard segments and components of the data types: names, types, bound tables, repetition.

Each field stands as in the newest version that has it; withdrawn ones keep their last real type, and old types stand
as the later type of the same layout (CE ▸ CWE, TS ▸ DTM, CN ▸ XCN). Knows no message structure and no message. Data:
`tables/dictionary.json`, written by `generate` and read at the first question.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import NamedTuple


class Field(NamedTuple):
    """One field of a segment; `table` is the bound HL7 table ("0001")."""

    name: str
    datatype: str
    table: str | None
    repeats: bool


class Component(NamedTuple):
    """One component of a data type."""

    name: str
    datatype: str
    table: str | None


_EMPTY_FIELDS: Mapping[int, Field] = MappingProxyType({})
_EMPTY_COMPONENTS: Mapping[int, Component] = MappingProxyType({})


class _Dictionary(NamedTuple):
    segments: Mapping[str, Mapping[int, Field]]
    datatypes: Mapping[str, Mapping[int, Component]]


@cache
def _load() -> _Dictionary:
    data: dict[str, dict[str, dict[str, tuple[str, str, str | None, int]]]] = json.loads(
        files(__spec__.parent).joinpath("tables/dictionary.json").read_text("utf-8")
    )
    return _Dictionary(
        {
            segment: MappingProxyType({int(n): Field(r[0], r[1], r[2], bool(r[3])) for n, r in rows.items()})
            for segment, rows in data["segments"].items()
        },
        {
            datatype: MappingProxyType({int(n): Component(r[0], r[1], r[2]) for n, r in rows.items()})
            for datatype, rows in data["datatypes"].items()
        },
    )


@cache
def segments() -> frozenset[str]:
    """Names of all standard segments, of any version."""
    return frozenset(_load().segments)


def fields(segment: str) -> Mapping[int, Field]:
    """The fields of a standard segment by number; empty for a segment that no version has."""
    return _load().segments.get(segment, _EMPTY_FIELDS)


def field(segment: str, number: int) -> Field | None:
    return fields(segment).get(number)


def components(datatype: str) -> Mapping[int, Component]:
    """The components of a data type by number; empty for primitive and unknown types."""
    return _load().datatypes.get(datatype, _EMPTY_COMPONENTS)


def component(datatype: str, number: int) -> Component | None:
    return components(datatype).get(number)


def is_primitive(datatype: str) -> bool:
    """True for a type without components (ST, NM, DTM …); OBX-5's `varies` counts as complex."""
    return datatype in _PRIMITIVE


_PRIMITIVE = frozenset(("DT", "DTM", "FT", "ID", "IS", "NM", "SI", "ST", "TM", "TX"))
