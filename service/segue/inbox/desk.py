"""What a person does with an entry: accept a mapping, ignore, reopen, undo (T-64 to T-66).

    accept ▸ row checked ▸ row in the sender's map ▸ entry mapped; a service sees the row and lets waiting messages go
    undo   ▸ row out of the map ▸ entry open

The row is in the file before the entry says so: what is interrupted in between is accepted again, and the same row is not added twice.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from segue.inbox import mapfile
from segue.inbox.entry import Entry, Key
from segue.inbox.store import ConflictError, Inbox
from segue.terminology import Terminology, TerminologyError
from segue.terminology.maprows import MapRow, fault_of


class Waiting(Protocol):
    """The messages that wait for a code (S-65). A service lets them go, in order, when it sees that a map has it (T-66)."""

    def count(self, key: Key) -> int: ...


class NoneWaiting:
    """A service without a journal: nothing waits."""

    def count(self, key: Key) -> int:
        return 0


class DeskError(Exception):
    """Something that cannot be done: what is wrong – what to do."""


class Effect(NamedTuple):
    """What accepting a row does, told before it is done and after (T-64)."""

    file: str
    row: MapRow
    seen: int  # messages that had the code so far: delivered ones change only by replay
    waiting: int  # messages that go on


class Desk:
    """The inbox, the terminology folder that takes rows, and the messages that wait."""

    def __init__(
        self,
        inbox: Inbox,
        folder: Path | None,
        terminology: Callable[[], Terminology],
        waiting: Waiting | None = None,
    ) -> None:
        """`terminology` gives what is in force: it changes while the service runs (T-28)."""
        self.inbox = inbox
        self.waiting = waiting or NoneWaiting()
        self._terminology = terminology
        self._folder = folder

    @property
    def terminology(self) -> Terminology:
        return self._terminology()

    def entry(self, id: str) -> Entry:
        """Raises DeskError for an id that is none."""
        found = self.inbox.entry(id)
        if found is None:
            raise DeskError("there is no entry of this id – list them")
        return found

    def row(self, one: Entry, target: MapRow, by: str) -> MapRow:
        """The row of a map: what was sent from the entry, the target as given; the comment says who."""
        comment = " ".join(target.comment.split()) or f"accepted by {by}"
        return MapRow(
            *one.key[:4], one.text, one.key.unit, target.target_system, target.target_code, target.target_display,
            target.equivalence or "equivalent", target.valid_from, target.valid_to, comment,
        )  # fmt: skip

    def accept(self, one: Entry, target: MapRow, *, by: str, dry_run: bool = False) -> Effect:
        """Writes one row; raises DeskError, TerminologyError, ConflictError. With `dry_run` nothing is done."""
        (effect,) = self.accept_all([(one, target)], by=by, dry_run=dry_run)
        return effect

    def accept_all(self, decided: Sequence[tuple[Entry, MapRow]], *, by: str, dry_run: bool = False) -> list[Effect]:
        """All rows of a sheet, or none where one of them cannot be used."""
        effects = [self._effect(one, self.row(one, target, by)) for one, target in decided]
        if dry_run:
            return effects
        by_file: dict[str, list[MapRow]] = {}
        for effect in effects:
            by_file.setdefault(effect.file, []).append(effect.row)
        done: list[tuple[str, MapRow]] = []
        try:
            for file, rows in by_file.items():
                mapfile.added(Path(file), rows, self.terminology)
                done += ((file, row) for row in rows)
        except TerminologyError:
            for file, row in done:
                mapfile.removed(Path(file), row, self.terminology)
            raise
        for one in {one.id: one for one, _ in decided}.values():
            own = [e for (other, _), e in zip(decided, effects, strict=True) if other.id == one.id]
            try:
                self.inbox.decide(one, "mapped", "map", by=by, file=own[0].file, rows=[e.row._asdict() for e in own])
            except ConflictError:
                for effect in own:
                    mapfile.removed(Path(effect.file), effect.row, self.terminology)
                raise
        return effects

    def _effect(self, one: Entry, row: MapRow) -> Effect:
        if self._folder is None:
            raise DeskError("no folder takes the row – set terminology.folder")
        if one.table == "UCUM":
            raise DeskError("a unit has no map of codes – add its spelling to units.csv")
        if one.state == "mapped":
            raise DeskError("the entry is mapped already – undo that first")
        if not row.target_code:
            raise DeskError("the row has no target code – fill target_system and target_code, or ignore the entry")
        fault = fault_of(row, self.terminology.system, {})
        if fault is not None:
            raise DeskError(f"the row cannot be used: {fault}")
        choices = self.choices(one)
        if choices and (row.target_system, row.target_code) not in {(system, code) for system, code, _ in choices}:
            raise DeskError(
                f"{row.target_code} is no code that the element takes – {', '.join(c for _, c, _ in choices)}"
            )
        file = str(mapfile.file_of(self._folder, one.key.sender))
        return Effect(file, row, one.count, self.waiting.count(one.key))

    def choices(self, one: Entry) -> list[tuple[str, str, str]]:
        """For a value with a required binding: system, code and display of all that the element takes (T-68); else none."""
        if not one.table or one.table == "UCUM":
            return []
        try:
            table = self.terminology.table(one.table)
        except KeyError:
            return []
        if not table.heading.required:
            return []
        targets = (target for code in table.codes for target in table.targets(code) or ())
        return list(dict.fromkeys((target.system, target.code, target.display) for target in targets))

    def ignore(self, one: Entry, *, by: str, reason: str = "") -> Entry:
        """Closes an entry; counts go on, and other words open it again (T-65)."""
        return self.inbox.decide(one, "ignored", "ignore", by=by, reason=reason)

    def reopen(self, one: Entry, *, by: str, reason: str = "") -> Entry:
        """Opens a closed entry. A row that was accepted stays: see `undo`."""
        if one.state in ("open", "pending"):
            raise DeskError("the entry is open already")
        return self.inbox.decide(one, "open", "reopen", by=by, reason=reason)

    def undo(self, one: Entry, *, by: str, reason: str = "") -> tuple[Entry, bool]:
        """Takes the rows of the last acceptance out of their map; False where one was not there any more."""
        made: dict[str, Any] | None = next((d for d in self.inbox.decisions(one.id) if d["action"] == "map"), None)
        if one.state != "mapped" or made is None:
            raise DeskError("nothing was accepted for this entry")
        rows = [MapRow(**row) for row in made["rows"]]
        gone = [mapfile.removed(Path(made["file"]), row, self.terminology) for row in rows]
        return self.inbox.decide(one, "open", "undo", by=by, reason=reason), all(gone)
