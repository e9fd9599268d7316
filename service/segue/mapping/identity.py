"""Identities: the same business key gives the same UUID in every message and on every machine (R-RID)."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterable
from functools import lru_cache

NAMESPACE = uuid.UUID("6f1b36e4-0b0d-5c1e-9a55-5e60e7a1f4d2")  # published: anyone can recompute an identity (R-RID-2)
_SALT = NAMESPACE.bytes
_VARIANT = dict(zip("0123456789abcdef", "89ab" * 4, strict=True))  # its first two bits are 10


@lru_cache(8192)
def uuid5(namespace: bytes, name: str) -> str:
    """UUIDv5 as text (RFC 9562 §5.5)."""
    digits = hashlib.sha1(namespace + name.encode(), usedforsecurity=False).hexdigest()
    variant = _VARIANT[digits[16]]
    return f"{digits[:8]}-{digits[8:12]}-5{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:32]}"


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
