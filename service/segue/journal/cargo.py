"""What a message is worked on with: its raw bytes, its Bundle where it has one, and what targets said of it (S-40, S-62).

Of small messages it is read in the transaction that claims them, of all at once; of a large one when its turn comes, so that
what waits in memory is bounded.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import BindParameter, Connection, bindparam, or_, select

from segue.journal.content import checked, unpacked
from segue.journal.schema import content, delivery, message

TOGETHER_BYTES = 1 << 20  # of messages as received; a Bundle has some ten times as many, and is held packed


class Past(NamedTuple):
    """What became of a message at a target so far."""

    state: str = "retrying"  # delivered, retrying, dead
    tries: int = 0


@dataclass(frozen=True, slots=True)
class Cargo:
    """As it was stored, so that it takes little room while it waits."""

    digest: str
    site: str
    past: dict[str, Past]  # by target
    stored_raw: bytes
    packed_bundle: bytes | None

    @property
    def raw(self) -> bytes:
        """The bytes as received; raises DamageError."""
        return checked(self.stored_raw, self.digest)

    @property
    def bundle(self) -> bytes | None:
        """The Bundle as it was made last."""
        return None if self.packed_bundle is None else unpacked(self.packed_bundle)


def small(sizes: Iterable[tuple[int, int]]) -> list[int]:
    """Of (id, bytes as received) those that may be read together: the first ones, as far as they are small."""
    found: list[int] = []
    left = TOGETHER_BYTES
    for id, size in sizes:
        left -= size
        if left < 0:
            break
        found.append(id)
    return found


def cargo(connection: Connection, ids: Collection[int]) -> dict[int, Cargo]:
    """By message; none for one whose bytes are no longer there."""
    given = {"ids": list(ids)}
    contents = {(id, kind): bytes(data) for id, kind, data in connection.execute(_CONTENTS, given)}
    past: dict[int, dict[str, Past]] = {id: {} for id in ids}
    for id, target, state, tries in connection.execute(_PAST, given):
        past[id][target] = Past(state, tries)
    return {
        id: Cargo(digest, site or "", past[id], contents[id, "raw"], contents.get((id, "bundle")))
        for id, digest, site in connection.execute(_ABOUT, given)
        if (id, "raw") in contents
    }


_IDS: BindParameter[int] = bindparam("ids", expanding=True)
_CONTENTS = select(content.c.message_id, content.c.kind, content.c.data).where(
    content.c.message_id.in_(_IDS), or_(content.c.kind == "raw", content.c.kind == "bundle")
)
_PAST = select(delivery.c.message_id, delivery.c.target, delivery.c.state, delivery.c.tries).where(
    delivery.c.message_id.in_(_IDS)
)
_ABOUT = select(message.c.id, message.c.digest, message.c.site).where(message.c.id.in_(_IDS))
