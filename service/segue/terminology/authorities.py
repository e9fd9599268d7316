"""Assigning authorities to identifier systems (R-ID-2, R-ID-3, R-ID-T, R-CA-1…4, T-10…T-12).

    row for the OID, the namespace, the type or the jurisdiction ▸ HD.2 by HD.3 ▸ nothing

HD.1 alone never becomes a URI, and a type code alone never selects a province. Refuses to know senders and their bases.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from segue.terminology.rows import Row, Source, rows
from segue.terminology.systems import OID

COLUMNS = (
    "oid",
    "namespace",
    "universal_type",
    "type",
    "jurisdiction",
    "jurisdiction_table",
    "system",
    "assigner",
    "source",
)
INVALID = "identifier.oid-invalid"
ASSUMED = "identifier.type-assumed"
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\s]+")
_DNS = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?)*")
_TABLE = re.compile(r"(?:HL7|V2-)?-?0*(\d+)", re.IGNORECASE)
_HEALTH_NUMBER = "JHN"


class Authority(NamedTuple):
    """The system of an identifier, None where nothing names one; `issue` is a code of the catalogue."""

    system: str | None
    issue: str | None = None


class _Key(NamedTuple):
    """What a row asks for: "" asks for nothing, except that a row of a type alone wants no universal id."""

    oid: str
    namespace: str
    universal_type: str
    type: str
    jurisdiction: str
    jurisdiction_table: str


class Authorities:
    """The rows of the authority files; a later file stands before an earlier one."""

    def __init__(self, sources: Iterable[Source]) -> None:
        self._systems: dict[_Key, str] = {}
        for source in sources:
            seen: dict[_Key, Row] = {}
            for row in rows(source, COLUMNS):
                key = _key(row)
                if key in seen:
                    raise row.error(f"the same authority stands at line {seen[key].line}")
                seen[key] = row
                self._systems[key] = row.cells[6]

    def resolve(
        self,
        namespace: str | None,
        universal_id: str | None,
        universal_type: str | None,
        type_code: str | None = None,
        jurisdiction: str | None = None,
        jurisdiction_table: str | None = None,
    ) -> Authority:
        """See the module; arguments as CX.4.1, CX.4.2, CX.4.3, CX.5, CX.9.1, CX.9.3."""
        name, universal, kind = _trim(namespace), _trim(universal_id), _trim(type_code).upper()
        place, place_table = _trim(jurisdiction).upper(), _table(jurisdiction_table)
        scheme = _trim(universal_type).upper()
        if kind and place:
            found = self._by_jurisdiction(kind, place, place_table)
            if found is not None:
                return Authority(found)
        oid = universal.removeprefix("urn:oid:")
        return (
            self._registered(name, oid, scheme, kind)
            or (_by_universal(universal, oid, scheme) if universal else None)
            or Authority(None)
        )

    def _by_jurisdiction(self, kind: str, place: str, place_table: str) -> str | None:
        """CX.9 by its table; without one a 0363 code, else a 0347 code (R-CA-1)."""
        for number in (place_table,) if place_table else ("0363", "0347"):
            found = self._systems.get(_Key("", "", "", kind, place, number))
            if found is not None:
                return found
        return None

    def _registered(self, name: str, oid: str, scheme: str, kind: str) -> Authority | None:
        systems = self._systems
        tries: list[_Key] = []
        if oid:
            tries += (_Key(oid, name, "", kind, "", ""), _Key(oid, "", "", kind, "", ""), _Key(oid, "", "", "", "", ""))
            if scheme:
                tries.append(_Key("", "", scheme, "", "", ""))
        if name and not oid:
            tries += (_Key("", name, "", kind, "", ""), _Key("", name, "", "", "", ""))
            if kind == _HEALTH_NUMBER:
                tries.append(_Key("", "", "", kind, name.upper(), "0363"))
        if kind and not oid:
            tries.append(_Key("", "", "", kind, "", ""))
        for key in tries:
            found = systems.get(key)
            if found is not None:
                return Authority(found)
        return None


def _by_universal(universal: str, oid: str, scheme: str) -> Authority | None:
    """HD.2 by HD.3; an unnamed type is told by the form, an id that breaks its type gives nothing (R-ID-2, R-ID-3)."""
    match scheme:
        case "ISO":
            return Authority("urn:oid:" + oid) if OID.fullmatch(oid) else Authority(None, INVALID)
        case "UUID" | "GUID":
            uuid = universal.lower().removeprefix("urn:uuid:")
            return Authority("urn:uuid:" + uuid) if _UUID.fullmatch(uuid) else Authority(None, INVALID)
        case "URI":
            return Authority(universal) if _URI.fullmatch(universal) else Authority(None, INVALID)
        case "DNS":
            return Authority("urn:dns:" + universal) if _DNS.fullmatch(universal) else Authority(None, INVALID)
        case _:
            if OID.fullmatch(oid) and "." in oid:
                return Authority("urn:oid:" + oid, ASSUMED)
            if _UUID.fullmatch(universal):
                return Authority("urn:uuid:" + universal.lower(), ASSUMED)
            return None


def _trim(text: str | None) -> str:
    return text.strip() if text else ""


def _table(name: str | None) -> str:
    """Number of a table named HL70347, HL7-0347 or 0347; other names as they stand."""
    text = _trim(name)
    match = _TABLE.fullmatch(text)
    return match[1].zfill(4) if match else text.upper()


def _key(row: Row) -> _Key:
    oid, namespace, universal_type, type_code, jurisdiction, table, system, _, _ = row.cells
    key = _Key(oid, namespace, universal_type.upper(), type_code.upper(), jurisdiction.upper(), _table(table))
    if not any(key):
        raise row.error("an authority needs an OID, a namespace, a type or a jurisdiction")
    if oid and OID.fullmatch(oid) is None:
        raise row.error(f"{oid!r} is not an OID")
    if bool(key.jurisdiction) != bool(key.jurisdiction_table):
        raise row.error("a jurisdiction needs its table")
    if _URI.fullmatch(system) is None:
        raise row.error("the system is not an absolute URI")
    return key
