"""Message maps: which segment of which group makes or completes which resource, and how resources point at each other (§4).

A message map mirrors the groups of its structure. A lower-case key is an instance: a resource scoped to one repetition of its
group. Instances are made in message order; references that name what comes later are bound when the message has been read.

    ORDER_OBSERVATION:
      order:  {map: [ORC.ServiceRequest, OBR.ServiceRequest], subject: patient}     two segments, one resource
      result: {map: OBX.Observation, into: report.result}                           adds itself to a list of another
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

from segue.fhir import elements
from segue.hl7 import Group, Segment
from segue.hl7.structures import groups as structures_of_groups

from .compiler import SegmentMap
from .context import Context, Instance, Scope, absent
from .functions import FUNCTIONS
from .given import Given
from .records import merge
from .rehearsal import LONGEST, rehearse
from .source import Fields, MappingError, Node, Place, Scalar, strings_of, text_of


@dataclass(frozen=True, slots=True)
class Bind:
    """`element: name`: a reference on this instance to the nearest instance of one of the names."""

    element: str
    names: tuple[str, ...]
    many: bool


@dataclass(frozen=True, slots=True)
class Into:
    """`into: name.element`: a reference to this instance on the nearest instance of that name."""

    name: str
    element: str
    many: bool


@dataclass(slots=True)
class InstanceMap:
    name: str
    maps: tuple[SegmentMap, ...]  # each may make it; later ones complete the one of their scope
    also: tuple[SegmentMap, ...]  # complete the nearest one, never make it
    when: Callable[[Context, Segment], bool] | None
    binds: tuple[Bind, ...]
    into: tuple[Into, ...]
    verb: str
    place: Place

    @property
    def resource(self) -> str:
        return self.maps[0].resource


@dataclass(slots=True)
class GroupMap:
    name: str
    parent: GroupMap | None
    instances: list[InstanceMap] = field(default_factory=list[InstanceMap])
    groups: dict[str, GroupMap] = field(default_factory=dict[str, "GroupMap"])
    steps: dict[str, list[tuple[InstanceMap, SegmentMap, bool]]] = field(
        default_factory=dict[str, list[tuple[InstanceMap, SegmentMap, bool]]]
    )

    def find(self, segment: str) -> list[tuple[InstanceMap, SegmentMap, bool]]:
        """The steps for a segment: here, in the groups around, else where the map has it first (R-MSG-2)."""
        group = self
        while segment not in group.steps:
            if group.parent is None:
                nothing: list[tuple[InstanceMap, SegmentMap, bool]] = []
                found = next((g.steps[segment] for g in group.below() if segment in g.steps), nothing)
                self.steps[segment] = found
                return found
            group = group.parent
        return group.steps[segment]

    def below(self) -> Iterator[GroupMap]:
        for group in self.groups.values():
            yield group
            yield from group.below()


@dataclass(frozen=True, slots=True)
class MessageMap:
    name: str
    structures: tuple[str, ...]
    events: tuple[str, ...]  # () = all events of its structures
    root: GroupMap
    finish: tuple[Callable[[Context], None], ...]
    focus: tuple[str, ...]  # instance names, the first that was made is what the message is about (R-MSG-9)

    def instances(self) -> Iterator[InstanceMap]:
        for group in (self.root, *self.root.below()):
            yield from group.instances


RESERVED = frozenset(("structure", "events", "include", "extends", "focus", "finish"))
KEYS = frozenset(("map", "also", "when", "into", "verb"))


class MessageReader:
    """Reads message map files against the compiled segment maps."""

    def __init__(
        self,
        segment_map: Callable[[str, Place], SegmentMap],
        condition: Callable[[str, str, Place], Callable[..., bool]],
    ) -> None:
        self.segment_map = segment_map
        self.condition = condition
        self.groups: frozenset[str] = frozenset()

    def read(self, name: str, tree: Fields) -> MessageMap:
        structures = tuple(strings_of(tree.get("structure"), "structure"))
        if not structures:
            raise MappingError("a message map names its structure", tree.place)
        root = GroupMap("", None)
        self.groups = frozenset[str]().union(*map(structures_of_groups, structures))
        self.group(tree, root)
        finish: list[Callable[[Context], None]] = []
        for text in strings_of(tree.get("finish"), "finish"):
            known = FUNCTIONS.get(text)
            if known is None or known.kind != "message":
                raise MappingError(f"{text!r} finishes no message", tree.at("finish"))
            finish.append(known.call)
        focus = strings_of(tree.get("focus"), "focus")
        message = MessageMap(
            name, structures, tuple(strings_of(tree.get("events"), "events")), root, tuple(finish), tuple(focus)
        )
        self.check(message, tree)
        return message

    def group(self, tree: Fields, into: GroupMap) -> None:
        for key, node in tree.entries.items():
            if into.parent is None and key in RESERVED:
                continue
            if key == key.upper():
                if not isinstance(node, Fields):
                    raise MappingError(f"group {key} holds instances and groups", tree.at(key))
                if key not in self.groups:
                    raise MappingError(f"no group {key}", tree.at(key), nearest(key, self.groups))
                below = into.groups[key] = GroupMap(key, into)
                self.group(node, below)
            else:
                instance = self.instance(key, node, tree.at(key))
                into.instances.append(instance)
        for instance in into.instances:
            for one in instance.maps:
                into.steps.setdefault(one.segment, []).append((instance, one, True))
            for one in instance.also:
                into.steps.setdefault(one.segment, []).append((instance, one, False))
        order = {id(i): n for n, i in enumerate(into.instances)}
        for steps in into.steps.values():  # what makes comes before what completes, else file order
            steps.sort(key=lambda step: (not step[2], order[id(step[0])]))

    def instance(self, name: str, node: Node, place: Place) -> InstanceMap:
        if not isinstance(node, Fields):
            node = Fields({"map": node}, place)
        maps = tuple(self.segment_map(n, place) for n in strings_of(node.get("map"), "map"))
        also = tuple(self.segment_map(n, place) for n in strings_of(node.get("also"), "also"))
        if not maps:
            raise MappingError(f"{name} has no map", place)
        resource = maps[0].resource
        for one in (*maps, *also):
            if one.resource != resource:
                raise MappingError(f"{name} is a {resource}, {one.name} makes a {one.resource}", place)
        binds: list[Bind] = []
        for key, value in node.entries.items():
            if key in KEYS:
                continue
            element = elements.element(resource, key)
            if element is None or "Reference" not in element.types:
                raise MappingError(f"{resource} has no reference {key!r}", node.at(key))
            binds.append(Bind(key, tuple(strings_of(value, key)), element.many))
        into = tuple(self.into(text, place) for text in strings_of(node.get("into"), "into"))
        when = node.get("when")
        test = None
        if isinstance(when, Scalar) and when.value is not None:
            test = self.condition(maps[0].segment, text_of(when, "when"), node.at("when"))
        verb = text_of(node.get("verb"), "verb") if node.get("verb") else maps[0].verb
        return InstanceMap(name, maps, also, test, tuple(binds), into, verb, place)

    def into(self, text: str, place: Place) -> Into:
        name, dot, element = text.partition(".")
        if not dot:
            raise MappingError("into names an instance and its element", place, "for instance report.result")
        return Into(name, element, True)

    def check(self, message: MessageMap, tree: Fields) -> None:
        """Names that no instance of the map has, and references that R4 does not allow (R-INV-9)."""
        known: dict[str, str] = {i.name: i.resource for i in message.instances()}
        for instance in message.instances():
            for bind in instance.binds:
                for name in bind.names:
                    self.allowed(instance.resource, bind.element, name, known, instance.place)
            fixed: list[Into] = []
            for into in instance.into:
                self.known(into.name, known, instance.place)
                element = elements.element(known[into.name], into.element)
                if element is None or "Reference" not in element.types:
                    raise MappingError(f"{known[into.name]} has no reference {into.element!r}", instance.place)
                self.allowed(known[into.name], into.element, instance.name, known, instance.place)
                fixed.append(Into(into.name, into.element, element.many))
            instance.into = tuple(fixed)
        for name in message.focus:
            self.known(name, known, tree.at("focus"))

    def known(self, name: str, known: dict[str, str], place: Place) -> None:
        if name not in known:
            raise MappingError(f"no instance {name!r}", place, nearest(name, known))

    def allowed(self, resource: str, element: str, name: str, known: dict[str, str], place: Place) -> None:
        self.known(name, known, place)
        found = elements.element(resource, element)
        if found is not None and found.targets and known[name] not in found.targets:
            raise MappingError(f"{resource}.{element} cannot refer to a {known[name]}", place)


def nearest(name: str, names: Iterable[str]) -> str:
    """The hint of an error: the nearest right name, else all of them."""
    near = get_close_matches(name, list(names), 1)
    return f"did you mean {near[0]}?" if near else f"there are {', '.join(sorted(names))}"


LEARNT = 64  # segments that one message may teach: thousands of results would only push each other out of memory


class Walk:
    """One message through its map."""

    def __init__(self, ctx: Context) -> None:
        self.ctx = ctx
        self.completed: set[tuple[int, str]] = set()
        self.later: list[tuple[Scope, Instance, Bind | Into]] = []
        self.followers = {s.position for run in ctx.runs.values() for s in run[1:]}
        segments = ctx.message.segments
        # A merge renames records; what is remembered refers to them by name.
        self.memory = ctx.memo if not any(s.name == "MRG" for s in segments) else None
        self.situation = (ctx.structure, ctx.event, ctx.trigger)
        self.learnt = 0  # segments of this message
        if self.memory is not None:
            ctx.shared = self.memory.references()

    def run(self, message: MessageMap, root: Group) -> None:
        self.group(message.root, root)
        for finish in message.finish:
            finish(self.ctx)
        for scope, instance, binding in self.later:
            self.ctx.scope = scope
            names = binding.names if isinstance(binding, Bind) else (binding.name,)
            for name in names:
                record = self.ctx.named(name)
                if record is not None:
                    self.bind(instance, binding, record)
                    break
            else:
                self.lacking(instance, binding)
        self.ctx.scope = Scope(None)
        self.aim(message)

    def lacking(self, instance: Instance, binding: Bind | Into) -> None:
        """A required reference to what the message does not have (R-REQ)."""
        if isinstance(binding, Bind):
            element = elements.element(instance.record.type, binding.element)
            if element is not None and element.required and binding.element not in instance.record.resource:
                nothing = {"extension": absent("unknown")}
                instance.record.resource[binding.element] = [nothing] if binding.many else nothing

    def aim(self, message: MessageMap) -> None:
        """Focus of the header and targets of the two Provenances, known when all is made (R-MSG-9, R-PROV-2)."""
        ctx = self.ctx
        nothing: list[Instance] = []
        about = next((made for name in message.focus if (made := ctx.made.get(name))), nothing)
        ctx.concern(*(found.record for found in about))

    def group(self, plan: GroupMap, group: Group) -> None:
        ctx = self.ctx
        for item in group.items:
            if isinstance(item, Segment):
                if item.name != "NTE" and item.position not in self.followers:
                    steps = plan.steps.get(item.name)
                    if steps is None:
                        steps = plan.find(item.name)
                    known = self.known(item)
                    for instance, one, makes in steps:
                        given: Given | None = None
                        if known is not None:
                            try:
                                given = known[one.name]
                            except KeyError:
                                given = known[one.name] = rehearse(ctx, one, item)
                            if given is not None:
                                if given.nothing:
                                    continue
                                if not given.holds(ctx, item):
                                    given = None
                        self.step(instance, one, makes, item, given)
            else:
                outer = ctx.scope
                ctx.scope = Scope(outer)
                self.group(plan.groups.get(item.name) or GroupMap(item.name, plan), item)
                if item.node is not None and not item.node.repeats:
                    outer.adopt(ctx.scope)  # as the one patient of several orders
                ctx.scope = outer

    def known(self, segment: Segment) -> dict[str, Given | None] | None:
        """What maps gave for a segment of this text; None where nothing is to be remembered."""
        line = segment.line
        if self.memory is None or line is None or len(line) > LONGEST:
            return None
        if segment.position in self.ctx.notes or segment.position in self.ctx.runs:
            return None
        found = self.memory.of_segment((line, self.situation), learn=self.learnt < LEARNT)
        if found is not None and not found:
            self.learnt += 1
        return found

    def step(self, instance: InstanceMap, one: SegmentMap, makes: bool, segment: Segment, given: Given | None) -> None:
        ctx = self.ctx
        if instance.when is not None and makes and not instance.when(ctx, segment):
            return
        present: Instance | None = None
        if not makes:
            present = ctx.scope.nearest(instance.name)
            if present is None:
                made = ctx.made.get(instance.name, ())
                present = made[0] if len(made) == 1 else None
            if present is None:
                return
        else:
            nearest = ctx.scope.nearest(instance.name)  # ORC and OBR, PID and PD1: one resource from several segments
            if (
                nearest is not None
                and nearest.segment.name != segment.name
                and (nearest.record.number, one.name) not in self.completed
            ):
                present = nearest
        resource = one.build(ctx, segment) if given is None else given.play(ctx, segment)
        if resource is None:
            return
        if present is not None:
            if ctx.traces is not None:
                ctx.aliases.append((resource, present.record.resource))
            merge(present.record.resource, resource)
            self.completed.add((present.record.number, one.name))
            ctx.owners.setdefault(segment.position, present.record)
            return
        if given is None:
            key, identifier = one.key(ctx, segment, resource)
            record = ctx.add(resource, key, identifier, instance.verb, segment)
        elif given.key is None:
            key, identifier = one.key(ctx, segment, resource)
            record = ctx.recall(resource, (resource["resourceType"], *key), identifier, instance.verb, segment)
        else:
            key = given.key_here(ctx, segment)
            record = ctx.recall(resource, key, given.identifier, instance.verb, segment, given.uuid)
        ctx.owners.setdefault(segment.position, record)
        made = Instance(instance.name, record, segment)
        self.completed.add((record.number, one.name))
        ctx.scope.instances.setdefault(instance.name, []).append(made)
        ctx.made.setdefault(instance.name, []).append(made)
        scope = ctx.scope
        for bind in instance.binds:
            for name in bind.names:
                target = scope.nearest(name)
                if target is not None:
                    if bind.many:
                        ctx.bind(record, bind.element, target.record, True)
                    elif bind.element not in record.resource:
                        record.resource[bind.element] = ctx.reference(target.record)
                    break
            else:
                self.later.append((scope, made, bind))
        for into in instance.into:
            target = scope.nearest(into.name)
            if target is not None:
                self.bind(made, into, target.record)
            else:
                self.later.append((ctx.scope, made, into))

    def bind(self, made: Instance, binding: Bind | Into, target: Any) -> None:
        if isinstance(binding, Bind):
            if not (not binding.many and binding.element in made.record.resource):
                self.ctx.bind(made.record, binding.element, target, binding.many)
        else:
            self.ctx.bind(target, binding.element, made.record, binding.many)
