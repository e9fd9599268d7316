"""A Bundle of a test, read like a person would: resources of a type, what a reference points at, the first value at a path."""

from __future__ import annotations

from functools import cache
from typing import Any

from segue.conversion import Conversion
from segue.convert import Converter

Json = dict[str, Any]


@cache
def converter() -> Converter:
    return Converter()


def convert(
    *segments: str, event: str = "ADT^A01^ADT_A01", version: str = "2.5.1", header: str = "", **options: Any
) -> Bundle:
    """Converts a short message; its header is built here."""
    first = header or f"MSH|^~\\&|WARD|NORTHGATE|HUB|REGION|20260311084512-0500||{event}|C1|P|{version}"
    return Bundle(converter().convert("".join(f"{s}\r" for s in (first, *segments)).encode(), **options))


class Bundle:
    """One conversion to look at."""

    def __init__(self, conversion: Conversion) -> None:
        self.conversion = conversion
        self.json: Json = conversion.bundle
        self.issues = {(i.code, str(i.v2)) for i in conversion.issues}
        self.codes = [i.code for i in conversion.issues]

    def all(self, kind: str) -> list[Json]:
        return [e["resource"] for e in self.json["entry"] if e["resource"]["resourceType"] == kind]

    def one(self, kind: str) -> Json:
        found = self.all(kind)
        assert len(found) == 1, f"{len(found)} {kind}"
        return found[0]

    def at(self, reference: Json) -> Json:
        return next(e["resource"] for e in self.json["entry"] if e["fullUrl"] == reference["reference"])

    def url(self, resource: Json) -> str:
        return next(e["fullUrl"] for e in self.json["entry"] if e["resource"] == resource)

    def request(self, resource: Json) -> Json:
        return next(e["request"] for e in self.json["entry"] if e["resource"] == resource)


def extensions(element: Json, name: str) -> list[Any]:
    """Values of the extensions whose URL ends with a name."""
    found = [e for e in element.get("extension", ()) if e["url"].endswith(name)]
    return [next((v for k, v in e.items() if k.startswith("value")), e.get("extension")) for e in found]
