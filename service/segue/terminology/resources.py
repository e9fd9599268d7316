"""What is loaded as FHIR: tables and code maps as ConceptMaps, and a code asked for in them (A-63, T-22).

Knows nothing of HTTP. The senders' own maps come first, then the tables of the HL7 guide, by their names.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from segue.terminology.conceptmap import URL, concept_maps
from segue.terminology.maprows import PROVIDED, MapRow, system_of
from segue.terminology.maps import Codes, Rule, system_key
from segue.terminology.review import rows_of
from segue.terminology.store import Terminology
from segue.terminology.tables import HL7, Table, Target

Json = dict[str, Any]


class Match(NamedTuple):
    """One answer of $translate; `equivalence` in the words of R4."""

    equivalence: str
    target: Target | None
    source: str  # URL of the map


def table_map(table: Table) -> Json:
    """A table as a ConceptMap: what is lossy is `wider`, known codes without a target are `unmatched`."""
    groups: dict[str, list[Json]] = {}
    for code in table.codes:
        for target in table.targets(code) or (Target(table.heading.target_system, "", "", False),):
            entry: Json = {"equivalence": "wider" if target.lossy else "equivalent"}
            if target.code:
                entry = {"code": target.code, **({"display": target.display} if target.display else {}), **entry}
            else:
                entry["equivalence"] = "unmatched"
            groups.setdefault(target.system, []).append({"code": code, "target": [entry]})
    return {
        "resourceType": "ConceptMap",
        "id": table.name,
        "url": URL + table.name,
        "name": table.name.replace("-", "_"),
        "status": "active",
        "group": [{"source": table.system, "target": system, "element": e} for system, e in groups.items()],
    }


def all_maps(terminology: Terminology) -> Iterator[Json]:
    """Every ConceptMap: the maps of the folders, the nearest folder first, then the tables."""
    rows: dict[tuple[str, str], list[MapRow]] = {}
    for source in terminology.sources("maps/"):
        for row, _ in rows_of(source, terminology):
            rows.setdefault((row.sender, row.field), []).append(row)
    for found in rows.values():
        yield from concept_maps(found, terminology.system)
    for name in terminology.table_names:
        yield table_map(terminology.table(name))


def translated(terminology: Terminology, url: str, system: str, code: str, target: str) -> list[Match] | None:
    """What the map of a URL says of a code, every map without one; "" for what is not narrowed. None: no such map."""
    name = url.removeprefix(URL)
    out: list[Match] = []
    known = False
    for address, (systems, fallbacks) in terminology.maps.urls.items():
        if url and address != url:
            continue
        known = True
        for key, codes in systems.items():
            if not system or key == system_key(system, terminology.system):
                out += _matches(codes, code, address)
        for key, found in fallbacks.items():
            if not out and (not system or key == system_key(system, terminology.system)):
                if found.target is not None:
                    out.append(Match("inexact", found.target, address))
                elif found.mode == PROVIDED:
                    out.append(Match("equivalent", Target(found.system, code, "", False), address))
    tables = (name,) if name in terminology.table_names else () if url else terminology.table_names
    for one in tables:
        known = True
        table = terminology.table(one)
        if system and system_of(system, terminology.system) != table.system:
            continue
        if target and target != table.heading.target_system:
            continue
        targets = table.targets(code)
        out += (Match("wider" if t.lossy else "equivalent", t, URL + one) for t in targets or ())
        if targets == ():
            out.append(Match("unmatched", None, URL + one))
    if target:
        out = [match for match in out if match.target is not None and match.target.system == target]
    return out if known or not url else None


def _matches(codes: Codes, code: str, url: str) -> Iterator[Match]:
    hit = codes.get(code)
    for rule in (Rule(hit, "equivalent", "", "", ""),) if isinstance(hit, Target) else hit or ():
        yield Match(rule.equivalence, rule.target, url)


def looked_up(terminology: Terminology, system: str, code: str) -> str | None:
    """Display of a code of a loaded HL7 table, "" where it has none; None where system or code is not known here."""
    uri = system_of(system, terminology.system) or system
    if not uri.startswith(HL7):
        return None
    return terminology.v2(uri.removeprefix(HL7), code)
