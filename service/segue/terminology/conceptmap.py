"""Code maps as FHIR ConceptMaps (T-22): the rows of `maprows` to R4 and back without loss; R5 is read too.

    ConceptMap   one for each sender and field; both as extensions
      group      one for each pair of source and target system
        element  code, display = source text
          target code, display, equivalence, comment; unit as dependsOn; days and place among the rows as extensions

What FHIR has no place for stands in extensions below `BASE`, named as the columns are; `docs/terminology.md` lists them.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple, cast

import orjson

from segue.terminology.maprows import UNMAPPED_MODES, MapRow, Resolve, fault_of, sender_key, system_of
from segue.terminology.rows import Source, TerminologyError

BASE = "urn:segue:StructureDefinition:"
URL = "urn:segue:ConceptMap:"
UNIT = "urn:segue:property:unit"  # of dependsOn
SENDER, FIELD, FROM, TO, PLACE = (
    BASE + name for name in ("map-sender", "map-field", "map-valid-from", "map-valid-to", "map-row")
)
SOURCE, TARGET, SILENT = BASE + "map-source-system", BASE + "map-target-system", BASE + "map-equivalence-unsaid"
COMMENT = BASE + "map-comment"
RELATIONSHIPS = {  # R5 ▸ R4
    "equivalent": "equivalent",
    "related-to": "relatedto",
    "source-is-narrower-than-target": "wider",
    "source-is-broader-than-target": "narrower",
    "not-related-to": "disjoint",
}
MODES_R5 = {"use-source-code": "provided", "fixed": "fixed", "other-map": "other-map"}
Json = dict[str, Any]
_SLUG = re.compile(r"[^A-Za-z0-9.]+")


class MapDocument(NamedTuple):
    """One ConceptMap as rows; its URL is what an `other-map` names, `places` are theirs in the CSV, 0 where not told."""

    url: str
    rows: list[MapRow]
    places: list[int]


def id_of(sender: str, field: str) -> str:
    """`<sender>-<field>` in lower case (T-22); what an id cannot hold, or is too long for it, is told by a digest."""
    key = sender_key(sender)
    plain = _SLUG.sub("-", key.replace("|", "-")).strip("-").lower()
    name = "-".join(part for part in (plain or "all", field.lower()) if part)
    exact = not key or (key == f"{plain.upper().replace('-', '|')}" and len(name) <= 64)
    return name if exact else f"{name[:53]}-{hashlib.sha256(key.encode()).hexdigest()[:10]}"


def url_of(sender: str, field: str) -> str:
    """Canonical URL of the map of a sender and a field."""
    return URL + id_of(sender, field)


# ---- rows to FHIR


def concept_maps(rows: Iterable[MapRow], resolve: Resolve) -> list[Json]:
    """The ConceptMaps of rows, in the order of their first row. Places are told where the order of FHIR is another."""
    scopes: dict[tuple[str, str], dict[tuple[str, str], list[tuple[int, MapRow]]]] = {}
    count = 0
    for count, row in enumerate(rows, 1):
        scopes.setdefault((row.sender, row.field), {}).setdefault((row.source_system, row.target_system), []).append(
            (count, row)
        )
    order = [n for groups in scopes.values() for found in groups.values() for n, _ in found]
    placed = order != list(range(1, count + 1)) or any(
        row.mode and n != len(found)
        for g in scopes.values()
        for found in g.values()
        for n, (_, row) in enumerate(found, 1)
    )
    return [_concept_map(sender, field, groups, resolve, placed) for (sender, field), groups in scopes.items()]


def _concept_map(
    sender: str, field: str, groups: Mapping[tuple[str, str], list[tuple[int, MapRow]]], resolve: Resolve, placed: bool
) -> Json:
    name = id_of(sender, field)
    out: Json = {"resourceType": "ConceptMap", "id": name, "url": URL + name, "status": "active"}
    extension = [{"url": url, "valueString": text} for url, text in ((SENDER, sender), (FIELD, field)) if text]
    if extension:
        out["extension"] = extension
    out["group"] = [_group(*systems, rows, resolve, placed) for systems, rows in groups.items()]
    return out


def _group(source: str, target: str, rows: list[tuple[int, MapRow]], resolve: Resolve, placed: bool) -> Json:
    out: Json = {}
    extension: list[Json] = []
    other = any(row.mode == "other-map" for _, row in rows)
    for key, cell, url in (("source", source, SOURCE), ("target", "" if other else target, TARGET)):
        uri = system_of(cell, resolve)
        if uri is not None:
            out[key] = uri
        if cell and uri != cell:
            extension.append({"url": url, "valueString": cell})
    if extension:
        out["extension"] = extension
    elements: list[Json] = []
    last: tuple[str, str] | None = None
    for place, row in rows:
        if row.mode:
            out["unmapped"] = _unmapped(row, place if placed else 0)
            continue
        if (row.source_code, row.source_text) != last:
            last = row.source_code, row.source_text
            named = {"code": row.source_code, "display": row.source_text}
            elements.append({k: v for k, v in named.items() if v} | {"target": []})
        elements[-1]["target"].append(_target(row, place if placed else 0))
    if elements:
        out["element"] = elements
    return out


def _target(row: MapRow, place: int) -> Json:
    out: Json = {k: v for k, v in (("code", row.target_code), ("display", row.target_display)) if v}
    out["equivalence"] = row.equivalence or ("equivalent" if row.target_code else "unmatched")
    if not row.equivalence:
        out["_equivalence"] = {"extension": [{"url": SILENT, "valueBoolean": True}]}
    if row.comment:
        out["comment"] = row.comment
    if row.source_unit:
        out["dependsOn"] = [{"property": UNIT, "value": row.source_unit}]
    extension: list[Json] = [
        {"url": url, "valueDate": text} for url, text in ((FROM, row.valid_from), (TO, row.valid_to)) if text
    ]
    if place:
        extension.append({"url": PLACE, "valuePositiveInt": place})
    return {"extension": extension, **out} if extension else out


def _unmapped(row: MapRow, place: int) -> Json:
    out: Json = {"mode": row.mode}
    if row.mode == "fixed":
        out["code"] = row.target_code
        if row.target_display:
            out["display"] = row.target_display
    elif row.mode == "other-map":
        out["url"] = row.target_system
    extension: list[Json] = [{"url": COMMENT, "valueString": row.comment}] if row.comment else []
    if place:
        extension.append({"url": PLACE, "valuePositiveInt": place})
    return {"extension": extension, **out} if extension else out


def bundle_of(maps: list[Json]) -> Json:
    """One ConceptMap as it is, several as a collection."""
    if len(maps) == 1:
        return maps[0]
    return {
        "resourceType": "Bundle",
        "type": "collection",
        "entry": [{"fullUrl": m["url"], "resource": m} for m in maps],
    }


# ---- FHIR to rows


def read(source: Source, resolve: Resolve) -> list[MapDocument]:
    """The ConceptMaps of a JSON file: one, or a Bundle of them. Raises TerminologyError for what cannot be used."""
    try:
        found: Any = orjson.loads(source.content)
    except orjson.JSONDecodeError as fault:
        raise TerminologyError(f"not JSON: {fault.msg}", source.name, fault.lineno) from None
    reader = _Reader(source.name, resolve)
    kind = cast("Json", found).get("resourceType") if isinstance(found, dict) else None
    if kind == "ConceptMap":
        return [reader.document(cast("Json", found), "ConceptMap")]
    if kind != "Bundle":
        raise TerminologyError("neither a ConceptMap nor a Bundle of ConceptMaps", source.name)
    entries = reader.objects(cast("Json", found), "entry", "Bundle")
    return [reader.document(reader.object(entry, "resource", at), f"{at}.resource") for entry, at in entries]


def rows_of(documents: Iterable[MapDocument]) -> list[MapRow]:
    """All rows in the order that they had as CSV, where that is told, else as they stand."""
    found = [pair for document in documents for pair in zip(document.places, document.rows, strict=True)]
    if all(place for place, _ in found):
        found.sort(key=lambda pair: pair[0])
    return [row for _, row in found]


class _Reader:
    """Reads one file; every fault names the file and the place in it."""

    def __init__(self, file: str, resolve: Resolve) -> None:
        self.file = file
        self.resolve = resolve
        self.known: dict[str, bool] = {}

    def fault(self, what: str, at: str) -> TerminologyError:
        return TerminologyError(f"{what} at {at}", self.file)

    def objects(self, owner: Json, key: str, at: str) -> Iterator[tuple[Json, str]]:
        listed: Any = owner.get(key, [])
        if not isinstance(listed, list):
            raise self.fault("a list is needed", f"{at}.{key}")
        for n, item in enumerate(cast("list[Any]", listed)):
            if not isinstance(item, dict):
                raise self.fault("an object is needed", f"{at}.{key}[{n}]")
            yield cast("Json", item), f"{at}.{key}[{n}]"

    def object(self, owner: Json, key: str, at: str) -> Json:
        found = owner.get(key)
        if not isinstance(found, dict):
            raise self.fault("an object is needed", f"{at}.{key}")
        return cast("Json", found)

    def text(self, owner: Json, key: str, at: str) -> str:
        found = owner.get(key, "")
        if not isinstance(found, str):
            raise self.fault("a text is needed", f"{at}.{key}")
        return found.strip()

    def extension(self, owner: Json, url: str, at: str) -> Any:
        for item, _ in self.objects(owner, "extension", at):
            if item.get("url") == url:
                return next((value for key, value in item.items() if key.startswith("value")), None)
        return None

    def document(self, resource: Json, at: str) -> MapDocument:
        if resource.get("resourceType") != "ConceptMap":
            raise self.fault("a ConceptMap is needed", at)
        sender, field = (str(self.extension(resource, url, at) or "") for url in (SENDER, FIELD))
        found: list[tuple[int, MapRow]] = []
        for group, place in self.objects(resource, "group", at):
            source, target = (
                str(self.extension(group, url, place) or self.text(group, key, place).partition("|")[0])
                for key, url in (("source", SOURCE), ("target", TARGET))
            )
            head = MapRow(sender, field, source, target_system=target)
            for element, below in self.objects(group, "element", place):
                found += self._element(head, element, below)
            if "unmapped" in group:
                found.append(self._unmapped(head, self.object(group, "unmapped", place), f"{place}.unmapped"))
        url = self.text(resource, "url", at)
        if not url:
            name = self.text(resource, "id", at)
            url = URL + name if name else url_of(sender, field)
        return MapDocument(url, [row for _, row in found], [place for place, _ in found])

    def _element(self, head: MapRow, element: Json, at: str) -> Iterator[tuple[int, MapRow]]:
        named = head._replace(source_code=self.text(element, "code", at), source_text=self.text(element, "display", at))
        targets = list(self.objects(element, "target", at))
        if not targets:  # R5 says noMap, R4 says nothing: nobody has mapped it yet
            row = named._replace(target_system="", equivalence="unmatched" if element.get("noMap") is True else "")
            yield 0, self._checked(row, at)
        for target, below in targets:
            if target.get("product"):
                raise self.fault("a product is not supported", below)
            silent = False
            if "_equivalence" in target:
                silent = self.extension(self.object(target, "_equivalence", below), SILENT, below) is True
            row = named._replace(
                source_unit=self._unit(target, below),
                target_code=self.text(target, "code", below),
                target_display=self.text(target, "display", below),
                equivalence="" if silent else self._equivalence(target, below),
                valid_from=str(self.extension(target, FROM, below) or ""),
                valid_to=str(self.extension(target, TO, below) or ""),
                comment=self.text(target, "comment", below),
            )
            yield self._place(target, below), self._checked(row, below)

    def _equivalence(self, target: Json, at: str) -> str:
        found = self.text(target, "equivalence", at)
        if found:
            return found
        relationship = self.text(target, "relationship", at)
        if relationship not in RELATIONSHIPS:
            raise self.fault("a target needs an equivalence (R4) or a relationship (R5)", at)
        return RELATIONSHIPS[relationship]

    def _unit(self, target: Json, at: str) -> str:
        """The unit that a target depends on; on anything else it may depend only as far as we can tell, which is not at all."""
        unit = ""
        for item, place in self.objects(target, "dependsOn", at):
            named = self.text(item, "property", place) or self.text(item, "attribute", place)
            if named not in (UNIT, "unit") or unit:
                raise self.fault("dependsOn takes one unit and nothing else", place)
            unit = self.text(item, "value", place) or self.text(item, "valueString", place)
        return unit

    def _unmapped(self, head: MapRow, unmapped: Json, at: str) -> tuple[int, MapRow]:
        mode = self.text(unmapped, "mode", at)
        mode = MODES_R5.get(mode, mode)
        if mode not in UNMAPPED_MODES:
            raise self.fault(f"{mode!r} is no mode of unmapped", at)
        row = head._replace(equivalence=mode, comment=str(self.extension(unmapped, COMMENT, at) or ""))
        if mode == "fixed":
            row = row._replace(
                target_code=self.text(unmapped, "code", at), target_display=self.text(unmapped, "display", at)
            )
        elif mode == "other-map":
            row = row._replace(target_system=self.text(unmapped, "url", at) or self.text(unmapped, "otherMap", at))
        return self._place(unmapped, at), self._checked(row, at)

    def _place(self, owner: Json, at: str) -> int:
        found = self.extension(owner, PLACE, at)
        return found if isinstance(found, int) else 0

    def _checked(self, row: MapRow, at: str) -> MapRow:
        fault = fault_of(row, self.resolve, self.known)
        if fault is not None:
            raise self.fault(fault, at)
        return row
