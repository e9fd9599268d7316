"""Code maps in memory (T-23…T-26, T-29): which translation a code of a field of a sender has.

    sender+field ▸ sender ▸ site ▸ pack ▸ all: first hit wins; then what the maps say of codes without a row

Each file is parsed once into plain dicts, [sender, field] ▸ system ▸ code ▸ target, and never changed. A sender's view
lists the dicts that concern it, nearest first. Refuses to know messages, and which element takes the target.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from segue.terminology import conceptmap, maprows
from segue.terminology.conceptmap import MapDocument, url_of
from segue.terminology.maprows import FIXED, OTHER_MAP, PROVIDED, MapRow, Resolve, sender_key, system_of
from segue.terminology.rows import Source, TerminologyError
from segue.terminology.tables import Target
from segue.terminology.translation import APPLIED, NEVER, Found

_new: Callable[[type[Found], tuple[object, ...]], Found] = tuple.__new__  # pyright: ignore[reportUnknownMemberType, reportAssignmentType, reportUnknownVariableType]
TEXT = "\0"  # before a source text that stands for itself, where its row has no code
Scope = tuple[str, str]  # sender, field; "" any


class Rule(NamedTuple):
    """A row that is not plain: a condition, another equivalence than equivalent, or no target."""

    target: Target | None
    equivalence: str
    unit: str
    valid_from: str
    valid_to: str


Codes = dict[str, Target | tuple[Rule, ...]]
Systems = dict[str, Codes]


class Fallback(NamedTuple):
    """What becomes of the codes of a system that have no row (ConceptMap.group.unmapped)."""

    mode: str
    system: str  # of `provided`; the URL of an `other-map`
    target: Target | None  # of `fixed`
    line: int


Fallbacks = dict[str, Fallback]  # by system


class MapFile:
    """The rows of one file of one folder; `level` counts the folders, later ones stand before earlier ones."""

    __slots__ = ("dated", "fallbacks", "level", "name", "scopes", "urls")

    def __init__(self, source: Source, resolve: Resolve) -> None:
        self.name = source.name
        self.level = source.level
        self.scopes: dict[Scope, Systems] = {}
        self.fallbacks: dict[Scope, Fallbacks] = {}
        self.urls: dict[str, tuple[Systems, Fallbacks]] = {}  # of each map, for `other-map`
        self.dated = False
        builder = _Builder(self, resolve)
        if source.name.endswith(".json"):
            for document in conceptmap.read(source, resolve):
                builder.document(document)
        else:
            for row, line in maprows.read(source, resolve):
                builder.add(row, line, None)


class _Builder:
    """Puts rows where they are looked for."""

    def __init__(self, file: MapFile, resolve: Resolve) -> None:
        self.file = file
        self.resolve = resolve
        self.keys: dict[str, str] = {}
        self.targets: dict[str, str] = {}
        self.senders: dict[str, str] = {}

    def document(self, document: MapDocument) -> None:
        own: tuple[Systems, Fallbacks] = {}, {}
        for row in document.rows:
            self.add(row, 1, own)
        self.file.urls[document.url] = own

    def add(self, row: MapRow, line: int, own: tuple[Systems, Fallbacks] | None) -> None:
        sender = self.senders.get(row.sender)
        if sender is None:
            sender = self.senders[row.sender] = sender_key(row.sender)
        key = self.keys.get(row.source_system)
        if key is None:
            key = self.keys[row.source_system] = system_key(row.source_system, self.resolve)
        scope = sender, row.field
        systems = self.file.scopes.get(scope)
        if systems is None:
            fallbacks: Fallbacks = {}
            systems = self.file.scopes[scope] = {}
            self.file.fallbacks[scope] = fallbacks
            if own is None:
                self.file.urls[url_of(row.sender, row.field)] = systems, fallbacks
        if row.mode:
            self.fall(row, key, line, self.file.fallbacks[scope])
            if own is not None:
                self.fall(row, key, line, own[1])
        elif not row.undecided:
            code = row.source_code or TEXT + row.source_text
            rule = self.rule(row)
            put(systems.setdefault(key, {}), code, rule)
            if own is not None:
                put(own[0].setdefault(key, {}), code, rule)

    def fall(self, row: MapRow, key: str, line: int, fallbacks: Fallbacks) -> None:
        if key in fallbacks:
            raise TerminologyError("two rows say what becomes of codes without a row", self.file.name, line)
        system = row.target_system if row.mode == OTHER_MAP else system_of(row.target_system, self.resolve) or ""
        target = Target(system, row.target_code, row.target_display, True) if row.mode == FIXED else None
        fallbacks[key] = Fallback(row.mode, system, target, line)

    def rule(self, row: MapRow) -> Target | Rule:
        target: Target | None = None
        equivalence = row.equivalence or "equivalent"
        if row.target_code:
            system = self.targets.get(row.target_system)
            if system is None:
                system = self.targets[row.target_system] = system_of(row.target_system, self.resolve) or ""
            target = Target(system, row.target_code, row.target_display, equivalence not in APPLIED)
        if target is not None and equivalence in APPLIED and not (row.source_unit or row.valid_from or row.valid_to):
            return target
        self.file.dated = self.file.dated or bool(row.valid_from or row.valid_to)
        days = (row.valid_from.replace("-", ""), row.valid_to.replace("-", ""))
        return Rule(target, equivalence, row.source_unit, *days)


def put(codes: Codes, code: str, rule: Target | Rule) -> None:
    """Adds a row to those of its key: several give several codings (T-26)."""
    before = codes.get(code)
    if before is None and rule.__class__ is Target:
        codes[code] = rule  # pyright: ignore[reportArgumentType]
        return
    rows = () if before is None else before if not isinstance(before, Target) else (_plain(before),)
    codes[code] = (*rows, rule if isinstance(rule, Rule) else _plain(rule))


def _plain(target: Target) -> Rule:
    return Rule(target, "equivalent", "", "", "")


def system_key(name: str, resolve: Resolve) -> str:
    """What a source system is found by: its URI, else the local name without regard to case."""
    return system_of(name, resolve) or name.casefold()


class Maps:
    """All files of a terminology. `unit` gives the UCUM code of a unit: two spellings of one unit are one key."""

    def __init__(self, files: Iterable[MapFile], unit: Callable[[str], str | None]) -> None:
        self.files = tuple(sorted(files, key=lambda file: (-file.level, file.name)))
        self.unit = unit
        self.urls = {url: found for file in reversed(self.files) for url, found in file.urls.items()}
        self.dated = any(file.dated for file in self.files)
        self._senders: dict[str, SenderMaps | None] = {}
        for file in self.files:
            for fallbacks in file.fallbacks.values():
                for found in fallbacks.values():
                    if found.mode == OTHER_MAP:
                        self._check(found.system, file.name, found.line)

    def _check(self, url: str, name: str, line: int) -> None:
        """An `other-map` leads to a map that is there, and never back to itself (T-22)."""
        seen: set[str] = set()
        ahead = [url]
        while ahead:
            url = ahead.pop()
            if url not in self.urls:
                raise TerminologyError(f"no map has the URL {url!r}", name, line)
            if url in seen:
                raise TerminologyError(f"the maps lead in a circle at {url!r}", name, line)
            seen.add(url)
            ahead += {found.system for found in self.urls[url][1].values() if found.mode == OTHER_MAP}

    def for_sender(self, sender: str) -> SenderMaps | None:
        """The view of a sender, MSH-3.1|MSH-4.1; None where no map concerns it."""
        if sender not in self._senders:
            if len(self._senders) >= 4096:
                self._senders.clear()
            self._senders[sender] = self._view(sender)
        return self._senders[sender]

    def _view(self, sender: str) -> SenderMaps | None:
        application, _, facility = sender.partition("|")
        keys = tuple(dict.fromkeys(k for k in (sender_key(sender), f"{application}|", f"|{facility}") if k.strip("|")))
        known = {scope[0] for file in self.files for scope in file.scopes}
        if not known.intersection((*keys, "")):
            return None
        return SenderMaps(self, keys)

    def scopes(self, keys: tuple[str, ...], field: str) -> list[tuple[MapFile, Scope]]:
        """Where to look, nearest first (T-23)."""
        fields = (field, "") if field else ("",)
        named = [(file, (key, name)) for name in fields for key in keys for file in self.files]
        return named + [(file, ("", name)) for file in self.files for name in fields]


class SenderMaps:
    """What concerns one sender. `find` is on the hot path: a million a second (T-29)."""

    __slots__ = ("_covered", "_fallbacks", "_keys", "_levels", "_maps")

    def __init__(self, maps: Maps, keys: tuple[str, ...]) -> None:
        self._maps = maps
        self._keys = keys
        self._covered = {
            field for file in maps.files for key, field in file.scopes if field and (not key or key in keys)
        }
        self._levels: dict[str, tuple[Systems, ...]] = {}
        self._fallbacks: dict[str, list[Fallbacks]] = {}

    @property
    def dated(self) -> bool:
        """Whether the date of a message may matter."""
        return self._maps.dated

    def covers(self, field: str) -> bool:
        """Whether some map of the sender is for this field by name: then a translation is expected there."""
        return field in self._covered

    def find(
        self, field: str, system: str, code: str, unit: str = "", date: str = "", loose: frozenset[str] = frozenset()
    ) -> Found | None:
        """The translation of a code. `system` is a URI, else the name as sent; `date` as in MSH-7, YYYYMMDD.

        None: no row. Without targets: a row says that there is none, or none that may be applied (T-25).
        """
        levels = self._levels.get(field)
        if levels is None:
            levels = self._looked_up(field)
        for level in levels:
            codes = level.get(system)
            if codes is None:
                codes = level.get(system.casefold())
                if codes is None:
                    continue
            hit = codes.get(code)
            if hit is None:
                continue
            if hit.__class__ is Target:
                return _new(Found, ((hit,), "equivalent", "map"))  # three times as fast as the call
            found = self._chosen(hit, unit, date, loose)  # pyright: ignore[reportArgumentType]
            if found is not None:
                return found
        fallbacks = self._fallbacks[field]
        return self._otherwise(fallbacks, system, code, unit, date, loose) if fallbacks else None

    def _looked_up(self, field: str) -> tuple[Systems, ...]:
        where = self._maps.scopes(self._keys, field)
        self._fallbacks[field] = [found for file, scope in where if (found := file.fallbacks.get(scope))]
        found = self._levels[field] = tuple(found for file, scope in where if (found := file.scopes.get(scope)))
        return found

    def _chosen(self, rules: tuple[Rule, ...], unit: str, date: str, loose: frozenset[str]) -> Found | None:
        """Rows that hold for the unit and the day: those that name the unit before those that do not (T-21, T-23)."""
        valid = [rule for rule in rules if _holds(rule, date)]
        if not valid:
            return None
        measured = [rule for rule in valid if rule.unit]
        if measured:
            key = self._maps.unit(unit) or unit
            same = [
                rule
                for rule in measured
                if unit and (rule.unit == unit or (self._maps.unit(rule.unit) or rule.unit) == key)
            ]
            valid = same or [rule for rule in valid if not rule.unit]
            if not valid:
                return None
        good = [rule for rule in valid if rule.equivalence in APPLIED] or [
            rule for rule in valid if rule.equivalence in loose and rule.equivalence not in NEVER
        ]
        targets = tuple(dict.fromkeys(rule.target for rule in good if rule.target is not None))
        return Found(targets, (good or valid)[0].equivalence)

    def _otherwise(
        self, fallbacks: list[Fallbacks], system: str, code: str, unit: str, date: str, loose: frozenset[str]
    ) -> Found | None:
        """What the maps say of a code without a row; an `other-map` may itself point on."""
        if code.startswith(TEXT):
            return None
        for one in fallbacks:
            found = one.get(system) or one.get(system.casefold())
            if found is None:
                continue
            if found.mode == FIXED and found.target is not None:
                return Found((found.target,), FIXED)
            if found.mode == PROVIDED:
                return Found((Target(found.system, code, "", False),), PROVIDED)
            systems, further = self._maps.urls[found.system]
            codes = systems.get(system) or systems.get(system.casefold()) or {}
            hit = codes.get(code)
            if hit is not None:
                beyond = self._chosen((_plain(hit),) if isinstance(hit, Target) else hit, unit, date, loose)
            else:
                beyond = self._otherwise([further], system, code, unit, date, loose)
            if beyond is not None:
                return beyond
        return None


def _holds(rule: Rule, date: str) -> bool:
    if not rule.valid_from and not rule.valid_to:
        return True
    return bool(date) and rule.valid_from <= date and (not rule.valid_to or date <= rule.valid_to)
