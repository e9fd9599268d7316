"""Segments ▸ groups: each segment of a message finds the group of its structure that it belongs to (R-MSG-2).

    current leaf ─ name of the next segment ─▶ plan: leave groups, open groups, stand at a leaf

Nothing is dropped and nothing refused: Z segments stay with the segment they follow; what the structure has no place
for stays too, with an issue. A second patient in a structure for one begins a group of the structure's name below the
root, so that nothing of one patient is read with the other. Order within a group is the order of the message. Knows
what the structure says and, but for those that begin a patient or an order, nothing of what segments mean.
"""

from __future__ import annotations

from collections.abc import Iterator

from segue.issues import Location, issue

from . import structures
from .message import Message, Segment
from .structures import Node, Plan


class Group:
    """One group of a message: segments and groups in order."""

    __slots__ = ("items", "name", "node", "parent", "singles")

    def __init__(self, name: str, parent: Group | None = None, node: Node | None = None) -> None:
        self.name = name
        self.parent = parent
        self.items: list[Segment | Group] = []
        self.node = node
        self.singles: dict[Node, Group] = {}  # groups below that can be there only once

    def __repr__(self) -> str:
        return f"{self.name}({', '.join(item.name for item in self.items)})"

    def segments(self) -> Iterator[Segment]:
        """All segments of the group and the groups below, as they stand in the message."""
        return iter(sorted(self._walk(), key=_position))

    def _walk(self) -> Iterator[Segment]:
        stack = [iter(self.items)]
        while stack:
            for item in stack[-1]:
                if isinstance(item, Segment):
                    yield item
                else:
                    stack.append(iter(item.items))
                    break
            else:
                stack.pop()

    def first(self, name: str) -> Segment | None:
        """The first segment of this name directly in the group."""
        for item in self.items:
            if item.name == name and isinstance(item, Segment):
                return item
        return None

    def groups(self, name: str) -> Iterator[Group]:
        """The groups of this name directly in the group."""
        return (item for item in self.items if isinstance(item, Group) and item.name == name)


def dissolve(group: Group) -> None:
    """Takes the ways up out of a tree whose reading is done, so that it is freed when it is let go."""
    group.parent = None
    for item in group.items:
        if isinstance(item, Segment):
            item.group = None
        else:
            dissolve(item)


def _position(segment: Segment) -> int:
    return segment.position


def group(message: Message, structure: str) -> Group:
    """Groups a message by a structure; sets `group` of every segment and adds issues for what is out of place.

    A structure that no version has gives one group with all the segments.
    """
    segments = message.segments
    present = frozenset([segment.name for segment in segments])
    found = structures.structure(structure, message.version, standard(present)) if structure else None
    root = Group(structure, None, found.root if found else None)
    if found is None:
        root.items.extend(segments)
        for segment in segments:
            segment.group = root
        return root

    names = found.names
    leaf = found.header
    here = root
    ordered = next((s.name for s in segments if s.name in ("ORC", "OBR")), "") == "ORC"  # an ORC then begins an order
    stood: set[tuple[int, Node]] = set()  # where a PID stands
    for segment in segments:
        name = segment.name
        if name in names and name != "NTE":  # a note stays with what it follows and moves nothing (R-NTE-1)
            if segment.position:
                for plan in leaf.plans.get(name) or structures.plans(leaf, name):
                    at = here
                    for _ in range(plan.up):
                        at = at.parent or root
                    if plan.once and (
                        at.first(name) is not None or (name == "ORC" and (ordered or _other(at, segment)))
                    ):
                        continue
                    if name == "PID" and _another(at, plan, segment, stood):
                        message.issues.append(_stray(segment))
                        at = _apart(root)
                        plan = structures.plans(found.header, name)[0]
                    if plan.stray:
                        message.issues.append(_stray(segment))
                        at.items.append(segment)
                        segment.group = at
                        break
                    for node in plan.groups:
                        at = _open(at, node)
                    at.items.append(segment)
                    segment.group = here = at
                    leaf = plan.leaf
                    if name == "PID":
                        stood.add((id(at), leaf))
                    break
                continue
        elif name != "NTE" and not name.startswith("Z"):
            message.issues.append(_stray(segment))
        here.items.append(segment)
        segment.group = here
    return root


def _open(parent: Group, node: Node) -> Group:
    """A new group, or the one that is there if there can be only one."""
    if not node.repeats and (there := parent.singles.get(node)) is not None:
        return there
    opened = Group(node.name, parent, node)
    parent.items.append(opened)
    if not node.repeats:
        parent.singles[node] = opened
    return opened


def _another(at: Group, plan: Plan, segment: Segment, stood: set[tuple[int, Node]]) -> bool:
    """True for the PID of a second patient where the structure has place for one: what follows is that patient's alone."""
    home: Group | None = at
    for node in plan.groups:
        home = home.singles.get(node) if home is not None else None
    there = home.first("PID") if home is not None else None
    taken = there is not None and (plan.stray or (id(home), plan.leaf) in stood)
    return taken and there is not None and there.raw(3) != segment.raw(3)


def _apart(root: Group) -> Group:
    """A new group for a patient below the root; what the root has of the first one goes into a group of its own before it."""
    if not any(isinstance(item, Group) and item.name == root.name for item in root.items):
        start = next(n for n, item in enumerate(root.items) if isinstance(item, Group) or item.name == "PID")
        first = Group(root.name, root)
        first.items, first.singles = root.items[start:], root.singles
        root.items[start:], root.singles = [first], {}
        for item in first.items:
            if isinstance(item, Group):
                item.parent = first
            else:
                item.group = first
    opened = Group(root.name, root)
    root.items.append(opened)
    return opened


def _other(at: Group, orc: Segment) -> bool:
    """True when the numbers of an ORC say that it does not belong to the OBR before it."""
    obr = next((s for s in at.segments() if s.name == "OBR"), None)
    pairs = [(orc.leaf(n), obr.leaf(n)) for n in (2, 3)] if obr is not None else []
    both = [a == b for a, b in pairs if a and b]
    return bool(both) and not any(both)


def _stray(segment: Segment):
    return issue("segment.unknown", Location(segment.name, segment.sequence), rule="R-MSG-2")


def standard(names: frozenset[str]) -> frozenset[str]:
    """The names that structures can have."""
    return frozenset(name for name in names if not name.startswith("Z"))
