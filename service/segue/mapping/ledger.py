"""The ledger: what became of every populated leaf of a message (promise 1, R-NF-9, R-KEEP).

A leaf is *mapped* when a map marked it, *ignored* when a rule says so, else *unmapped*. Marks are at three levels: the field as a
whole, a component, a sub-component. Nulls are *cleared*: the sender deleted, there is nothing to carry.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Literal, NamedTuple

from segue.hl7.message import HEADERS, NULL, Marks, Message, Repetition, Segment
from segue.issues import Issue, Location, issue

from .context import Context
from .records import Json, Record

State = Literal["mapped", "ignored", "unmapped", "cleared"]
Ignored = Mapping[tuple[str, int, int], str]
ENVELOPE = frozenset(("FHS", "BHS", "BTS", "FTS"))


class LedgerEntry(NamedTuple):
    """One populated leaf: where it stands, what became of it, in which FHIR paths, by which rule."""

    v2: Location
    state: State
    fhir: tuple[str, ...] = ()
    rule: str = ""


class LineageEntry(NamedTuple):
    """One FHIR element: the v2 leaves it came from and the line of the mapping that says so."""

    fhir: str
    v2: tuple[Location, ...]
    rule: str


Found = tuple[Segment, Location, str, State, str]
# Text and marks by their identity ▸ those marks, so that they live as long as their identity is used, sequence and issues.
Lost = dict[tuple[Any, ...], tuple[list[Marks], int, list[Issue]]]
LIMIT = 4096  # entries; they start anew when full


def leaves(message: Message, ignored: Ignored) -> Iterator[Found]:
    """Every populated leaf: segment, location, raw text, state, rule."""
    for segment in message.segments:
        if segment.name in ENVELOPE:
            continue
        for number, raw in enumerate(segment.fields):
            if number and raw and not raw.isspace():
                rule = ignored.get((segment.name, number, 0))
                if rule is not None:
                    yield segment, segment.location(number), raw, "ignored", rule
                elif not (segment.name in HEADERS and number <= 2):
                    yield from _leaves_of(segment, number, ignored, mapped=True)


def _leaves_of(segment: Segment, number: int, ignored: Ignored, *, mapped: bool) -> Iterator[Found]:
    """The leaves of one field; those that found a home only when asked for."""
    whole, name, sequence = segment.used >> number & 1, segment.name, segment.sequence
    for repetition in segment.repetitions(number):
        used, components, index = repetition.used, repetition.components, repetition.index
        done = whole or used & 1
        if done and len(components) == 2:
            if repetition.raw == NULL:
                yield segment, repetition.location(), repetition.raw, "cleared", "R-NULL-3"
            elif mapped and repetition.raw.strip():
                yield segment, repetition.location(), repetition.raw, "mapped", ""
            continue
        for c, component in enumerate(components):
            if c == 0 or not component or component.isspace():
                continue
            if component == NULL:
                yield segment, Location(name, sequence, number, index, c), component, "cleared", "R-NULL-3"
            elif (rule := ignored.get((name, number, c))) is not None:
                yield segment, Location(name, sequence, number, index, c), component, "ignored", rule
            elif done or used >> c & 1:
                if mapped:
                    yield segment, Location(name, sequence, number, index, c), component, "mapped", ""
            else:
                yield from _subs_of(segment, repetition, c, component, mapped=mapped)


def _subs_of(segment: Segment, repetition: Repetition, number: int, component: str, *, mapped: bool) -> Iterator[Found]:
    bits = repetition.marked(number)
    if not bits:
        yield segment, repetition.location(number), component, "unmapped", ""
        return
    part = repetition.part(number)
    for s, sub in enumerate(part.components):
        if s and sub.strip():
            if sub == NULL:
                yield segment, part.location(s), sub, "cleared", "R-NULL-3"
            elif not (bits & 1 or bits >> s & 1):
                yield segment, part.location(s), sub, "unmapped", ""
            elif mapped:
                yield segment, part.location(s), sub, "mapped", ""


def findings(
    message: Message, known: Iterable[Issue], ignored: Ignored, lost: Lost | None = None
) -> tuple[list[Issue], list[tuple[Segment, Location, str]]]:
    """Issues for what found no home or was cleared, one a field, and the residue itself (R-ISS-9, R-ISS-6).

    With `lost`, what was found before of a segment of the same text and marks is found again, and its residue left out.
    """
    issues: list[Issue] = []
    residue: list[tuple[Segment, Location, str]] = []
    told = {
        (i.v2.segment, i.v2.sequence, i.v2.field)
        for i in known
        if i.v2 is not None and i.severity in ("error", "fatal")
    }
    for segment in message.segments:
        if segment.name in ENVELOPE:
            continue
        if lost is None or told or segment.line is None or (marks := segment.promised) is None:
            _segment(segment, ignored, issues, residue, told)
            continue
        key = (segment.line, *map(id, marks))
        found = lost.get(key)
        if found is None:
            fresh: list[Issue] = []
            _segment(segment, ignored, fresh, residue, told)
            if len(lost) >= LIMIT:
                lost.clear()
            found = lost[key] = marks, segment.sequence, fresh
        _, sequence, before = found
        issues += before if sequence == segment.sequence else [_elsewhere(one, segment.sequence) for one in before]
    return issues, residue


def _elsewhere(one: Issue, sequence: int) -> Issue:
    """The issue of another segment of that name."""
    assert one.v2 is not None
    return replace(one, v2=one.v2._replace(sequence=sequence))


def _segment(
    segment: Segment,
    ignored: Ignored,
    issues: list[Issue],
    residue: list[tuple[Segment, Location, str]],
    told: set[tuple[str, int, int | None]],
) -> None:
    start = 3 if segment.name in HEADERS else 1
    used, name = segment.used, segment.name
    for number, raw in enumerate(segment.fields):
        if number < start or not raw or (used >> number & 1 and raw != NULL) or raw.isspace():
            continue
        if (name, number, 0) not in ignored:
            _field(segment, number, ignored, issues, residue, told=(name, segment.sequence, number) in told)


def _field(
    segment: Segment,
    number: int,
    ignored: Ignored,
    issues: list[Issue],
    residue: list[tuple[Segment, Location, str]],
    *,
    told: bool,
) -> None:
    """What one field lost or cleared; a single value whose fault is told already is not told again."""
    if _all_home(segment, number, ignored):
        return
    lost: list[tuple[Segment, Location, str]] = []
    cleared: Location | None = None
    for _, where, raw, state, _ in _leaves_of(segment, number, ignored, mapped=False):
        if state == "unmapped":
            lost.append((segment, where, raw))
        elif state == "cleared" and cleared is None:
            cleared = where
    residue += lost
    if len(lost) > told:
        where = lost[0][1]
        beyond = (where.repetition or 1) > 1 and where.component in (None, 1)
        issues.append(
            issue(
                "field.repetition-beyond" if beyond else "field.unmapped",
                where,
                rule="R-REP-2" if beyond else "R-KEEP-3",
            )
        )
    if cleared is not None:
        issues.append(issue("field.cleared", cleared, rule="R-NULL-3"))


def _all_home(segment: Segment, number: int, ignored: Ignored) -> bool:
    """Whether every leaf of a field found a home or is ignored and none is cleared, as nearly always; makes no leaves of them."""
    whole, name = segment.used >> number & 1, segment.name
    for repetition in segment.repetitions(number):
        if NULL in repetition.raw:
            return False
        used, components = repetition.used, repetition.components
        if whole or used & 1 or (used & 2 and len(components) == 2):
            continue
        for c, component in enumerate(components):
            if not component or used >> c & 1 or component.isspace() or (name, number, c) in ignored:
                continue
            bits = repetition.marked(c)
            if not bits:
                return False
            if bits & 1:
                continue
            for s, sub in enumerate(repetition.part(c).components):
                if sub and not bits >> s & 1 and not sub.isspace():
                    return False
    return True


def keep(ctx: Context, residue: list[tuple[Segment, Location, str]], fallback: Record | None) -> None:
    """Residue into the generic extension of the resource built from its segment (R-KEEP-1); a wholly unmapped field once."""
    base = ctx.options.extension_base
    grouped: dict[tuple[int, int | None, int | None], list[tuple[Segment, Location, str]]] = {}
    for segment, where, raw in residue:
        if segment.name == "UAC":
            continue  # R-SEC-5
        grouped.setdefault((segment.position, where.field, where.repetition), []).append((segment, where, raw))
    for (position, number, index), parts in grouped.items():
        segment = parts[0][0]
        owner = owner_of(ctx, position) or fallback
        if owner is None or number is None:
            continue
        repetitions = segment.repetitions(number)
        repetition = repetitions[index - 1] if index else None
        untouched = (
            repetition is not None
            and not repetition.used
            and not any(map(repetition.marked, range(len(repetition.components))))
        )
        if segment.name == "OBX" and number == 5 and len(repetition.raw if repetition else "") > 4096:
            continue  # payloads (R-KEEP-2)
        extensions: list[Json] = list(owner.resource.get("extension", ()))
        if untouched and repetition is not None:
            text = decoded(ctx, repetition.components[1:])
            if text:
                owner.resource["extension"] = [
                    *extensions,
                    kept(base, path_of(segment, number, index, len(repetitions), None), text),
                ]
            continue
        for _, where, raw in parts:
            tail = f".{where.component}" if where.component else ""
            tail += f".{where.subcomponent}" if where.subcomponent else ""
            text = decoded(ctx, [raw])
            if text:
                extensions.append(kept(base, path_of(segment, number, index, len(repetitions), tail), text))
        if extensions:
            owner.resource["extension"] = extensions


def decoded(ctx: Context, components: list[str]) -> str:
    return "^".join(ctx.text(c) or "" for c in components).rstrip("^")


def path_of(segment: Segment, number: int, index: int | None, count: int, tail: str | None) -> str:
    repetition = f"[{index}]" if index and count > 1 else ""
    return f"{segment.name}-{number}{repetition}{tail or ''}"


def kept(base: str, path: str, text: str) -> Json:
    return {
        "extension": [{"url": "path", "valueString": path}, {"url": "value", "valueString": text}],
        "url": f"{base}v2-field",
    }


def owner_of(ctx: Context, position: int) -> Record | None:
    """The resource of the segment, else of the nearest one before it."""
    while position >= 0:
        record = ctx.owners.get(position)
        if record is not None and (
            record.type != "Provenance" or "target" in record.resource
        ):  # else it does not leave
            return record
        position -= 1
    return None
