"""One unmapped code of a sender as the inbox keeps it (T-60, T-61). Holds no patient data: codes, their words, control ids."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

from segue.terminology import Unmapped

State = Literal["open", "pending", "mapped", "ignored"]
STATES: tuple[State, ...] = get_args(State)
MOST_SAMPLES = 5
MOST_TEXTS = 5  # that are shown
LONGEST_TEXT = 200


class Key(NamedTuple):
    """What makes an entry: the same code with another unit may need another target."""

    sender: str  # MSH-3.1|MSH-4.1
    field: str  # OBX-3
    system: str  # URI, else the name that was sent, else ""
    code: str
    unit: str

    @property
    def id(self) -> str:
        """The same in every process and on every machine."""
        return hashlib.blake2b("\x1f".join(self).encode(), digest_size=12).hexdigest()


def key_of(one: Unmapped) -> Key:
    return Key(one.sender, one.field, one.system, one.code, one.unit)


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry and all that is known of it. Times are Unix seconds."""

    id: str
    key: Key
    table: str  # the map that was asked: its targets are the choices; "" for a code of a local system
    policy: str
    state: State
    count: int  # messages
    first_seen: float
    last_seen: float
    texts: tuple[tuple[str, int], ...]  # the words that came with the code, the most frequent first
    samples: tuple[str, ...]  # control ids, the latest first
    decided_by: str
    decided_at: float | None
    reason: str
    version: int  # grows with each decision: two people cannot both decide (T-66)

    @property
    def text(self) -> str:
        """The most frequent words, "" where none came."""
        return self.texts[0][0] if self.texts else ""
