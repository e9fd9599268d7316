"""Validation that does not repeat itself: a resource whose very bytes were valid before is valid again.

What a resource is judged by lies in its own content, but for its references: they must point at entries of the same types again.
So a proof is the digest of the bytes with the references that it leaned on. A resource that is made of the very values of an earlier
one, as what is remembered is, has the JSON of that one. Rules of the Bundle as a whole are
checked every time. A proof is kept of what comes a second time: most patients of a feed are not seen again.
"""

from __future__ import annotations

import re
from decimal import Decimal
from hashlib import blake2b
from typing import Any, NamedTuple

import orjson

from segue.issues import Issue

from .bundle import order_keys
from .validation import validate

Json = dict[str, Any]
References = tuple[tuple[str, str], ...]  # fullUrl ▸ resource type

FINISHED = 4096  # resources kept with their JSON; they start anew when full
LIMIT = 65536  # proofs kept; they start anew when full
_REFERENCE = re.compile(rb'"reference":"(urn:uuid:[^"]*)"')


def exact(value: Any) -> Any:
    """Decimals as the digits that were sent (P-23)."""
    if isinstance(value, Decimal):
        return orjson.Fragment(format(value, "f").encode())
    raise TypeError(type(value).__name__)


class Finished(NamedTuple):
    """A valid resource in its order, its JSON, and the references that it leans on. Nobody changes it or what is in it."""

    resource: Json
    text: bytes
    leaned: References


def unchanged(before: Json, now: Json) -> bool:
    """Whether two resources surely give the same JSON: their values are the same objects, or equal texts and references."""
    if len(before) != len(now):
        return False
    for key, value in now.items():
        old = before.get(key)
        if old is not value and not (_plain(old) and _plain(value) and old == value):
            return False
    return True


def _plain(value: Any) -> bool:
    """A text, a reference by URL, or a list of such: equal ones are written alike, as equal numbers are not (5.1 and 5.10)."""
    kind = value.__class__
    if kind is str:
        return True
    if kind is dict:
        return len(value) == 1 and value.get("reference").__class__ is str
    return kind is list and all(one.__class__ is dict and _plain(one) for one in value)


def holds(leaned: References, kinds: dict[str, str]) -> bool:
    """Whether the references of a proof point at entries of the same types again."""
    return all(kinds.get(url) == kind for url, kind in leaned)


class Proofs:
    """The proofs of one process."""

    def __init__(self) -> None:
        self.known: dict[bytes, References] = {}
        self.seen: set[int] = set()  # hashes of bytes that came once
        self.finished: dict[str, Finished] = {}  # fullUrl ▸ what stood there

    def check(self, bundle: Json) -> tuple[list[Issue], list[bytes]]:
        """Puts the keys of the resources in order; the issues of a Bundle, empty if valid, and the JSON of each resource."""
        entries: list[Json] = bundle["entry"]
        finished = self.finished
        kinds: dict[str, str] = {e["fullUrl"]: e["resource"]["resourceType"] for e in entries}
        texts: list[bytes] = []
        unknown: list[int] = []
        learnt: list[tuple[int, bytes]] = []
        known, seen, dumps = self.known, self.seen, orjson.dumps
        if len(seen) > LIMIT:
            seen.clear()
        for i, entry in enumerate(entries):
            resource = entry["resource"]
            done = finished.get(entry["fullUrl"])
            if done is not None and unchanged(done.resource, resource):
                entry["resource"] = done.resource
                texts.append(done.text)
                if not holds(done.leaned, kinds):
                    unknown.append(i)
                continue
            order_keys(resource)
            text = dumps(resource, default=exact)
            texts.append(text)
            mark = hash(text)
            if mark not in seen:
                seen.add(mark)
                unknown.append(i)
                continue
            digest = blake2b(text, digest_size=16).digest()
            leaned = known.get(digest)
            if leaned is None:
                learnt.append((i, digest))
                unknown.append(i)
            elif holds(leaned, kinds):
                finished[entry["fullUrl"]] = Finished(resource, text, leaned)
            else:
                unknown.append(i)
        issues = validate(bundle, only=unknown)
        if learnt and not issues:
            if len(known) + len(learnt) > LIMIT:
                known.clear()
            for i, digest in learnt:
                urls = {url.decode() for url in _REFERENCE.findall(texts[i])}
                known[digest] = tuple((url, kinds[url]) for url in urls)
        if len(finished) > FINISHED:
            finished.clear()
        return issues, texts
