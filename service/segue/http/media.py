"""Media types: what a body may be, and which answer an Accept header chooses (A-15 to A-20).

Knows names and `q` values only. All ER7 names mean the same; ties go to the first of our list.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from segue.http.refusal import RequestError
from segue.issues import issue

ER7 = (
    "application/hl7-v2",
    "application/hl7-v2+er7",
    "x-application/hl7-v2+er7",
    "text/plain",
    "application/octet-stream",
)
FORM = "application/x-www-form-urlencoded"  # what curl says by itself
FHIR_JSON, JSON = "application/fhir+json", "application/json"
ENVELOPE = "application/vnd.segue+json"
NDJSON, FHIR_NDJSON = "application/x-ndjson", "application/fhir+ndjson"

CSV = "text/csv"

BUNDLE = (FHIR_JSON, JSON)
STREAM = (NDJSON, FHIR_NDJSON)
CONVERT = (*BUNDLE, ENVELOPE, *STREAM)
REPORT = (ENVELOPE, JSON, NDJSON)

_CHARSET = re.compile(r';\s*charset\s*=\s*"?([^\s;"]+)', re.IGNORECASE)


@lru_cache(maxsize=256)
def body_type(content_type: str) -> tuple[str, str | None]:
    """The media type in small letters, and its charset."""
    found = _CHARSET.search(content_type)
    return content_type.partition(";")[0].strip().lower(), found[1] if found else None


@lru_cache(maxsize=1024)
def chosen(accept: str, offers: tuple[str, ...]) -> str | None:
    """The offer an Accept header prefers, None where it wants none of them."""
    if not accept.strip():
        return offers[0]
    ranges = [_range(part) for part in accept.split(",") if part.strip()]
    best, best_q = None, 0.0
    for offer in offers:
        q = _quality(offer, ranges)
        if q > best_q:
            best, best_q = offer, q
    return best


def negotiated(accept: str, offers: Sequence[str]) -> str:
    """The chosen offer; a RequestError that lists them where there is none."""
    found = chosen(accept, tuple(offers))
    if found is None:
        hint = f"Offered: {', '.join(offers)}."
        if "hl7-v2" in accept:
            hint += " Nothing is stored here, so nothing can be acknowledged; send over MLLP for an ACK."
        raise RequestError(issue("request.not-acceptable", hint=hint))
    return found


def _range(part: str) -> tuple[str, float]:
    name, *parameters = (piece.strip().lower() for piece in part.split(";"))
    q = 1.0
    for parameter in parameters:
        key, _, value = parameter.partition("=")
        if key.strip() == "q":
            try:
                q = min(1.0, max(0.0, float(value)))
            except ValueError:
                q = 0.0
    return name, q


def _quality(offer: str, ranges: list[tuple[str, float]]) -> float:
    """The q of the most specific range that holds the offer."""
    wide = offer.partition("/")[0] + "/*"
    for name in (offer, wide, "*/*"):
        for known, q in ranges:
            if known == name:
                return q
    return 0.0
