"""The message tree: segments, fields, repetitions, components, read lazily from the decoded text.

    Message ─ Segment ─ Repetition ─ Part          PID-3[2].4.1 = segment.repetitions(3)[1].part(4).components[1]

A segment splits into fields when the message is read; repetitions, components and sub-components split when first
asked for. Index = HL7 number everywhere: `fields[0]` is the segment name, `components[0]` is unused. Text stays as
written: leaves are decoded by `Message.text` (R-ESC-1), which also tells apart absent and `""` (R-NULL-1). `used`
marks what found a home; the ledger is their complement. This module knows no FHIR and no structures.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar
from weakref import ref

from segue.issues import Issue, Location

if TYPE_CHECKING:
    from .grouping import Group

Owner = TypeVar("Owner")
Marks = tuple[
    int, tuple[tuple[int, int, int, "dict[int, int] | None"], ...]
]  # fields; (field, index, components, below)

NULL = '""'
PAD = [""] * 129  # what stands behind the last field: no index check on the hot path
WIDTH = len(PAD)
BLANK = [""] * 32  # the same behind the last component


@dataclass(frozen=True, slots=True)
class Delimiters:
    """MSH-1 and MSH-2 (R-CHAR-6). An absent encoding character is "" and never splits."""

    field: str = "|"
    component: str = "^"
    repetition: str = "~"
    escape: str = "\\"
    subcomponent: str = "&"
    truncation: str = ""


class Part:
    """A component that holds sub-components; the same shape as a repetition, one level down."""

    __slots__ = ("_home", "components", "marks", "number", "raw", "subs", "used")

    def __init__(self, repetition: Repetition, number: int, raw: str, separator: str) -> None:
        self._home = ref(repetition)
        self.number = number
        self.raw = raw
        self.components = ["", *raw.split(separator)] if separator else ["", raw]
        self.used = 0
        self.marks: dict[int, int] | None = None
        self.subs: dict[int, Part] | None = None

    @property
    def cells(self) -> list[str]:
        """The components with empty ones behind them; not kept."""
        return self.components + BLANK

    @property
    def repetition(self) -> Repetition:
        return alive(self._home())

    @property
    def segment(self) -> Segment:
        return self.repetition.segment

    @property
    def field(self) -> int:
        return self.repetition.field

    def location(self, sub: int | None = None) -> Location:
        r = self.repetition
        return Location(r.segment.name, r.segment.sequence, r.field, r.index, self.number, sub)

    def part(self, number: int) -> Part:
        """There is no level below: a sub-component seen as a group of one."""
        raw = self.components[number] if number < len(self.components) else ""
        return Part(self.repetition, self.number, raw, "")


class Repetition:
    """One repetition of a field: `components[n]` is component n as written."""

    __slots__ = (
        "__weakref__",
        "_components",
        "_home",
        "_separator",
        "delimiters",
        "field",
        "index",
        "marks",
        "raw",
        "subs",
        "used",
    )

    def __init__(self, segment: Segment, field: int, index: int, raw: str, separator: str) -> None:
        self._home = segment.home
        self.delimiters = segment.delimiters
        self.field = field
        self.index = index  # 1-based
        self.raw = raw
        self._separator = separator
        self._components: list[str] | None = None
        self.used = 0  # bit n: component n found a home
        self.marks: dict[int, int] | None = None  # component ▸ bits of its sub-components; never changed in place
        self.subs: dict[int, Part] | None = None

    @property
    def segment(self) -> Segment:
        return alive(self._home())

    @property
    def components(self) -> list[str]:
        """Raw components by their number; [0] is unused."""
        found = self._components
        if found is None:
            separator = self._separator
            found = self._components = ["", *self.raw.split(separator)] if separator else ["", self.raw]
        return found

    @property
    def cells(self) -> list[str]:
        """The components with empty ones behind them; not kept."""
        return self.components + BLANK

    def part(self, number: int) -> Part:
        """Component `number` split into sub-components (empty where it is absent)."""
        if self.subs is None:
            self.subs = {}
        found = self.subs.get(number)
        if found is None:
            raw = self.components[number] if number < len(self.components) else ""
            found = self.subs[number] = Part(self, number, raw, self.delimiters.subcomponent)
        return found

    def marked(self, number: int) -> int:
        """Bits of the sub-components of a component that found a home."""
        bits = self.marks.get(number, 0) if self.marks is not None else 0
        part = self.subs.get(number) if self.subs is not None else None
        return bits | part.used if part is not None else bits

    def submarks(self) -> dict[int, int] | None:
        """The marks below components."""
        found = {n: p.used for n, p in self.subs.items() if p.used} if self.subs else None
        return joined(self.marks, found or None)

    def mark(self, subs: dict[int, int] | None) -> None:
        """Adds marks below components."""
        self.marks = joined(self.marks, subs)

    def location(self, component: int | None = None) -> Location:
        segment = self.segment
        return Location(segment.name, segment.sequence, self.field, self.index, component)


class Segment:
    """One segment as it stands in the message."""

    __slots__ = (
        "__weakref__",
        "_cells",
        "_message",
        "_repetitions",
        "_used",
        "delimiters",
        "fields",
        "group",
        "home",
        "line",
        "name",
        "pending",
        "position",
        "sequence",
        "text",
    )

    def __init__(
        self, message: Message, name: str, fields: list[str], position: int, sequence: int, line: str | None = None
    ) -> None:
        self._message = message.home
        self.delimiters = message.delimiters
        self.text = message.text
        self.home = ref(self)
        self.name = name
        self.fields = fields
        self.position = position  # 0-based in the message
        self.sequence = sequence  # 1-based among the segments of this name
        self.line = line  # its text, where `fields` are all of it
        self._used = 0
        self.pending: list[Marks] | None = None  # marks that are to be made when somebody looks
        self.group: Group | None = None  # set by grouping
        self._repetitions: dict[int, list[Repetition]] = {}
        self._cells: list[str] | None = None

    @property
    def message(self) -> Message:
        return alive(self._message())

    @property
    def used(self) -> int:
        """Bit n: field n found a home as a whole."""
        if self.pending is not None:
            self._settle()
        return self._used

    @used.setter
    def used(self, bits: int) -> None:
        self._used = bits

    def alone(self) -> Segment:
        """A segment of the same text that knows no message and no group."""
        copy = Segment(self.message, self.name, self.fields, self.position, self.sequence, self.line)
        copy._message = _nothing
        return copy

    def watch(self, fields: Any) -> None:
        """Puts a list that sees what is read of it in the place of the fields."""
        self.fields = self._cells = fields

    def marks(self) -> Marks:
        """All marks of the segment, to be made on another one of the same text."""
        found: list[tuple[int, int, int, dict[int, int] | None]] = []
        for number, repetitions in self._repetitions.items():
            for index, repetition in enumerate(repetitions):
                below = repetition.submarks()
                if repetition.used or below:
                    found.append((number, index, repetition.used, below))
        return self.used, tuple(found)

    def mark(self, marks: Marks) -> None:
        """Makes marks; not before they are looked at, which most never are."""
        if self.pending is None:
            self.pending = [marks]
        else:
            self.pending.append(marks)

    @property
    def promised(self) -> list[Marks] | None:
        """The marks that are still to be made, where they are all that the segment has."""
        return self.pending if not self._used and not self._repetitions else None

    def _settle(self) -> None:
        pending, self.pending = self.pending, None
        for bits, below in pending or ():
            self._used |= bits
            for number, index, used, subs in below:
                repetition = self.repetitions(number)[index]
                repetition.used |= used
                repetition.mark(subs)

    @property
    def cells(self) -> list[str]:
        """The fields with empty ones behind them; made when first asked for, after reading is done."""
        found = self._cells
        if found is None:
            found = self._cells = self.fields + PAD[len(self.fields) :]
        return found

    def repetitions(self, number: int) -> list[Repetition]:
        """The repetitions of a field, empty ones too (their index counts); [] where the field is absent."""
        if self.pending is not None:
            self._settle()
        found = self._repetitions.get(number)
        return self._split(number) if found is None else found

    def _split(self, number: int) -> list[Repetition]:
        raw = self.fields[number] if number < len(self.fields) else ""
        d = self.delimiters
        if not raw:
            found: list[Repetition] = []
        elif number <= 2 and self.name in HEADERS:
            found = [Repetition(self, number, 1, raw, "")]
        elif d.repetition and d.repetition in raw:
            found = [
                Repetition(self, number, i, text, d.component) for i, text in enumerate(raw.split(d.repetition), 1)
            ]
        else:
            found = [Repetition(self, number, 1, raw, d.component)]
        self._repetitions[number] = found
        return found

    def location(self, number: int | None = None) -> Location:
        return Location(self.name, self.sequence, number)

    def raw(self, number: int) -> str:
        """The field as written, "" where absent."""
        return self.fields[number] if number < len(self.fields) else ""

    def leaf(self, number: int, component: int = 1, sub: int = 1) -> str | None:
        """Decoded text of the first valued repetition's (sub-)component; None where absent or `""`. Makes no tree."""
        raw = self.fields[number] if number < len(self.fields) else ""
        d = self.delimiters
        own = number <= 2 and self.name in HEADERS  # the delimiters themselves
        if d.repetition and d.repetition in raw and not own:
            raw = next(filter(None, raw.split(d.repetition)), "")
        for separator, step in (("" if own else d.component, component), (d.subcomponent, sub)):
            if separator and separator in raw:
                parts = raw.split(separator, step)
                raw = parts[step - 1] if step <= len(parts) else ""
            elif step > 1:
                return None
        return self.text(raw) if raw else None


def alive(found: Owner | None) -> Owner:
    """What a part belongs to. Parts point upwards weakly, so that a message is freed when it is let go, without a collector."""
    if found is None:
        raise ReferenceError("the message of this part is gone: keep the Message while its parts are used")
    return found


def _nothing() -> None:
    """Refers to no message."""


def joined(one: dict[int, int] | None, other: dict[int, int] | None) -> dict[int, int] | None:
    """Marks of both; neither is changed, for they may be shared."""
    if one is None or other is None:
        return one or other
    return {n: one.get(n, 0) | other.get(n, 0) for n in {*one, *other}}


HEADERS = frozenset(("MSH", "FHS", "BHS"))


@dataclass(slots=True, weakref_slot=True)
class Message:
    """A message read: its segments in order, and what was noticed on the way."""

    raw: bytes
    charset: str  # Python codec that decoded it
    delimiters: Delimiters
    text: Callable[[str], str | None]  # raw leaf ▸ decoded text; None for "" and for the null `""`
    segments: list[Segment] = field(default_factory=list[Segment])
    issues: list[Issue] = field(default_factory=list[Issue])
    home: ref[Message] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.home = ref(self)

    @property
    def header(self) -> Segment:
        return self.segments[0]

    def named(self, name: str) -> Iterator[Segment]:
        return (s for s in self.segments if s.name == name)

    def first(self, name: str) -> Segment | None:
        return next(self.named(name), None)

    @property
    def control_id(self) -> str:
        return self.header.leaf(10) or ""

    @property
    def version(self) -> str:
        return self.header.leaf(12) or ""
