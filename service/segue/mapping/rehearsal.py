"""Rehearsals: what a segment map gives for the texts that it reads, to be given again without running the map.

    text comes a second time ─▶ the map runs on a stand-in of the segment, before a stand-in of the context
                                  ├─ asked for what no text decides: never repeated, the map runs each time
                                  └─ else: resource, identity, records, issues and marks are kept ─▶ played from then on

The stand-ins know the segment, the fields of segments near it, which are noted when they are read, and what a Memory is a condition
of; whatever else a map asks for ends the rehearsal. So what is kept is exact: a run that read nothing else reads nothing else the
next time, and it is played where all it read is the same. Nothing that was kept is changed in place by anybody.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from segue.hl7.message import WIDTH, Marks, Part, Repetition, Segment

from .compiler import SegmentMap
from .context import Context, Locatable
from .given import Added, Beyond, Count, Field, Given, Here, Named, Nearest, Place, Promised, Told
from .identity import identity
from .records import Json, Record

# What a memory belongs to (see `Converter`) and what its key holds besides the text.
CONDITIONS = frozenset((
    "by_field", "codes", "date", "displays", "event", "maps", "options", "product_version", "sender", "structure", "terminology", "text",
    "trigger", "zone",
))  # fmt: skip
NO_MARKS: Marks = (0, ())
LONGEST = 2048  # characters of a segment worth remembering


class _Nowhere:
    """Stands where the group of the segment would."""

    def __getattr__(self, name: str) -> Any:
        raise Beyond(name)


class _Conditions:
    """What a message shares with all that a memory is for."""

    __slots__ = ("charset", "delimiters")

    def __init__(self, ctx: Context) -> None:
        self.charset, self.delimiters = ctx.message.charset, ctx.message.delimiters

    def __getattr__(self, name: str) -> Any:
        raise Beyond(name)


class _Number:
    """Stands for a position or a count of the message: good for asking for what stands at this very place, and nothing else."""

    __slots__ = ()

    def _beyond(self, *_: object) -> Any:
        raise Beyond("number")

    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = __hash__ = _beyond  # pyright: ignore[reportAssignmentType]
    __add__ = __radd__ = __sub__ = __rsub__ = __index__ = __int__ = __str__ = __format__ = _beyond  # pyright: ignore[reportAssignmentType]


class _Fields:
    """Fields of a segment near the map's own: each that is read is noted."""

    __slots__ = ("_cells", "_name", "_reads", "_there")

    def __init__(self, name: str, real: Segment, reads: dict[Any, None]) -> None:
        self._name, self._cells, self._there, self._reads = name, real.cells, bool(real.fields), reads

    def __getitem__(self, number: Any) -> str:
        if not isinstance(number, int) or number < 1:
            raise Beyond("fields")
        raw = self._cells[number]
        self._reads[Field(self._name, number, raw)] = None
        return raw

    def __bool__(self) -> bool:
        return self._there

    def __len__(self) -> int:
        return WIDTH  # what is absent reads as empty, and is noted

    def __add__(self, other: object) -> Any:
        raise Beyond("fields")

    def __getattr__(self, name: str) -> Any:
        raise Beyond(name)


class _Alone:
    """Notes and runs of segments by position: the rehearsed segment has none, others are not known."""

    __slots__ = ("position",)

    def __init__(self, position: object) -> None:
        self.position = position

    def get(self, position: object, default: Any = None) -> Any:
        if position is not self.position:
            raise Beyond("position")
        return default

    def __contains__(self, position: object) -> bool:
        return self.get(position) is not None

    def __getattr__(self, name: str) -> Any:
        raise Beyond(name)

    def __iter__(self) -> Iterator[int]:
        raise Beyond("positions")


class _Scope:
    """The instances around, good for references."""

    __slots__ = ("_stage",)

    def __init__(self, stage: Any) -> None:
        self._stage = stage

    def nearest(self, name: str) -> _Instance | None:
        found = self._stage._ctx.scope.nearest(name)
        own = found is not None and found.segment is self._stage._segment
        self._stage.reads[Nearest(name, found.record.uuid if found is not None else None, own)] = None
        return _Instance(found.record.uuid, self._stage._alone if own else None) if found is not None else None

    def __getattr__(self, name: str) -> Any:
        raise Beyond(name)


class _Instance:
    """An instance, good for a reference and for asking whether this very segment made it."""

    __slots__ = ("record", "segment")

    def __init__(self, uuid: str, segment: Segment | None) -> None:
        self.record, self.segment = Promised(uuid), segment or _Nowhere()

    def __getattr__(self, name: str) -> Any:
        raise Beyond(name)


class _StandIn:
    """A Context that knows the conditions and writes down what is done to it."""

    __slots__ = (
        "_alone", "_ctx", "_segment", "effects", "memo", "message", "missed", "nearby", "notes", "reads", "runs", "scope",
        "tally", "traces", "translator", "unmapped",
    )  # fmt: skip

    nearby: dict[str, Segment]

    def __init__(self, ctx: Context, segment: Segment, alone: Segment) -> None:
        start = object.__setattr__
        start(self, "_ctx", ctx)
        start(self, "_alone", alone)
        start(self, "_segment", segment)
        start(self, "tally", [])
        start(self, "effects", [])
        start(self, "message", _Conditions(ctx))
        start(self, "nearby", {})
        start(self, "reads", {})
        start(self, "scope", _Scope(self))
        start(self, "memo", None)
        start(self, "traces", None)
        start(self, "missed", [])
        start(self, "unmapped", {})
        if ctx.translator is None:  # one that is there may answer differently another time
            start(self, "translator", None)
        start(self, "notes", _Alone(alone.position))
        start(self, "runs", _Alone(alone.position))

    def __getattr__(self, name: str) -> Any:
        if name in CONDITIONS:
            return getattr(self._ctx, name)
        raise Beyond(name)

    def __setattr__(self, name: str, value: Any) -> None:
        raise Beyond(name)

    def report(
        self, code: str, node: Locatable | None = None, number: int | None = None, *, rule: str | None = None,
        value: str | None = None, once: bool = False,
    ) -> None:  # fmt: skip
        self.effects.append(Told(code, self._place(node, number), rule, value, once))

    def _place(self, node: Locatable | None, number: int | None) -> Place | None:
        """The place of a node of the rehearsed segment, or of one near it."""
        if node is None:
            return None
        at = node.location(number)
        if at.sequence is self._alone.sequence:
            return Place(at, "")
        for name, segment in self.nearby.items():
            if at.sequence is segment.sequence:
                return Place(at, name)
        raise Beyond("location")

    def notice(self, code: str, node: Locatable, number: int | None, key: str, rule: str) -> None:
        self.report(code, node, number, rule=rule, value=key, once=True)

    def add(
        self, resource: Json, key: Sequence[Any], identifier: tuple[str, str] | None = None, verb: str = "",
        node: Locatable | None = None,
    ) -> Promised:  # fmt: skip
        full = (resource["resourceType"], *key)
        uuid = _uuid(full)
        if uuid is None or not all(part is None or part.__class__ is str for part in key):
            raise Beyond("key")
        self.effects.append(Added(resource, full, identifier, verb, self._place(node, None), uuid))
        return Promised(uuid)

    def recall(
        self,
        resource: Json,
        key: tuple[Any, ...],
        identifier: tuple[str, str] | None,
        verb: str,
        node: Locatable | None,
    ) -> Promised:
        return self.add(resource, key[1:], identifier, verb, node)

    def reference(self, record: Promised) -> Json:
        return {"reference": "urn:uuid:" + record.uuid}

    def extended(self, reference: Json, extension: Json) -> Json:
        return {**reference, "extension": [extension]}

    def place(self, node: Locatable) -> tuple[Here, ...]:
        place = self._place(node, None)
        assert place is not None
        return (Here(place),)

    def occurrence(self, segment: Segment, code: tuple[str, ...]) -> Any:
        if segment is not self._alone:  # pyright: ignore[reportUnnecessaryComparison]
            raise Beyond("occurrence")
        self.tally.append(code)
        return Count(len(self.tally) - 1)

    def unmark(self, node: Repetition | Part, component: int) -> None:
        raise Beyond("unmark")  # it may be another map's mark

    def near(self, segment: Segment, name: str) -> Segment:
        """A stand-in of the nearest segment of that name; whether there is one is its first read."""
        if segment is not self._alone:  # pyright: ignore[reportUnnecessaryComparison]
            raise Beyond("near")
        if name in self.nearby:
            return self.nearby[name]
        real = self._ctx.near(self._segment, name)
        found: Segment = _stand_in(real)
        self.nearby[name] = found
        found.watch(_Fields(name, real, self.reads))
        self.reads[Field(name, 0, real.name)] = None
        return found

    def named(self, name: str) -> Promised | None:
        found: Record | None = self._ctx.named(name)
        self.reads[Named(name, found.uuid if found is not None else None)] = None
        return Promised(found.uuid, name) if found is not None else None

    def convert(self, name: str, node: Repetition | Part) -> Json | None:
        given: Callable[..., Json | None] = self.maps["given_" + name.replace(".", "_")]
        return given(self, node)

    def person(self, node: Repetition | Part) -> Json | None:
        return self.convert("XCN.Practitioner", node)


def _uuid(key: tuple[Any, ...]) -> str | None:
    """Of a key of texts and of records that are found by name; None where only the message tells it."""
    parts: list[str | None] = []
    for part in key:
        if part is None or part.__class__ is str:
            parts.append(part)
        elif part.__class__ is Promised:
            if not part.name:
                raise Beyond("key")
            parts.append(part.uuid)
        elif part.__class__ is Here or part.__class__ is Count:
            return None
        else:
            raise Beyond("key")
    return identity(parts)


def _stand_in(segment: Segment) -> Any:
    """A segment of the same text that knows nothing of where it stands."""
    alone: Any = segment.alone()
    alone.group, alone.position, alone.sequence = _Nowhere(), _Number(), _Number()
    return alone


def rehearse(ctx: Context, one: SegmentMap, segment: Segment) -> Given | None:
    """What a map gives for a segment's text alone; None where it needs more."""
    alone = _stand_in(segment)
    stage: Any = _StandIn(ctx, segment, alone)
    try:
        resource = one.build(stage, alone)
        marks = alone.marks()
    except Exception:  # whatever a map makes of stand-ins is no fault: the map itself runs then, and tells
        return None
    if stage.tally:
        return None
    effects, unmapped = tuple(stage.effects), tuple(stage.unmapped)
    key = identifier = uuid = None
    if resource is not None:
        try:
            key, identifier = one.key(stage, alone, resource)
            if len(stage.effects) > len(effects) or len(stage.unmapped) > len(unmapped) or alone.marks() != marks:
                key = identifier = None  # it does more than name
            else:
                key = (resource["resourceType"], *key)
                uuid = _uuid(key)
        except Exception:
            key = identifier = None
    near = tuple((name, found) for name, segment in stage.nearby.items() if (found := segment.marks()) != NO_MARKS)
    fields: dict[str, list[tuple[int, str]]] = {}
    for read in stage.reads:
        if read.__class__ is Field:
            fields.setdefault(read.segment, []).append((read.number, read.raw))
    asked = tuple([read for read in stage.reads if read.__class__ is not Field])
    nothing = resource is None and not effects and not unmapped and not stage.reads and marks == NO_MARKS
    told = [(n, part) for n, part in enumerate(key or ()) if part.__class__ in (Promised, Here, Count)]
    return Given(
        resource, key, identifier, uuid, effects, marks if marks != NO_MARKS else None,
        tuple([(name, tuple(found)) for name, found in fields.items()]), asked, near, tuple(told),
        tuple(stage.tally) if key is not None else (), unmapped, nothing,
    )  # fmt: skip
