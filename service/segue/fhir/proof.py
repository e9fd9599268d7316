"""Validation that does not repeat itself: a resource whose very bytes were valid before is valid again.

What a resource is judged by lies in its own content, but for its references: they must point at entries of the same types again.
So a proof is the digest of the bytes with the references that it leaned on; no content is kept. Rules of the Bundle as a whole are
checked every time.
"""

from __future__ import annotations

import re
from decimal import Decimal
from hashlib import blake2b
from typing import Any

import orjson

from segue.issues import Issue

from .validation import validate

Json = dict[str, Any]
References = tuple[tuple[str, str], ...]  # fullUrl ▸ resource type

LIMIT = 65536  # proofs kept; they start anew when full
_REFERENCE = re.compile(rb'"reference":"(urn:uuid:[^"]*)"')


def exact(value: Any) -> Any:
    """Decimals as the digits that were sent (P-23)."""
    if isinstance(value, Decimal):
        return orjson.Fragment(format(value, "f").encode())
    raise TypeError(type(value).__name__)


class Proofs:
    """The proofs of one process."""

    def __init__(self) -> None:
        self.known: dict[bytes, References] = {}

    def check(self, bundle: Json) -> tuple[list[Issue], list[bytes]]:
        """The issues of a Bundle, empty if valid, and the JSON of each of its resources in order."""
        entries: list[Json] = bundle["entry"]
        kinds: dict[str, str] = {e["fullUrl"]: e["resource"]["resourceType"] for e in entries}
        texts: list[bytes] = []
        unknown: list[tuple[int, bytes, bytes]] = []
        known = self.known
        for i, entry in enumerate(entries):
            text = orjson.dumps(entry["resource"], default=exact)
            texts.append(text)
            digest = blake2b(text, digest_size=16).digest()
            leaned = known.get(digest)
            if leaned is None or any(kinds.get(url) != kind for url, kind in leaned):
                unknown.append((i, text, digest))
        issues = validate(bundle, only=[i for i, _, _ in unknown])
        if not issues:
            if len(known) + len(unknown) > LIMIT:
                known.clear()
            for _, text, digest in unknown:
                urls = {url.decode() for url in _REFERENCE.findall(text)}
                known[digest] = tuple((url, kinds[url]) for url in urls)
        return issues, texts
