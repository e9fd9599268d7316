"""Identities: the same business key gives the same UUID in every message and on every machine (R-RID)."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, Protocol

NAMESPACE = uuid.UUID("6f1b36e4-0b0d-5c1e-9a55-5e60e7a1f4d2")  # published: anyone can recompute an identity (R-RID-2)


class Keyed(Protocol):
    """A resource with a key of texts and of other keyed resources."""

    key: tuple[Any, ...]
    resource: dict[str, Any]
    number: int


@lru_cache(maxsize=16384)
def uuid5(namespace: bytes, name: str) -> str:
    """UUIDv5 as text (RFC 9562 §5.5)."""
    digest = bytearray(hashlib.sha1(namespace + name.encode(), usedforsecurity=False).digest()[:16])
    digest[6] = (digest[6] & 0x0F) | 0x50
    digest[8] = (digest[8] & 0x3F) | 0x80
    text = digest.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def identities(records: Iterable[Keyed], tenant: str = "", namespace: uuid.UUID = NAMESPACE) -> dict[int, str]:
    """UUID of each record by its number. A key that names another record takes that record's UUID as its part."""
    salt, found = namespace.bytes, dict[int, str]()
    start = f"1|{tenant}"

    def identity(record: Keyed) -> str:
        known = found.get(record.number)
        if known is None:
            name = start
            for part in record.key:
                if part is None:
                    text = ""
                elif part.__class__ is str:
                    text = part.replace("\\", "\\\\").replace("|", "\\|") if "|" in part or "\\" in part else part
                else:
                    text = identity(part)
                name += "|" + text
            known = found[record.number] = uuid5(salt, name)
        return known

    for record in records:
        identity(record)
    return found
