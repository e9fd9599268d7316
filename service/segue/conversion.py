"""What a conversion gives: the Bundle, and everything that is to be said about it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import orjson

from segue.catalogue import SEVERITIES
from segue.hl7 import Message
from segue.issues import Issue
from segue.mapping.ledger import Ignored, LedgerEntry, LineageEntry, Lost, findings
from segue.terminology import Unmapped


@dataclass(frozen=True)
class Conversion:
    """One message converted: the Bundle and everything that is to be said about it."""

    message: Message
    event: str  # ADT^A01
    _out: dict[str, Any]  # shares values with what is remembered: read, never given away
    _texts: list[bytes]  # JSON of its resources
    unmapped: tuple[Unmapped, ...]  # codes without a translation where one is expected, each once (T-40, T-60)
    _told: Callable[[], tuple[Issue, ...]]
    _again: Callable[[], tuple[tuple[LedgerEntry, ...], tuple[LineageEntry, ...]]]

    @cached_property
    def bundle(self) -> dict[str, Any]:
        """The Bundle as a plain dict of the caller's own."""
        return _copy(self._out)

    @cached_property
    def issues(self) -> tuple[Issue, ...]:
        """Everything that is to be said, by severity, then position; worked out when first asked for."""
        return self._told()

    @property
    def control_id(self) -> str:
        return self.message.control_id

    def saying(self, *issues: Issue) -> Conversion:
        """The same conversion with more to be said of it."""
        return replace(self, _told=lambda: _sorted([*self.issues, *issues], self.message))

    def json(self) -> bytes:
        """The Bundle as UTF-8 JSON; decimals with the digits that were sent."""
        entries = [
            {**entry, "resource": orjson.Fragment(text)}
            for entry, text in zip(self._out["entry"], self._texts, strict=True)
        ]
        return orjson.dumps({**self._out, "entry": entries})

    @property
    def type(self) -> str:
        """Of the Bundle."""
        return self._out["type"]

    @property
    def entries(self) -> Iterator[tuple[dict[str, Any], bytes]]:
        """Each entry of the Bundle, which nobody may change, and its resource as JSON."""
        return zip(self._out["entry"], self._texts, strict=True)

    def model(self) -> Any:
        """The Bundle as a fhir.resources R4B model."""
        from fhir.resources.R4B.bundle import Bundle

        return Bundle.model_validate_json(self.json())

    @cached_property
    def _traced(self) -> tuple[tuple[LedgerEntry, ...], tuple[LineageEntry, ...]]:
        return self._again()

    @property
    def ledger(self) -> tuple[LedgerEntry, ...]:
        """Every populated field: mapped to which FHIR paths, ignored by which rule, cleared, or unmapped."""
        return self._traced[0]

    @property
    def lineage(self) -> tuple[LineageEntry, ...]:
        """Every FHIR element with the v2 leaves it came from and the line of the mapping."""
        return self._traced[1]


@dataclass(frozen=True, slots=True)
class Failure:
    """One message of several that could not be converted."""

    index: int  # 0-based in its source
    control_id: str
    issues: tuple[Issue, ...]


@dataclass(frozen=True, slots=True)
class Made:
    """What one run over a message gave, before anybody asked for its issues."""

    bundle: dict[str, Any]
    texts: list[bytes]
    message: Message
    issues: list[Issue]
    unmapped: tuple[Unmapped, ...]
    quiet: bool  # about what found no home
    event: str
    ignored: Ignored
    lost: Lost | None
    ledger: tuple[LedgerEntry, ...] | None
    lineage: tuple[LineageEntry, ...]

    def told(self) -> tuple[Issue, ...]:
        """The issues of the conversion and what the ledger adds."""
        found, _ = findings(self.message, self.issues, self.ignored, self.lost)
        if self.quiet:  # the ledger tells all the same
            found = [one for one in found if one.code != "field.unmapped"]
        return _sorted([*self.issues, *found], self.message)


def _copy(value: Any) -> Any:
    if value.__class__ is dict:
        return {key: _copy(below) for key, below in value.items()}
    if value.__class__ is list:
        return [_copy(below) for below in value]
    return value


_RANK = {severity: n for n, severity in enumerate(SEVERITIES)}


def _sorted(issues: list[Issue], message: Message) -> tuple[Issue, ...]:
    """Each once, by severity, then position in the message (A-33): one field may feed several resources."""
    positions = {(s.name, s.sequence): s.position for s in message.segments}

    def rank(found: Issue) -> tuple[int, int, int]:
        at = found.v2
        return (
            _RANK[found.severity],
            positions.get((at.segment, at.sequence), -1) if at else -1,
            (at.field or 0) if at else 0,
        )

    return tuple(sorted(dict.fromkeys(issues), key=rank))
