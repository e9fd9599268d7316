"""The JSON Schema of each FHIR primitive (P-21, P-23): R4's syntax, tightened where R4's own expressions are loose.

Dates must be days of the calendar; a URI that begins as an OID or UUID must be one; a text holds something visible and
no control character but tab, CR and LF. That `decimal.Decimal` counts as a number and a boolean does not is the rule of
the validator itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

Json = dict[str, Any]

YEAR = "(?:[0-9](?:[0-9](?:[0-9][1-9]|[1-9]0)|[1-9]00)|[1-9]000)"
LEAP = "(?:[0-9][0-9](?:0[48]|[2468][048]|[13579][26])|(?:0[48]|[2468][048]|[13579][26])00)"
MONTH = "(?:0[1-9]|1[0-2])"
DAY = (
    f"(?:{YEAR}-(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])"
    f"|{YEAR}-(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)"
    f"|{YEAR}-02-(?:0[1-9]|1[0-9]|2[0-8])"
    f"|{LEAP}-02-29)"
)
CLOCK = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]:(?:[0-5][0-9]|60)(?:\.[0-9]+)?"
OFFSET = "(?:Z|[+-](?:(?:0[0-9]|1[0-3]):[0-5][0-9]|14:00))"
OID = r"urn:oid:[0-2](?:\.(?:0|[1-9][0-9]*))+"
UUID = "urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
UUID_ANY_CASE = UUID.replace("a-f", "A-Fa-f")  # HL7's own examples write a uri so
TEXT = r"^[\t\n\r ]*[^\x00-\x20][^\x00-\x08\x0b\x0c\x0e-\x1f]*$"
SIXTY_FOUR = r"(?:[A-Za-z0-9+/]\s*)"
TEXT_LIMIT = 1024 * 1024  # "strings SHALL NOT exceed 1MB in size"
INTEGER_LIMIT = 2**31

SEEN = r"[^\x00-\x20]"  # a character of a URI
SCHEME = "[A-Za-z0-9+.-]*"


def _whole(expression: str) -> Json:
    return {"type": "string", "pattern": f"^(?:{expression})$"}


def _without_prefix(*prefixes: str) -> str:
    """What begins with none of the prefixes, written without lookahead: that would cost six times as much."""
    heads = "".join(sorted({prefix[0] for prefix in prefixes}))
    parts = [rf"[^\x00-\x20{heads}]{SEEN}*"]
    for head in heads:
        rest = [prefix[1:] for prefix in prefixes if prefix[0] == head]
        if "" not in rest:
            parts.append(f"{head}(?:{_without_prefix(*rest)})?")
    return "|".join(parts)


def absolute_uri() -> Json:
    """Of Identifier.system and Coding.system, where R4 allows no relative reference."""
    not_urn = f"[A-Za-tv-z]{SCHEME}|u(?:[A-Za-qs-z0-9+.-]{SCHEME})?|ur(?:[A-Za-mo-z0-9+.-]{SCHEME})?|urn[A-Za-z0-9+.-]+"
    return _whole(f"{OID}|{UUID_ANY_CASE}|urn:(?:{_without_prefix('oid:', 'uuid:')})|(?:{not_urn}):{SEEN}+")


@cache
def primitive_schemas() -> Mapping[str, Json]:
    """By FHIR type name."""
    uri = _whole(f"{OID}|{UUID_ANY_CASE}|{_without_prefix('urn:oid:', 'urn:uuid:')}")
    text: Json = {"type": "string", "pattern": TEXT, "maxLength": TEXT_LIMIT}
    return {
        "base64Binary": _whole(
            rf"\s*(?:{SIXTY_FOUR}{{4}})+|\s*(?:{SIXTY_FOUR}{{4}})*{SIXTY_FOUR}{{2}}(?:=\s*=|{SIXTY_FOUR}=)\s*"
        ),
        "boolean": {"type": "boolean"},
        "canonical": {"type": "string", "pattern": r"^\S+$"},
        "code": _whole(r"\S+(?:\s\S+)*"),
        "date": _whole(f"{YEAR}(?:-{MONTH})?|{DAY}"),
        "dateTime": _whole(f"{YEAR}(?:-{MONTH})?|{DAY}(?:T{CLOCK}{OFFSET})?"),
        "decimal": {"type": "number"},
        "id": _whole(r"[A-Za-z0-9\-.]{1,64}"),
        "instant": _whole(f"{DAY}T{CLOCK}{OFFSET}"),
        "integer": {"type": "integer", "minimum": -INTEGER_LIMIT, "maximum": INTEGER_LIMIT - 1},
        "markdown": text,
        "oid": _whole(OID),
        "positiveInt": {"type": "integer", "minimum": 1, "maximum": INTEGER_LIMIT - 1},
        "string": text,
        "time": _whole(CLOCK),
        "unsignedInt": {"type": "integer", "minimum": 0, "maximum": INTEGER_LIMIT - 1},
        "uri": uri,
        "url": uri,
        "uuid": _whole(UUID),
        "xhtml": {"type": "string", "pattern": '^<div xmlns="http://www.w3.org/1999/xhtml"'},
    }
