"""What a segment map gave when it was rehearsed, to be given again without running the map.

Resource, identity, records, issues and marks, and what was read around the segment: they are played where all of that reads the
same. Nothing that is kept here is changed in place by anybody.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from segue.hl7.message import Marks, Segment
from segue.issues import Location
from segue.terminology import Unmapped

from .context import Context
from .records import Json


class Beyond(Exception):
    """A map asked for more than the text of its segment."""


class Promised:
    """Stands for a record: good for a reference."""

    __slots__ = ("name", "uuid")

    def __init__(self, uuid: str, name: str = "") -> None:
        self.uuid = uuid
        self.name = name  # that finds it

    def __getattr__(self, name: str) -> Any:
        raise Beyond(name)


class Here:
    """Stands for the place in the message, as a key."""

    __slots__ = ("place",)

    def __init__(self, place: Place) -> None:
        self.place = place


class Count:
    """Stands for the number of an occurrence, as a part of a key."""

    __slots__ = ("number",)

    def __init__(self, number: int) -> None:
        self.number = number


class Place(NamedTuple):
    """Where something lay, in the segment of the map or in the one of another name near it."""

    at: Location
    near: str  # "" = in the map's own

    def here(self, ctx: Context, segment: Segment) -> Spot:
        return Spot(ctx.near(segment, self.near) if self.near else segment, self.at)


class Told(NamedTuple):
    """An issue, where it lay, and whether it is told once a message."""

    code: str
    at: Place | None
    rule: str | None
    value: str | None
    once: bool

    def play(self, ctx: Context, segment: Segment) -> None:
        if self.once and self.value is not None:
            if (self.code, self.value) in ctx.reported:
                return
            ctx.reported.add((self.code, self.value))
        spot = self.at.here(ctx, segment) if self.at is not None else None
        ctx.report(self.code, spot, rule=self.rule, value=self.value)


class Added(NamedTuple):
    """A record that a data type made."""

    resource: Json
    key: tuple[Any, ...]
    identifier: tuple[str, str] | None
    verb: str
    at: Place | None
    uuid: str

    def play(self, ctx: Context, segment: Segment) -> None:
        there = ctx.known.get(self.key)
        spot = None
        if there is not None:
            if there.source == self.resource:
                return
            spot = self.at.here(ctx, segment) if self.at is not None else None
        ctx.recall(self.resource, self.key, self.identifier, self.verb, spot, self.uuid)


class Field(NamedTuple):
    """A field of a segment near the map's own that was read, "" where it or the segment is absent."""

    segment: str
    number: int
    raw: str


class Named(NamedTuple):
    """The record of a name (`Context.named`) that was asked for, by its identity."""

    name: str
    uuid: str | None

    def holds(self, ctx: Context, segment: Segment) -> bool:
        found = ctx.named(self.name)
        return self.uuid == (found.uuid if found is not None else None)


class Nearest(NamedTuple):
    """The instance of a name in the groups around that was asked for, by its identity; and whether the map's own segment made it."""

    name: str
    uuid: str | None
    own: bool

    def holds(self, ctx: Context, segment: Segment) -> bool:
        found = ctx.scope.nearest(self.name)
        if found is None:
            return self.uuid is None
        return found.record.uuid == self.uuid and (found.segment is segment) is self.own


class Given(NamedTuple):
    """What a map gave. `key` is None where the identity needs more than texts."""

    resource: Json | None
    key: tuple[Any, ...] | None
    identifier: tuple[str, str] | None
    uuid: str | None
    effects: tuple[Told | Added, ...]
    marks: Marks | None
    fields: tuple[
        tuple[str, tuple[tuple[int, str], ...]], ...
    ]  # read of segments near it: name, and number with text of each
    asked: tuple[Named | Nearest, ...]
    near: tuple[tuple[str, Marks], ...]  # marks on segments near it
    open: tuple[tuple[int, Any], ...]  # parts of the key that only the message tells, with their places
    counted: tuple[tuple[str, ...], ...]  # codes that were counted for the key
    unmapped: tuple[Unmapped, ...]  # codes without a translation
    nothing: bool  # whatever stands around: no resource, no effect, no mark

    def holds(self, ctx: Context, segment: Segment) -> bool:
        """Whether all that the map read around its segment reads the same here."""
        for name, fields in self.fields:
            cells = ctx.near(segment, name).cells
            for number, raw in fields:
                if cells[number] != raw:
                    return False
        for one in self.asked:  # noqa: SIM110 – on the hot path
            if not one.holds(ctx, segment):
                return False
        return True

    def key_here(self, ctx: Context, segment: Segment) -> tuple[Any, ...]:
        """The key, with the records of this message that it names and what else only this message tells."""
        assert self.key is not None
        if not self.open:
            return self.key
        counts = [ctx.occurrence(segment, code) for code in self.counted] if self.counted else ()
        parts = list(self.key)
        for index, part in self.open:
            kind = part.__class__
            if kind is Promised:
                parts[index] = ctx.named(part.name)
            elif kind is Count:
                parts[index] = counts[part.number]
            else:
                parts[index:] = ctx.place(part.place.here(ctx, segment))
        return tuple(parts)

    def play(self, ctx: Context, segment: Segment) -> Json | None:
        """Does to the context and the segment what the map would do; the resource, which is to be copied."""
        for effect in self.effects:
            effect.play(ctx, segment)
        if self.marks is not None:
            segment.mark(self.marks)
        for name, marks in self.near:
            ctx.near(segment, name).mark(marks)
        for one in self.unmapped:
            ctx.unmapped[one] = None
        return self.resource


class Spot:
    """A place in a segment, known from another one of the same text."""

    __slots__ = ("at", "segment")

    def __init__(self, segment: Segment, at: Location) -> None:
        self.segment, self.at = segment, at

    def location(self, number: int | None = None) -> Location:
        at = self.at
        return Location(
            self.segment.name, self.segment.sequence, at.field, at.repetition, at.component, at.subcomponent
        )
