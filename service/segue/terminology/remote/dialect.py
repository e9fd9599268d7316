"""$translate and $lookup on the wire, in the words of R4 and of R5; everything that comes back is doubted (T-32, T-36, T-38).

Both `result` and each match are read: servers return matches that say "not equivalent". A match with a code of a system that
nobody asked for, or that breaks its system's syntax, is no match.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Literal, cast

import orjson

from segue.terminology.remote.question import Answer, Kind, Question, is_uri, well_formed
from segue.terminology.tables import Target
from segue.terminology.translation import APPLIED, EQUIVALENCES

Dialect = Literal["r4", "r5"]

MOST_MATCHES = 20
LONGEST_DISPLAY = 1024
# relationship of R5 ▸ equivalence of R4, which says what the target is (FHIR R5, ConceptMap, changes from R4).
RELATIONSHIPS = {
    "equivalent": "equivalent",
    "source-is-narrower-than-target": "wider",
    "source-is-broader-than-target": "narrower",
    "related-to": "relatedto",
    "not-related-to": "disjoint",
}
_VERSIONS = ("4.", "3.")  # FHIR versions whose servers speak R4's words


class NonsenseError(Exception):
    """An answer that is no answer to $translate; `reason` is a bounded word for logs."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def parameters(question: Question, dialect: Dialect, map_url: str | None) -> bytes:
    """The body of a request: Parameters."""
    code, target = ("code", "targetsystem") if dialect == "r4" else ("sourceCode", "targetSystem")
    parts = [
        {"name": code, "valueCode": question.code},
        {"name": "system", "valueUri": question.system},
    ]
    if map_url:
        parts.insert(0, {"name": "url", "valueUri": map_url})
    if question.target:
        parts.append({"name": target, "valueUri": question.target})
    return orjson.dumps({"resourceType": "Parameters", "parameter": parts})


def looked_up(question: Question) -> bytes:
    """The body of a request for the display of a code: Parameters, alike in R4 and R5."""
    parts = [{"name": "code", "valueCode": question.code}, {"name": "system", "valueUri": question.system}]
    return orjson.dumps({"resourceType": "Parameters", "parameter": parts})


def display(body: bytes, question: Question) -> Answer:
    """The display in an answer to $lookup, as the only target. Raises NonsenseError."""
    parts = _parts(_resource(body, "Parameters").get("parameter"))
    words = _words(next((part.get("valueString") for part in parts if part.get("name") == "display"), None))
    if not words:
        raise NonsenseError("no-display")
    return Answer(Kind.POSITIVE, (Target(question.system, question.code, words, False),), "equal")


def _words(display: Any) -> str:
    """A display without what FHIR's strings cannot hold; "" for one that is too long or none."""
    if not isinstance(display, str) or len(display) > LONGEST_DISPLAY:
        return ""
    return "".join(sign for sign in " ".join(display.split()) if sign.isprintable())


def dialect_of(statement: bytes) -> Dialect:
    """What the server of a CapabilityStatement speaks. Raises NonsenseError."""
    version = _resource(statement, "CapabilityStatement").get("fhirVersion")
    if not isinstance(version, str):
        raise NonsenseError("no-version")
    return "r4" if version.startswith(_VERSIONS) else "r5"


def answer(body: bytes, question: Question, targets: Sequence[str], applied: frozenset[str] = APPLIED) -> Answer:
    """The answer in a body, which may be in either dialect; `targets` are the systems that are taken, `*` ends a prefix.

    Raises NonsenseError. Several matches that are applied: all of them, in the server's order.
    """
    resource = _resource(body, "Parameters")
    parts = list(_parts(resource.get("parameter")))
    result: Any = next((p.get("valueBoolean") for p in parts if p.get("name") == "result"), None)
    if not isinstance(result, bool):
        raise NonsenseError("no-result")
    if not result:
        return Answer(Kind.NEGATIVE)
    found: list[Target] = []
    grades: list[str] = []
    refused = False
    for match in [p for p in parts if p.get("name") == "match"][:MOST_MATCHES]:
        grade, target = _match(match)
        if grade not in applied or target is None:
            continue
        if not _taken(target, question, targets):
            refused = True
            continue
        if target not in found:
            found.append(target)
            grades.append(grade)
    if found:
        return Answer(Kind.POSITIVE, tuple(found), grades[0])
    if refused:
        raise NonsenseError("foreign-code")
    return Answer(Kind.NEGATIVE)


def _resource(body: bytes, kind: str) -> dict[str, Any]:
    try:
        found: Any = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise NonsenseError("not-json") from None
    if not isinstance(found, dict) or cast("dict[str, Any]", found).get("resourceType") != kind:
        raise NonsenseError("other-resource")
    return cast("dict[str, Any]", found)


def _parts(listed: Any) -> Iterator[dict[str, Any]]:
    for part in cast("list[Any]", listed) if isinstance(listed, list) else []:
        if isinstance(part, dict):
            yield cast("dict[str, Any]", part)


def _match(match: dict[str, Any]) -> tuple[str, Target | None]:
    """The grade in R4's words and the concept; "" and None for what is not there."""
    grade = ""
    target: Target | None = None
    for part in _parts(match.get("part")):
        name, value = part.get("name"), part.get("valueCode", part.get("valueString"))
        if name == "equivalence" and isinstance(value, str):
            grade = value if value in EQUIVALENCES else ""
        elif name == "relationship" and isinstance(value, str):
            grade = RELATIONSHIPS.get(value, "")
        elif name == "concept" and isinstance(part.get("valueCoding"), dict):
            coding: dict[str, Any] = part["valueCoding"]
            system, code, display = coding.get("system"), coding.get("code"), coding.get("display", "")
            if isinstance(system, str) and isinstance(code, str):
                target = Target(system, code, _words(display), False)
    return grade, target


def _taken(target: Target, question: Question, targets: Sequence[str]) -> bool:
    if not is_uri(target.system) or not well_formed(target.system, target.code):
        return False
    if question.target:
        return target.system == question.target
    return any(target.system == t or (t.endswith("*") and target.system.startswith(t[:-1])) for t in targets)
