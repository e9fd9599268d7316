"""What one conversion carries from segment to segment: message, options, issues, records, references, notes.

Pure: made for one message, thrown away after it. Knows no HTTP, no files and no clock (R-NF-1).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from segue.hl7 import Group
from segue.hl7.message import Message, Part, Repetition, Segment
from segue.issues import Issue, Location, issue
from segue.terminology import Displays, Terminology, Translator, Unmapped
from segue.terminology.maps import SenderMaps

from .records import Json, Record, merge
from .times import Zone

if TYPE_CHECKING:
    from .memory import Memory

Node = Segment | Repetition | Part

ONCE = ("PID", "PV1", "PV2", "EVN")  # the only one of a message belongs to every group (R-MSG-2)
CONCERNED = (("header", "focus"), ("provenance", "target"), ("transformation", "target"), ("event", "target"))
DAR = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"
ALT = "http://hl7.org/fhir/StructureDefinition/alternate-codes"
ORIG = "http://hl7.org/fhir/StructureDefinition/originalText"


class Locatable(Protocol):
    def location(self, number: int | None = None, /) -> Location: ...


@dataclass(frozen=True, slots=True)
class Options:
    """What a site or a call may set for a conversion."""

    zone: Zone = None  # for times without offset (R-DATE-6 step 2)
    default_zone: Zone = None  # of the installation (step 4)
    msh7_offset: bool = True  # step 3
    country: str = ""  # of the site: US, CA … (R-ID-11)
    extension_base: str = "urn:segue:StructureDefinition:"
    code_system_base: str = ""  # R-CODE-9
    identifier_base: str = ""  # R-ID-2 step 4
    residue: str = "report"  # report | extension | off
    narrative: bool = False  # text of resources
    authoritative: bool = True  # R-VERB-7
    client_ids: bool = True  # R-RID-6
    update: str = "put"  # put | create (R-VERB-5)
    orders_in_results: str = "auto"  # auto | always | never (R-DR-7)
    unmapped: Mapping[str, str] = field(default_factory=dict[str, str])  # field, table or "" ▸ policy (R-UNM)
    loose: frozenset[str] = frozenset()  # equivalences applied beside equal and equivalent (T-25)
    settings: dict[str, str] = field(default_factory=dict[str, str])


class Primitive:
    """A primitive value with extensions, or extensions alone (DAR, ALT, ORIG)."""

    __slots__ = ("extension", "value")

    def __init__(self, value: Any, extension: list[Json]) -> None:
        self.value = value
        self.extension = extension

    def put(self, out: Json, key: str) -> None:
        if self.value is not None:
            out[key] = self.value
        out["_" + key] = {"extension": self.extension}


class Instance:
    """A record made by a message map under a name, in one repetition of its group."""

    __slots__ = ("name", "record", "segment")

    def __init__(self, name: str, record: Record, segment: Segment) -> None:
        self.name, self.record, self.segment = name, record, segment


class Scope:
    """The instances of one group repetition; what is not here is looked for in the groups around it."""

    __slots__ = ("instances", "parent")

    def __init__(self, parent: Scope | None) -> None:
        self.parent = parent
        self.instances: dict[str, list[Instance]] = {}

    def nearest(self, name: str) -> Instance | None:
        scope: Scope | None = self
        while scope is not None:
            found = scope.instances.get(name)
            if found:
                return found[-1]
            scope = scope.parent
        return None

    def adopt(self, inner: Scope) -> None:
        """The instances of a group that this one holds only once (R-MSG-2)."""
        for name, instances in inner.instances.items():
            self.instances.setdefault(name, []).extend(instances)


class Context:
    """State of one conversion."""

    __slots__ = (
        "aliases",
        "bound",
        "by_field",
        "codes",
        "counted",
        "date",
        "displays",
        "event",
        "fresh",
        "grown",
        "issues",
        "known",
        "made",
        "maps",
        "memo",
        "message",
        "missed",
        "nearby",
        "notes",
        "noticed",
        "options",
        "owners",
        "placed",
        "product_version",
        "reaches",
        "records",
        "referable",
        "references",
        "refused",
        "renamed",
        "reported",
        "runs",
        "scope",
        "sender",
        "shared",
        "sole",
        "structure",
        "terminology",
        "text",
        "traces",
        "translator",
        "trigger",
        "unmapped",
        "void",
        "zone",
    )  # fmt: skip

    def __init__(
        self, message: Message, structure: str, event: str, options: Options, terminology: Terminology, zone: Zone
    ) -> None:
        self.message = message
        self.text = message.text
        self.structure = structure
        self.event = event
        self.trigger = event
        self.options = options
        self.terminology = terminology
        self.zone = zone
        self.issues: list[Issue] = list(message.issues)
        self.records: list[Record] = []
        self.known: dict[tuple[Any, ...], Record] = {}
        self.references: list[tuple[Json, Record]] = []
        self.referable: dict[str, Record] = {}  # urn:uuid ▸ record, as far as was asked
        self.shared: dict[str, Json] | None = None  # references of all messages, where no record is renamed
        self.renamed = False  # a record got another identity: references are to be written again
        self.owners: dict[int, Record] = {}  # segment position ▸ the resource built from it
        self.scope = Scope(None)
        self.made: dict[str, list[Instance]] = {}
        self.runs: dict[int, list[Segment]] = {}  # position of the first OBX ▸ the OBX that continue it (R-TXT-1)
        self.notes: dict[int, list[Segment]] = {}  # position of a segment ▸ the NTE that follow it (R-NTE-1)
        self.nearby: dict[tuple[int, str], Segment] = {}
        self.traces: list[tuple[Json, str, Node, int, str]] | None = None
        self.void = Segment(message, "", [], -1, 1)
        self.reaches: dict[int, dict[str, list[Segment]]] = {}  # what each group reaches
        self.bound: dict[tuple[int, str], set[int]] = {}  # what bind has put where
        self.grown: dict[tuple[int, str], list[Any]] = {}
        self.aliases: list[tuple[Json, Json]] = []  # resources that went into others: for lineage
        self.sole: dict[str, Segment] | None = None
        self.placed = 0  # identities taken from the place in the message: not to be remembered
        self.reported: set[tuple[str, str]] = set()
        self.counted: dict[tuple[Any, ...], int] = {}
        self.maps: Mapping[str, Any] = {}  # functions of the compiled pack
        self.product_version = ""
        self.memo: Memory | None = None  # what data type maps gave for a raw text; None: do not remember
        self.fresh: dict[tuple[Any, ...], Any] = {}  # the same of this message alone
        self.noticed: list[
            tuple[str, int | None, str, str]
        ] = []  # notices that are given once a message, to be repeated from memory
        self.translator: Translator | None = None
        self.displays: Displays | None = None
        self.refused: list[Issue] = []  # codes that the policy does not let pass (R-UNM-4)
        self.unmapped: dict[Unmapped, None] = {}  # in the order they were met, each once
        self.missed: list[tuple[str, str, str, str]] = []  # look-ups that found nothing, to be repeated from memory
        header = message.header
        self.sender = f"{header.leaf(3) or ''}|{header.leaf(4) or ''}"
        self.codes: SenderMaps | None = terminology.maps.for_sender(self.sender)
        self.date = (header.leaf(7) or "")[:8]
        self.by_field = self.codes is not None or bool(options.unmapped)  # whether a code means another thing elsewhere

    def report(self, code: str, node: Locatable | None = None, number: int | None = None, *, rule: str | None = None,
               value: str | None = None) -> None:  # fmt: skip
        self.issues.append(issue(code, node.location(number) if node is not None else None, rule=rule, value=value))

    # ---- records and references

    def add(
        self,
        resource: Json,
        key: Sequence[Any],
        identifier: tuple[str, str] | None = None,
        verb: str = "",
        node: Locatable | None = None,
    ) -> Record:
        """The record of this key: a new one, or the one that is there with what it lacked added."""
        full = (resource["resourceType"], *key)
        record = self.known.get(full)
        if record is not None:
            return self._joined(record, resource, node)
        record = Record(len(self.records), resource, full, identifier, verb)
        self.known[full] = record
        self.records.append(record)
        return record

    def _joined(self, record: Record, resource: Json, node: Locatable | None) -> Record:
        if self.traces is not None:
            self.aliases.append((resource, record.resource))
        if record.source == resource:  # a resource that has all of that
            return record
        if merge(record.resource, resource) and node is not None:
            self.report("person.contradiction", node, rule="R-PERS-3")
        return record

    def recall(
        self, resource: Json, key: tuple[Any, ...], identifier: tuple[str, str] | None, verb: str, node: Locatable | None,
        uuid: str | None = None,
    ) -> Record:  # fmt: skip
        """As `add`, for a remembered resource, which is copied when it becomes a record; `key` begins with its type."""
        record = self.known.get(key)
        if record is not None:
            return self._joined(record, resource, node)
        record = Record(len(self.records), resource.copy(), key, identifier, verb, resource, uuid)
        self.known[key] = record
        self.records.append(record)
        return record

    def reference(self, record: Record) -> Json:
        """A reference that nobody changes but `settle`."""
        uuid = record.uuid
        if self.shared is None:
            out: Json = {"reference": "urn:uuid:" + uuid}
        else:
            out = self.shared.get(uuid) or self.shared.setdefault(uuid, {"reference": "urn:uuid:" + uuid})
        self.references.append((out, record))
        return out

    def extended(self, reference: Json, extension: Json) -> Json:
        """A reference of its own with an extension."""
        out: Json = {**reference, "extension": [extension]}
        record = self.referred(reference)
        if record is not None:
            self.references.append((out, record))
        return out

    def place(self, node: Locatable) -> tuple[str, ...]:
        """What stands for the identity of what has none: sender, control id, time of the message, location (R-RID)."""
        self.placed += 1
        header = self.message.header
        where = node.location() if isinstance(node, Segment) else node.location(None)
        return (self.sender, header.leaf(10) or "", header.leaf(7) or "", str(where))

    def occurrence(self, segment: Segment, code: tuple[str, ...]) -> str:
        """Which of its order this segment of that code is."""
        key = ("occurrence", self.near(segment, "OBR").position, *code)
        count = self.counted[key] = self.counted.get(key, 0) + 1
        return str(count)

    def referred(self, reference: Json) -> Record | None:
        """The record that a reference of this message points at; None where it points elsewhere."""
        found = self.referable
        for record in self.records[len(found) :]:
            found["urn:uuid:" + record.uuid] = record
        return found.get(reference.get("reference", ""))

    def rename(self, record: Record, key: tuple[Any, ...], identifier: tuple[str, str] | None) -> None:
        """Gives a record another identity (R-MRG-8)."""
        record.key, record.identifier = key, identifier
        self.known[key] = record
        self.renamed = True
        self.referable.clear()
        for one in self.records:  # its key may be part of theirs; a key names earlier records only
            one.uuid = one.identity()

    def settle(self) -> None:
        """Writes the references again where a record was renamed."""
        if self.renamed:
            for reference, record in self.references:
                reference["reference"] = "urn:uuid:" + record.uuid

    def notice(self, code: str, node: Locatable, number: int | None, key: str, rule: str) -> None:
        """Reports what is told once a sender and name in a message (R-ISS-8)."""
        self.noticed.append((code, number, key, rule))
        if (code, key) not in self.reported:
            self.reported.add((code, key))
            self.report(code, node, number, rule=rule, value=key)

    def bind(self, record: Record, element: str, target: Record, many: bool) -> None:
        """Sets or adds a reference on a record."""
        if not many:
            record.resource.setdefault(element, self.reference(target))
            return
        place = (record.number, element)
        bound = self.bound.setdefault(place, set())
        if target.number in bound:
            return
        bound.add(target.number)
        items: list[Any] = record.resource.get(element, [])
        reference = self.reference(target)
        if self.grown.get(place) is items:  # a list of our own: it grows in place, ten thousand results long
            items.append(reference)
        elif reference not in items:
            record.resource[element] = self.grown[place] = [*items, reference]

    def convert(self, name: str, node: Repetition | Part) -> Json | None:
        """What a data type map of the pack gives for a node."""
        return self.maps["given_" + name.replace(".", "_")](self, node)

    def person(self, node: Repetition | Part) -> Json | None:
        """A reference to the practitioner of an XCN."""
        return self.convert("XCN.Practitioner", node)

    def unmark(self, node: Repetition | Part, component: int) -> None:
        """The component has no home after all."""
        node.used &= ~(1 << component)

    # ---- reading around a segment

    def near(self, segment: Segment, name: str) -> Segment:
        """The nearest segment of that name: in the enclosing groups, the last one before this place first; the void if none."""
        key = (segment.position, name)
        found = self.nearby.get(key)
        if found is None:
            found = self.nearby[key] = self._near(segment, name) or self.void
        return found

    def _near(self, segment: Segment, name: str) -> Segment | None:
        if name == "MSH":
            return self.message.header
        group = segment.group
        while group is not None:
            reach = self.reaches.get(id(group))
            if reach is None:
                reach = self.reaches[id(group)] = _reach(group)
            found = reach.get(name)
            if found is not None:
                last = bisect_right(found, segment.position, key=_position)
                return found[last - 1] if last else found[0]
            group = group.parent
        if name not in ONCE:
            return None
        if self.sole is None:
            of = {n: [s for s in self.message.segments if s.name == n] for n in ONCE}
            self.sole = {n: found[0] for n, found in of.items() if len(found) == 1}
        return self.sole.get(name)

    def concern(self, *about: Record) -> None:
        """What the message is about: focus of the header and target of its Provenances (R-MSG-9, R-PROV-2)."""
        for name, element in CONCERNED:
            for made in self.made.get(name, ()):
                for record in about:
                    self.bind(made.record, element, record, many=True)

    def named(self, name: str) -> Record | None:
        """The record of the nearest instance of that name; the only one of the message where no group around has it (R-MSG-2)."""
        found = self.scope.nearest(name)
        if found is not None:
            return found.record
        made = self.made.get(name, ())
        if name != "patient" and len(self.made.get("patient", ())) > 1:
            return None  # the only visit of a message with two patients is that of one of them
        return made[0].record if len(made) == 1 else None


def _position(segment: Segment) -> int:
    return segment.position


def _reach(group: Group) -> dict[str, list[Segment]]:
    """The segments of a group and of those groups below it that stand there once, by name: a sibling order is out of reach."""
    found: dict[str, list[Segment]] = {}
    inner = [item for item in group.items if not isinstance(item, Segment)]
    counts: dict[str, int] = {}
    for below in inner:
        counts[below.name] = counts.get(below.name, 0) + 1
    for item in group.items:
        if isinstance(item, Segment):
            found.setdefault(item.name, []).append(item)
        elif counts[item.name] == 1:
            for name, segments in _reach(item).items():
                found.setdefault(name, []).extend(segments)
    return found


def first_valued(segment: Segment, number: int) -> Repetition | None:
    """The first repetition that holds anything."""
    found = segment.repetitions(number)
    if len(found) == 1:
        return found[0]  # a field that is there has one repetition at least, and a single one is all of it
    for repetition in found:
        if repetition.raw:
            return repetition
    return None


def valued(raw: str) -> bool:
    """True when a raw field or component holds more than delimiters and nulls (R-NULL-1)."""
    return bool(raw.strip('^&~" \\'))


def absent(code: str) -> list[Json]:
    """The data-absent-reason extension."""
    return [{"url": DAR, "valueCode": code}]


def alternate(concept: Json) -> list[Json]:
    """The original coding beside a mapped or missing code (R-CODE-6)."""
    return [{"url": ALT, "valueCodeableConcept": concept}]
