"""MLLP framing without any I/O: bytes in, events out (S-01 to S-11).

    junk ─ 0x0B ─ payload ─ 0x1C 0x0D ─ junk ─ 0x0B …

    BETWEEN ── VT ──▶ INSIDE ── FS CR ──▶ BETWEEN          Frame (an empty one is counted, never answered)
                        │  └── FS, then LF, VT or silence   Frame with a warning: the CR was left out (S-03)
                        │  └── VT MSH                       Broken, and the new frame goes on (S-04)
                        └── more than the cap ──▶ SKIPPING ── FS CR ──▶ BETWEEN    Oversize (S-06)

Searches with `bytes.find` from where the last search ended, so the work is linear in the bytes received. Knows no
HL7 but the three letters of a header. Time is the caller's: `waiting` says that silence would end the frame,
`flush` that it came.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

VT, FS, CR, LF = 0x0B, 0x1C, 0x0D, 0x0A
START, END = b"\x0b", b"\x1c\r"

JUNK_BYTES = 64 << 10  # between frames, before the connection is given up (S-02)
HEAD_BYTES = 4 << 10  # of an oversize frame, kept to answer it


@dataclass(frozen=True, slots=True)
class Frame:
    """A payload as received; `unended` where its CR was missing (S-03)."""

    payload: bytes
    unended: bool = False


@dataclass(frozen=True, slots=True)
class Broken:
    """A frame cut by the start of the next one (S-04)."""

    payload: bytes


@dataclass(frozen=True, slots=True)
class Oversize:
    """A frame over the cap, by its first bytes; `ended` is False where its end was not awaited any longer (S-06)."""

    head: bytes
    ended: bool = True


@dataclass(frozen=True, slots=True)
class Foreign:
    """Not MLLP at all: what it is instead (S-11), or junk without end (S-02). Nothing after it is read."""

    kind: str  # "tls", "http", "junk"


Event = Frame | Broken | Oversize | Foreign


class _State(Enum):
    BETWEEN = 1
    INSIDE = 2
    SKIPPING = 3
    OVER = 4


_REQUESTS = (b"GET ", b"POST", b"PUT ", b"HEAD", b"PRI ", b"OPTI", b"DELE", b"PATC", b"CONN")


def encode(payload: bytes) -> bytes:
    """A payload in its frame."""
    return START + payload + END


class Decoder:
    """The frames of one connection."""

    __slots__ = (
        "_buffer",
        "_first",
        "_fs_from",
        "_skipped",
        "_state",
        "_vt_from",
        "cap_bytes",
        "empty",
        "junk",
        "junk_bytes",
    )

    def __init__(self, cap_bytes: int = 32 << 20) -> None:
        self.cap_bytes = cap_bytes
        self.empty = 0  # frames
        self.junk_bytes = 0  # in all
        self.junk = 0  # since the last frame
        self._state = _State.BETWEEN
        self._buffer = bytearray()
        self._first = True
        self._fs_from = 0
        self._vt_from = 0
        self._skipped = 0

    @property
    def inside(self) -> bool:
        """True in the middle of a frame."""
        return self._state is _State.INSIDE or self._state is _State.SKIPPING

    @property
    def skipping(self) -> bool:
        """True in a frame that is over the cap."""
        return self._state is _State.SKIPPING

    @property
    def waiting(self) -> bool:
        """True where the last byte is an FS: silence would end the frame (S-03)."""
        return self._state is _State.INSIDE and self._buffer.endswith(b"\x1c")

    @property
    def buffered_bytes(self) -> int:
        """What is kept of a frame that has not ended."""
        return len(self._buffer)

    @property
    def partial(self) -> bytes:
        """What has come of an unfinished frame (S-08)."""
        return bytes(self._buffer) if self.inside else b""

    def feed(self, data: bytes) -> list[Event]:
        """The events that these bytes complete."""
        events: list[Event] = []
        self._buffer += data
        while self._step(events):
            pass
        return events

    def flush(self) -> list[Event]:
        """Ends a frame whose last byte is an FS."""
        if not self.waiting:
            return []
        return self._end(len(self._buffer) - 1, len(self._buffer), unended=True)

    def _step(self, events: list[Event]) -> bool:
        match self._state:
            case _State.BETWEEN:
                return self._between(events)
            case _State.INSIDE:
                return self._inside(events)
            case _State.SKIPPING:
                return self._skipping(events)
            case _State.OVER:
                self._buffer.clear()
                return False

    def _between(self, events: list[Event]) -> bool:
        buffer = self._buffer
        at = buffer.find(START)
        if self._first and at != 0:
            if len(buffer) < 4 and at < 0:
                return False  # too little to tell what is speaking
            kind = foreign(bytes(buffer[:4]))
            if kind is not None:
                return self._over(events, kind)
        if not buffer:
            return False
        self._first = False
        junk = len(buffer) if at < 0 else at
        self.junk += junk
        self.junk_bytes += junk
        if self.junk > JUNK_BYTES:
            return self._over(events, "junk")
        if at < 0:
            buffer.clear()
            return False
        self._enter(at + 1)
        return True

    def _inside(self, events: list[Event]) -> bool:
        buffer = self._buffer
        leading = 0
        while leading < len(buffer) and buffer[leading] == VT:  # two starts count as one (S-04)
            leading += 1
        if leading:
            self._enter(leading)
        end = buffer.find(FS, self._fs_from)
        restart = self._restart(len(buffer) if end < 0 else end)
        if restart is not None:
            events.append(Broken(bytes(buffer[:restart])))
            self._enter(restart + 1)
            return True
        if end > self.cap_bytes or (end < 0 and len(buffer) > self.cap_bytes):
            self._skipped = 0
            self._state = _State.SKIPPING
            return True
        if end < 0:
            self._fs_from = len(buffer)
            return False
        if end + 1 == len(buffer):
            self._fs_from = end
            return False
        following = buffer[end + 1]
        if following in (CR, LF):
            events += self._end(end, end + 2, unended=following == LF)
        elif following == VT:
            events += self._end(end, end + 1, unended=True)
        else:
            self._fs_from = end + 1  # an FS in the text
        return True

    def _restart(self, limit: int) -> int | None:
        """Where a second start with a header stands, before `limit`."""
        buffer = self._buffer
        while (at := buffer.find(VT, self._vt_from, limit)) >= 0:
            if len(buffer) < at + 4:
                self._vt_from = at  # its three letters are still to come
                return None
            if buffer.startswith(b"MSH", at + 1):
                return at
            self._vt_from = at + 1
        self._vt_from = limit
        return None

    def _skipping(self, events: list[Event]) -> bool:
        """Reads on to the end of a frame that is too large, keeping its head only."""
        buffer = self._buffer
        end = buffer.find(FS, self._fs_from)
        if self._skipped + (len(buffer) if end < 0 else end) > 3 * self.cap_bytes:  # two caps more than the cap (S-06)
            events.append(Oversize(bytes(buffer[:HEAD_BYTES]), ended=False))
            return self._over(events, None)
        if 0 <= end < len(buffer) - 1:
            if buffer[end + 1] in (CR, LF, VT):
                events.append(Oversize(bytes(buffer[: min(end, HEAD_BYTES)])))
                self._leave(end + 1 if buffer[end + 1] == VT else end + 2)
            else:
                self._fs_from = end + 1  # an FS in the text
            return True
        keep = 1 if end >= 0 else 0
        drop = max(0, len(buffer) - HEAD_BYTES - keep)
        self._skipped += drop
        del buffer[HEAD_BYTES : HEAD_BYTES + drop]
        self._fs_from = len(buffer) - keep
        return False

    def _end(self, end: int, rest: int, *, unended: bool) -> list[Event]:
        payload = bytes(self._buffer[:end])
        self._leave(rest)
        if not payload.strip(b"\r\n \x00"):
            self.empty += 1
            return []
        return [Frame(payload, unended)]

    def _enter(self, rest: int) -> None:
        del self._buffer[:rest]
        self._state = _State.INSIDE
        self._fs_from = self._vt_from = 0

    def _leave(self, rest: int) -> None:
        del self._buffer[:rest]
        self._state = _State.BETWEEN
        self.junk = 0

    def _over(self, events: list[Event], kind: str | None) -> bool:
        if kind is not None:
            events.append(Foreign(kind))
        self._state = _State.OVER
        self._buffer.clear()
        return False


def foreign(first: bytes) -> str | None:
    """What the first bytes of a connection belong to, where it is a known other protocol."""
    if first[:2] == b"\x16\x03":
        return "tls"
    return "http" if first.startswith(_REQUESTS) else None
