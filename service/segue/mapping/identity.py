"""Identities: the same business key gives the same UUID in every message and on every machine (R-RID)."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterable
from functools import lru_cache

NAMESPACE = uuid.UUID("6f1b36e4-0b0d-5c1e-9a55-5e60e7a1f4d2")  # published: anyone can recompute an identity (R-RID-2)
_SALT = NAMESPACE.bytes


@lru_cache(maxsize=16384)
def uuid5(namespace: bytes, name: str) -> str:
    """UUIDv5 as text (RFC 9562 §5.5)."""
    digest = bytearray(hashlib.sha1(namespace + name.encode(), usedforsecurity=False).digest()[:16])
    digest[6] = (digest[6] & 0x0F) | 0x50
    digest[8] = (digest[8] & 0x3F) | 0x80
    text = digest.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def identity(parts: Iterable[str | None], tenant: str = "") -> str:
    """The UUID of a key: its parts in order, "" where one is absent."""
    name = f"1|{tenant}"
    for part in parts:
        if part is None:
            name += "|"
        elif "|" in part or "\\" in part:
            name += "|" + part.replace("\\", "\\\\").replace("|", "\\|")
        else:
            name += "|" + part
    return uuid5(_SALT, name)
