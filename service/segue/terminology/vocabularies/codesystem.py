"""A FHIR CodeSystem in JSON, R4 or R5, its concepts nested as they may be: a vocabulary under its own URL."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, cast

import orjson

from segue.terminology.vocabularies.part import Part
from segue.terminology.vocabularies.release import Lines, Member, Release, VocabularyError

LARGEST_BYTES = 256 << 20  # it is read whole


def stages(release: Release) -> tuple[Member, ...] | None:
    if len(release.members) != 1 or b'"CodeSystem"' not in release.head(release.members[0], 1 << 16):
        return None
    return release.members


def parsed(content: bytes) -> dict[str, Any]:
    """The resource; raises VocabularyError."""
    try:
        found: Any = orjson.loads(content)
    except orjson.JSONDecodeError:
        raise VocabularyError("not JSON – take a CodeSystem resource as JSON") from None
    if not isinstance(found, dict) or cast("dict[str, Any]", found).get("resourceType") != "CodeSystem":
        raise VocabularyError("the JSON is no CodeSystem resource")
    resource = cast("dict[str, Any]", found)
    if not isinstance(resource.get("url"), str) or not re.match(r"[a-z][a-z0-9+.-]*:", resource["url"]):
        raise VocabularyError("the CodeSystem has no url – a vocabulary needs the URI of its codes")
    return resource


def name_of(url: str) -> str:
    """A file name for a URL."""
    return "codesystem-" + re.sub(r"[^a-z0-9]+", "-", url.lower()).strip("-")


def read(_: int, lines: Lines, start: int, out: Part) -> Iterator[None]:
    if start:
        return
    resource = parsed(lines.rest(LARGEST_BYTES))
    out.latest(str(resource.get("version", "")))
    stack: list[Any] = list(reversed(resource.get("concept", [])))
    while stack:
        concept: dict[str, Any] = stack.pop()
        code = str(concept.get("code", ""))
        if not code:
            raise VocabularyError("a concept has no code")
        out.concept(code, not _retired(concept))
        out.term(code, str(concept.get("display", "")), 1)
        for designation in concept.get("designation", []):
            out.term(code, str(designation.get("value", "")), 2)
        stack += reversed(concept.get("concept", []))
        yield


def _retired(concept: dict[str, Any]) -> bool:
    """By the common properties `inactive` and `status` of FHIR's CodeSystem page."""
    for prop in concept.get("property", []):
        if prop.get("code") == "inactive" and prop.get("valueBoolean") is True:
            return True
        if prop.get("code") == "status" and prop.get("valueCode") in ("retired", "deprecated"):
            return True
    return False
