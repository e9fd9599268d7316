"""Coding systems: names of HL7 table 0396, their aliases and OIDs to URIs (R-SYS, T-01…T-06).

Unknown is unknown: a name without a row has no URI, and no URI is built from a name. Local names (`L`, `99zzz`) never
have one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from segue.terminology.rows import Row, Source, rows, unique
from segue.terminology.tables import HL7

COLUMNS = ("name", "uri", "oids", "aliases", "licence", "source")
V2_ARC = "2.16.840.1.113883.12."
OID = re.compile(r"[0-2](\.(0|[1-9]\d*))+")
_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\s]+")
_NUMBER = re.compile(r"\d{4}$")


class Systems:
    """The rows of the system files; a later file stands before an earlier one."""

    def __init__(self, sources: Iterable[Source]) -> None:
        self._names: dict[str, str] = {}
        self._oids: dict[str, str] = {}
        for source in sources:
            found = list(rows(source, COLUMNS))
            for row in found:
                if not row.cells[0] or _ABSOLUTE.fullmatch(row.cells[1]) is None:
                    raise row.error("a system needs a name and an absolute URI")
            self._names.update({key: row.cells[1] for key, row in unique(_names(found)).items()})
            self._oids.update({key: row.cells[1] for key, row in unique(_oids(found)).items()})

    def resolve(self, name: str | None, oid: str | None = None) -> str | None:
        """The name decides if it has a URI, else the OID (T-03)."""
        found = self._named(name.strip()) if name else None
        if found is None and oid:
            found = self._by_oid(oid.strip())
        return found

    def _named(self, name: str) -> str | None:
        key = name.casefold()
        found = self._names.get(key)
        if found is None:
            number = _NUMBER.search(key)
            if number is not None:
                found = self._names.get(key[:-4] + "nnnn")
                found = found.replace("nnnn", number[0]) if found is not None else None
        if found is None and name.count(".") > 1:  # a version such as 2.5 has the form of an OID too
            found = self._by_oid(name)
        if found is None and _is_uri(name):
            return name
        return found

    def _by_oid(self, text: str) -> str | None:
        oid = text.removeprefix("urn:oid:")
        if OID.fullmatch(oid) is None:
            return None
        found = self._oids.get(oid)
        if found is None and oid.startswith(V2_ARC):
            number = oid.removeprefix(V2_ARC)
            if number.isdecimal() and len(number) <= 4:
                return HL7 + number.zfill(4)
        return found or "urn:oid:" + oid


def _is_uri(text: str) -> bool:
    """An absolute URI of a kind that names coding systems; `LAB:1` or `mailto:` are names of something else."""
    lower = text.lower()
    return (
        lower.startswith(("http://", "https://", "urn:"))
        and _ABSOLUTE.fullmatch(text) is not None
        and not lower.endswith(":")
    )


def _names(found: list[Row]) -> Iterable[tuple[str, Row]]:
    for row in found:
        yield row.cells[0].casefold(), row
        for alias in row.cells[3].split(";"):
            if alias.strip():
                yield alias.strip().casefold(), row


def _oids(found: list[Row]) -> Iterable[tuple[str, Row]]:
    for row in found:
        for oid in row.cells[2].split():
            if OID.fullmatch(oid) is None:
                raise row.error(f"{oid!r} is not an OID")
            yield oid, row
