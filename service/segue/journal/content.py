"""Raw bytes, Bundle and issues of a message, as they are stored and read again (S-40)."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, bindparam, select

from segue.issues import Issue, Location
from segue.journal.schema import content, message

PACKED = b"\x01"  # first byte of a content that is compressed
PLAIN = b"\x00"
PACK_FROM = 512  # bytes
ISSUES = 200  # of one message


class DamageError(Exception):
    """Raw bytes are not the ones that were received (S-40)."""


def packed(data: bytes) -> bytes:
    """A content as it is stored."""
    return PACKED + zlib.compress(data, 1) if len(data) >= PACK_FROM else PLAIN + data


def unpacked(data: bytes) -> bytes:
    return zlib.decompress(data[1:]) if data[:1] == PACKED else data[1:]


def stored(issues: tuple[Issue, ...]) -> list[dict[str, Any]]:
    """Issues as they are kept: never with a value of the message."""
    return [
        {
            key: value
            for key, value in (
                ("severity", one.severity),
                ("code", one.code),
                ("hl7", one.hl7),
                ("type", one.fhir),
                ("text", one.text),
                ("hint", one.hint),
                ("v2", str(one.v2) if one.v2 else ""),
                ("fhirpath", one.fhirpath or ""),
                ("rule", one.rule or ""),
            )
            if value
        }
        for one in issues[:ISSUES]
    ]


def told(rows: Iterable[dict[str, Any]]) -> tuple[Issue, ...]:
    """Issues from what `stored` made of them."""
    return tuple(
        Issue(
            row["code"], row["severity"], row.get("hl7", ""), row.get("type", ""), row["text"], row.get("hint", ""),
            Location.read(row.get("v2", "")), row.get("fhirpath"), row.get("rule"),
        )
        for row in rows
    )  # fmt: skip


def content_of(connection: Connection, id: int, kind: str) -> bytes | None:
    """A content that was stored packed."""
    found = connection.scalar(_CONTENT, {"m": id, "k": kind})
    return None if found is None else unpacked(bytes(found))


def has(connection: Connection, id: int, kind: str) -> bool:
    """Whether there is such a content."""
    return connection.scalar(_HAS, {"m": id, "k": kind}) is not None


def raw_of(connection: Connection, id: int) -> bytes | None:
    """The bytes as received, checked against their digest; raises DamageError."""
    row = connection.execute(_RAW, {"m": id}).one_or_none()
    if row is None:
        return None
    return checked(bytes(row.data), row.digest)


def checked(raw: bytes, digest: str) -> bytes:
    """Bytes as received, where they still are what their digest says; raises DamageError."""
    if hashlib.sha256(raw).hexdigest() != digest:
        raise DamageError(digest)
    return raw


_CONTENT = select(content.c.data).where(content.c.message_id == bindparam("m"), content.c.kind == bindparam("k"))
_HAS = select(content.c.kind).where(content.c.message_id == bindparam("m"), content.c.kind == bindparam("k"))
_RAW = (
    select(content.c.data, message.c.digest)
    .join(message, message.c.id == content.c.message_id)
    .where(content.c.message_id == bindparam("m"), content.c.kind == "raw")
)
