"""Segments ▸ groups: each segment of a message finds the group of its structure that it belongs to (R-MSG-2).

    current leaf ─ name of the next segment ─▶ plan: leave groups, open groups, stand at a leaf

Nothing is dropped and nothing refused: Z segments stay with the segment they follow; what the structure has no place
for stays too, with an issue. Order within a group is the order of the message. Knows what the structure says and
nothing of what segments mean.
"""

from __future__ import annotations

from collections.abc import Iterator

from segue.issues import Location, issue

from . import structures
from .message import Message, Segment
from .structures import Node


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
    for segment in segments:
        name = segment.name
        if name in names and name != "NTE":  # a note stays with what it follows and moves nothing (R-NTE-1)
            if segment.position:
                for plan in leaf.plans.get(name) or structures.plans(leaf, name):
                    at = here
                    for _ in range(plan.up):
                        at = at.parent or root
                    if plan.once and (at.first(name) is not None or (name == "ORC" and ordered)):
                        continue
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


def _stray(segment: Segment):
    return issue("segment.unknown", Location(segment.name, segment.sequence), rule="R-MSG-2")


def standard(names: frozenset[str]) -> frozenset[str]:
    """The names that structures can have."""
    return frozenset(name for name in names if not name.startswith("Z"))
