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
from operator import is_
from typing import Any, NamedTuple

import orjson

from segue.issues import Issue

from .bundle import order_keys
from .validation import validate

Json = dict[str, Any]
References = frozenset[tuple[str, str]]  # fullUrl ▸ resource type

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

    keys: list[str]  # before they were put in order
    values: list[Any]
    resource: Json
    text: bytes
    leaned: References


def unchanged(before: Finished, now: Json) -> bool:
    """Whether a resource surely gives the same JSON as before."""
    if list(now) != before.keys:
        return False
    values = now.values()
    return all(map(is_, values, before.values)) or all(map(_alike, values, before.values))


def _alike(one: Any, other: Any) -> bool:
    """Written alike: the same object, equal texts, or lists and objects of such; equal numbers may not be (5.1 and 5.10)."""
    if one is other:
        return True
    kind = one.__class__
    if kind is not other.__class__:
        return False
    if kind is str:
        return one == other
    if kind is list:
        return len(one) == len(other) and all(map(_alike, one, other))
    return kind is dict and list(one) == list(other) and all(map(_alike, one.values(), other.values()))


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
        there = kinds.items()
        for i, entry in enumerate(entries):
            resource = entry["resource"]
            done = finished.get(entry["fullUrl"])
            if done is not None and unchanged(done, resource):
                entry["resource"] = done.resource
                texts.append(done.text)
                if not done.leaned <= there:  # they point at entries of the same types again
                    unknown.append(i)
                continue
            keys, values = list(resource), list(resource.values())
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
            elif leaned <= there:
                finished[entry["fullUrl"]] = Finished(keys, values, resource, text, leaned)
            else:
                unknown.append(i)
        issues = validate(bundle, unknown, kinds)
        if learnt and not issues:
            if len(known) + len(learnt) > LIMIT:
                known.clear()
            for i, digest in learnt:
                urls = {url.decode() for url in _REFERENCE.findall(texts[i])}
                known[digest] = frozenset([(url, kinds[url]) for url in urls])
        if len(finished) > FINISHED:
            finished.clear()
        return issues, texts
