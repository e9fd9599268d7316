"""convert(): the pure function from v2 bytes to a Bundle, and the Converter that holds a pack, a terminology and sites.

    bytes ▸ read ▸ structure ▸ groups ▸ maps ▸ identities ▸ Bundle ▸ validation

No I/O, no clock, no random source: the same bytes, pack and options give the byte-identical Bundle (promises 2 and 3).
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cache
from hashlib import blake2b
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

from segue import hl7
from segue.conversion import Conversion, Failure, Made
from segue.fhir.bundle import KINDS, Envelope, Kind, Writing, build, order_keys
from segue.fhir.proof import Proofs
from segue.hl7 import Message
from segue.issues import Issue, Refusal, issue
from segue.mapping import lineage as lines
from segue.mapping.context import Context, Options
from segue.mapping.functions.results import runs
from segue.mapping.ledger import LedgerEntry, LineageEntry, findings, keep
from segue.mapping.memory import Memory
from segue.mapping.messages import Walk
from segue.mapping.pack import Compiled, Pack
from segue.mapping.sites import Site, selected
from segue.mapping.source import MappingError
from segue.mapping.times import Zone, moment, offset_of, zone_named
from segue.options import nearest
from segue.terminology import Displays, Terminology, Translator
from segue.terminology.maprows import FIELD

Residue = Literal["report", "extension", "off"]


class Converter:
    """Converts messages by one pack, one terminology and the sites of the pack. Thread-safe once made."""

    def __init__(
        self,
        pack: Pack | Path | None = None,
        terminology: Terminology | Path | None = None,
        sites: Path | None = None,
        options: Options | None = None,
        translator: Translator | None = None,
        displays: Displays | None = None,
    ) -> None:
        self.translator = translator
        self.displays = displays
        self.pack = pack if isinstance(pack, Pack) else Pack.load(pack, sites)
        self.terminology = (
            terminology
            if isinstance(terminology, Terminology)
            else Terminology.load().overlaid(*([terminology] if terminology else []))
        )
        home = self.pack.folder / "terminology"
        if home.is_dir():
            self.terminology = self.terminology.overlaid(home)
        self.options = options or Options()
        self._sites: dict[str, tuple[Terminology, Options]] = {}
        self._wishes: dict[tuple[Any, ...], tuple[Options, Writing]] = {}
        self._proofs = Proofs()
        self._memories: dict[tuple[Any, ...], Memory] = {}
        self._generation = 0  # of the translator, when what is remembered was learnt

    def fresh(self) -> Converter:
        """The converter of the rules in force: itself, where they do not change."""
        return self

    @property
    def digest(self) -> str:
        """Of mappings, sites, terminology and displays together: names the rules that made a Bundle."""
        displays = self.displays.digest if self.displays is not None else ""
        sites = "".join(self._site(name)[0].digest for name in sorted(self.pack.sites))
        known = f"{self.pack.digest}{self.terminology.digest}{sites}{displays}"
        return blake2b(known.encode(), digest_size=32).hexdigest()

    @property
    def messages(self) -> tuple[str, ...]:
        """The structures that have a map."""
        return tuple(sorted(self.pack.structures))

    def _site(self, name: str | None) -> tuple[Terminology, Options]:
        if name is None:
            return self.terminology, self.options
        found = self._sites.get(name)
        if found is None:
            site = self.pack.sites[name]
            home = site.folder / "terminology" if site.folder is not None else None
            terminology = self.terminology.overlaid(home) if home is not None and home.is_dir() else self.terminology
            _check_policies(site, terminology)
            found = self._sites[name] = terminology, _with_settings(self.options, site)
        return found

    def _wished(
        self, site: str | None, zone: Zone, residue: Residue | None, narrative: bool | None
    ) -> tuple[Options, Writing]:
        """The options of a site with what a call wants otherwise; a few wishes are kept."""
        wish = (site, zone, residue, narrative)
        found = self._wishes.get(wish)
        if found is None:
            options = self._site(site)[1]
            if zone is not None:
                options = replace(options, zone=zone)
            if residue is not None:
                options = replace(options, residue=residue)
            if narrative is not None:
                options = replace(options, narrative=narrative)
            if len(self._wishes) >= 64:
                self._wishes.clear()
            found = self._wishes[wish] = options, _writing(options)
        return found

    def terminology_of(self, site: str | None) -> Terminology:
        """The terminology of a site: its own files over those for all."""
        return self._site(site)[0]

    def check(self) -> None:
        """Reads and compiles everything, of each site too. Raises MappingError or TerminologyError, each with file:line."""
        self.terminology.check()
        for name in (None, *sorted(self.pack.sites)):
            self._site(name)[0].check()
            self.compiled(name)

    def _memory(self, key: tuple[Any, ...]) -> Memory:
        """What was learnt under these conditions; a few conditions at a time, and nothing from before a new translation."""
        if self.translator is not None and self._generation != self.translator.generation:
            self._generation = self.translator.generation
            self._memories.clear()
        found = self._memories.get(key)
        if found is None:
            if len(self._memories) >= 32:
                self._memories.clear()
            found = self._memories[key] = Memory()
        return found

    def compiled(self, site: str | None = None, traced: bool = False) -> Compiled:
        return self.pack.compiled(self._site(site)[0], site, traced)

    def convert(
        self,
        raw: bytes,
        *,
        bundle: Kind = "transaction",
        timezone: str | None = None,
        site: str | None = None,
        charset: str | None = None,
        transport_charset: str | None = None,
        residue: Residue | None = None,
        narrative: bool | None = None,
        report: Sequence[str] = (),
        event: str | None = None,
        strict: bool = False,
    ) -> Conversion:
        """Converts one message. Raises Refusal with coded issues when it cannot, ValueError for an option that does not exist."""
        if bundle not in KINDS:
            raise ValueError(f"bundle is one of {', '.join(KINDS)}")
        if site is not None and site not in self.pack.sites:
            raise ValueError("no site of that name")
        zone = zone_named(timezone) if timezone else None

        def make(traced: bool) -> Made:
            return self._make(
                raw, bundle, zone, site, charset, transport_charset, residue, narrative, event, traced=traced
            )

        def again() -> tuple[tuple[LedgerEntry, ...], tuple[LineageEntry, ...]]:
            traced = _uncollected(make, True)
            assert traced.ledger is not None
            return traced.ledger, traced.lineage

        made = _uncollected(make, False)
        if strict and any(i.severity in ("fatal", "error") for i in made.issues):
            raise Refusal(*made.told())
        return Conversion(made.message, made.event, made.bundle, made.texts, made.unmapped, made.told, again)

    def unsupported(self, raw: bytes, *, site: str | None = None, charset: str | None = None) -> Issue | None:
        """Why `convert` would refuse a message for its kind, before looking at what it says: unreadable, or without a map."""
        try:
            message = hl7.read(raw, charset=charset)
        except Refusal as refusal:
            return refusal.issues[0]
        structure, trigger, _ = hl7.structure_of(message)
        rules = self.fresh()
        plan = rules.compiled(site or selected(rules.pack.sites, message)).messages.get(structure)
        fits = plan is not None and (not plan.events or trigger in plan.events)
        return None if fits else _unsupported(message, structure, trigger)

    def convert_many(self, raw: bytes | Path, **options: Any) -> Iterator[Conversion | Failure]:
        """Converts every message of a file or of bytes: FHS/BHS batches and bare concatenations, in order (R-MSG-11)."""
        data = raw.read_bytes() if isinstance(raw, Path) else raw
        for index, message in enumerate(hl7.split_batch(data).messages):
            try:
                yield self.convert(message, **options)
            except Refusal as refusal:
                yield Failure(index, _control_id(message), refusal.issues)
            except Exception:  # a bug of ours costs its message, not the rest of the batch
                yield Failure(index, _control_id(message), (issue("internal"),))

    def _make(
        self, raw: bytes, bundle: Kind, zone: Zone, site: str | None, charset: str | None, transport_charset: str | None,
        residue: Residue | None, narrative: bool | None, event: str | None, *, traced: bool,
    ) -> Made:  # fmt: skip
        message = hl7.read(raw, charset=charset, transport_charset=transport_charset)
        structure, trigger, issues = hl7.structure_of(message)
        message.issues.extend(issues)
        name = site or selected(self.pack.sites, message)
        terminology = self._site(name)[0]
        options, writing = self._wished(name, zone, residue, narrative)
        compiled = self.pack.compiled(terminology, name, traced)
        wanted = event or structure
        plan = compiled.messages.get(wanted)
        if plan is None or (plan.events and event is None and trigger not in plan.events):
            raise Refusal(_unsupported(message, structure, trigger), *issues)
        root = hl7.group(message, wanted)
        ctx = Context(message, wanted, trigger, options, terminology, _zone(message, options))
        ctx.maps = compiled.namespace
        ctx.product_version = self.pack.version
        ctx.translator, ctx.displays = self.translator, self.displays
        if traced:
            ctx.traces, ctx.memo = [], None
        else:
            day = ctx.date if ctx.codes is not None and ctx.codes.dated else ""
            ctx.memo = self._memory((name, ctx.sender, ctx.zone, message.delimiters, message.charset, day))
        _assign_notes(ctx)
        ctx.runs = runs(message)
        Walk(ctx).run(plan, root)
        if ctx.refused:
            raise Refusal(*dict.fromkeys(ctx.refused))
        hl7.dissolve(root)
        ctx.reaches.clear()
        ignored = compiled.ignored
        if options.residue == "extension":
            header = next((r for r in ctx.records if r.type == "MessageHeader"), None)
            keep(ctx, findings(message, ctx.issues, ignored)[1], header)
        ctx.settle()
        code = message.header.leaf(9) or ""
        stamp = message.header.leaf(7)
        envelope = Envelope(
            code, message.control_id, moment(stamp, ctx.zone).instant if stamp else None, writing=writing
        )
        entries = [r for r in ctx.records if r.type != "Provenance" or "target" in r.resource]
        if options.narrative:
            for record in entries:
                record.resource = self.pack.narratives.told(record.resource)
        out = build(entries, bundle, envelope)
        faults: list[Issue] = []
        texts: list[bytes] = []
        if not traced:
            faults, texts = self._proofs.check(out)
        else:  # the same Bundle was judged before
            for entry in out["entry"]:
                order_keys(entry["resource"])
        if faults:
            raise Refusal(*faults)
        where = lines.paths(out) if traced else {}
        lineage = lines.lineage(ctx, where) if traced else ()
        ledger = lines.ledger(ctx, ignored, lineage, where) if traced else None
        return Made(
            out, texts, message, ctx.issues, tuple(ctx.unmapped), options.residue == "off", f"{code}^{trigger}", ignored,
            ctx.memo.lost if ctx.memo is not None else None, ledger, lineage,
        )  # fmt: skip


def _uncollected(make: Callable[[bool], Made], traced: bool) -> Made:
    """Without garbage collection: all that a conversion makes is alive, so a collection would only look through it."""
    if not gc.isenabled():
        return make(traced)
    gc.disable()
    try:
        return make(traced)
    finally:
        gc.enable()


def _with_settings(options: Options, site: Site) -> Options:
    changes: dict[str, Any] = {"unmapped": {**options.unmapped, **site.unmapped}}
    changes["loose"] = options.loose | frozenset(site.equivalences)
    for key, value in site.settings.items():
        match key:
            case "timezone":
                changes["zone"] = zone_named(value)
            case "msh7_offset":
                changes["msh7_offset"] = value == "use"
            case "narrative":
                changes["narrative"] = value == "generated"
            case "authoritative" | "client_ids":
                changes[key] = value == "true"
            case _:
                changes[key] = value
    return replace(options, **changes)


def _writing(options: Options) -> Writing:
    update: Literal["put", "create"] = "create" if options.update == "create" else "put"
    return Writing(options.authoritative, options.client_ids, update)


def _check_policies(site: Site, terminology: Terminology) -> None:
    """A policy is for a field or a table that is there (T-40)."""
    for key, place in site.places.items():
        if key and FIELD.fullmatch(key) is None and key not in (*terminology.table_names, "UCUM"):
            near = nearest(key, terminology.table_names)
            raise MappingError(
                f"{key!r} is neither a field nor a table", place, f"did you mean {near}?" if near else ""
            )


def _zone(message: Message, options: Options) -> Zone:
    """The zone of times without an offset, in the order of R-DATE-6."""
    if options.zone is not None:
        return options.zone
    if options.msh7_offset:
        stamp = message.header.leaf(7)
        offset = offset_of(stamp) if stamp else None
        if offset is not None:
            return offset
    return options.default_zone


def _assign_notes(ctx: Context) -> None:
    """An NTE belongs to the segment it follows, other NTE skipped (R-NTE-1)."""
    owner = 0
    for segment in ctx.message.segments:
        if segment.name == "NTE":
            ctx.notes.setdefault(owner, []).append(segment)
        else:
            owner = segment.position


def _unsupported(message: Message, structure: str, trigger: str) -> Issue:
    at = message.header.location(9)
    if not message.header.leaf(9):
        return issue("message.type-unsupported", at, rule="R-MSG-10")
    return issue(
        "message.event-unsupported" if trigger else "message.type-unsupported",
        at,
        rule="R-MSG-10",
        value=f"{structure} {trigger}",
    )


def _control_id(raw: bytes) -> str:
    try:
        return hl7.read(raw).control_id
    except Refusal:
        return ""


@cache
def _default() -> Converter:
    return Converter()


def convert(raw: bytes, **options: Any) -> Conversion:
    """Converts one message with the pack that ships; options as `Converter.convert`."""
    return _default().convert(raw, **options)


class _Callable(ModuleType):
    """`segue.convert` is this module once it has been imported, and the function for everybody who calls it."""

    def __call__(self, raw: bytes, **options: Any) -> Conversion:
        return convert(raw, **options)


sys.modules[__name__].__class__ = _Callable


def convert_many(raw: bytes | Path, **options: Any) -> Iterator[Conversion | Failure]:
    """Converts every message of a file or of bytes with the pack that ships."""
    return _default().convert_many(raw, **options)
