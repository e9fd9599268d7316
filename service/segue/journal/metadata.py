"""What a message says of itself before it is converted: who sent it, which it is, whom it is about (S-43 to S-50).

Reads headers and identifiers only. A message that cannot be read has none of this and is journaled all the same.
Order keys and digests are 64-bit numbers, so that a queue never holds a name.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from segue import hl7
from segue.hl7 import Message
from segue.hl7.message import Repetition
from segue.issues import Refusal
from segue.journal import staleness
from segue.journal.staleness import About, Merge, Subject, key_of

OrderBy = Literal["patient", "connection", "sender", "none"]

_PATIENT = {"PID": (3, 2, 4), "MRG": (1, 2, 4)}
_VISIT = (("PV1", 19), ("PID", 18), ("MRG", 3), ("MRG", 5))
_ORDER = (("OBR", 2), ("OBR", 3), ("ORC", 2), ("ORC", 3), ("OBR", 18), ("OBR", 20), ("TXA", 14), ("TXA", 15))
NUMBER_LENGTH = 200  # of a number that is kept to be found by
NUMBERS = 64  # of one message


@dataclass(frozen=True, slots=True)
class Metadata:
    """Of one message. `patients` holds a set of keys for each person that the message names."""

    sender: str = ""
    control_id: str = ""
    type: str = ""
    sent_at: str = ""
    sequence: int | None = None  # MSH-13
    patients: tuple[tuple[int, ...], ...] = ()
    numbers: tuple[tuple[str, str], ...] = ()  # kind and value
    subjects: tuple[Subject, ...] = ()
    merges: tuple[Merge, ...] = ()


UNREADABLE = Metadata()


def read(raw: bytes, charset: str | None = None) -> Metadata:
    """The metadata of a message; never raises for what stands in it."""
    try:
        message = hl7.read(raw, charset=charset)
    except Refusal:
        return UNREADABLE
    head = message.header
    code, event = head.leaf(9) or "", head.leaf(9, 2) or ""
    sequence = (head.leaf(13) or "").strip()
    event_segment = message.first("EVN")
    people = tuple(_patients(message))
    patients = tuple(keys for _, keys in people)
    return Metadata(
        sender=f"{head.leaf(3) or ''}|{head.leaf(4) or ''}",
        control_id=head.leaf(10) or "",
        type=f"{code}^{event}" if event else code,
        sent_at=(event_segment.leaf(2) if event_segment is not None else None) or head.leaf(7) or "",
        sequence=int(sequence) if sequence.isascii() and sequence.isdigit() and len(sequence) < 16 else None,
        patients=patients,
        numbers=tuple(dict.fromkeys(_numbers(message)))[:NUMBERS],
        subjects=tuple(staleness.subjects(message, patients)),
        merges=tuple(staleness.merges(message, event, people)),
    )


def order_keys(found: Metadata, by: OrderBy, listener: str, address: str) -> tuple[tuple[int, ...], ...]:
    """The sets of order keys of a message (S-47 to S-50)."""
    match by:
        case "none":
            return ()
        case "connection":
            return ((key_of("connection", listener, address),),)
        case "patient" if found.patients:
            return found.patients
        case _:
            return ((key_of("sender", found.sender or f"{listener}|{address}"),),)


def identity(found: Metadata, listener: str) -> int | None:
    """Of listener, MSH-3, MSH-4 and MSH-10; None where there is no control id (S-46)."""
    return key_of("identity", listener, found.sender, found.control_id) if found.control_id else None


def compared(found: Metadata, listener: str) -> About:
    """What tells whether a message is older than what came last about the same (S-53)."""
    return staleness.about(listener, found.sender, found.subjects, found.merges)


def _patients(message: Message) -> Iterator[tuple[str, tuple[int, ...]]]:
    """A set of keys for each person, by the segment that names it."""
    scope = f"{message.header.leaf(3) or ''}|{message.header.leaf(4) or ''}"
    for segment in message.segments:
        fields = _PATIENT.get(segment.name)
        if fields is None:
            continue
        keys = dict.fromkeys(
            key
            for field in fields
            for repetition in segment.repetitions(field)
            if (key := _patient(message, repetition, scope)) is not None
        )
        if keys:
            yield segment.name, tuple(keys)


def _patient(message: Message, repetition: Repetition, scope: str) -> int | None:
    """Number and authority; a number without authority is one of the sender's (S-48)."""
    components = repetition.components
    value = _text(message, components, 1)
    if not value:
        return None
    marks = message.delimiters.subcomponent
    authority = components[4] if len(components) > 4 else ""
    first = (authority.split(marks) if marks else [authority])[:2]
    return key_of("patient", value, next((part for part in first if part), "") or scope)


def _numbers(message: Message) -> Iterator[tuple[str, str]]:
    for segment in message.segments:
        for field in _PATIENT.get(segment.name, ()):
            yield from (("patient", value) for value in _values(message, segment.repetitions(field)))
        for kind, places in (("visit", _VISIT), ("order", _ORDER)):
            for name, field in places:
                if name == segment.name:
                    yield from ((kind, value) for value in _values(message, segment.repetitions(field)))


def _values(message: Message, repetitions: list[Repetition]) -> Iterator[str]:
    for repetition in repetitions:
        value = _text(message, repetition.components, 1)
        if value:
            yield value[:NUMBER_LENGTH]


def _text(message: Message, components: list[str], number: int) -> str:
    raw = components[number] if number < len(components) else ""
    marks = message.delimiters.subcomponent
    text = message.text(raw.split(marks, 1)[0] if marks else raw) if raw else None
    return text.strip().replace("\x00", "") if text else ""
