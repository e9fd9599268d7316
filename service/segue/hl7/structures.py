"""Message structures of all versions, compiled for grouping (P-04, P-05).

    ORU_R01 = MSH SFT* PATIENT_RESULT+(PATIENT?(PID PD1? …) ORDER_OBSERVATION+(ORC? OBR …)) DSC?    {a b}: one of them

Reads `tables/structures-<version>.json` (written by `generate`), one file when first asked for. MSH-12 is a wish
only: the structure comes from the nearest version that has every segment of the message in it (R-MSG-1). Knows no
message and no group instance; how one leaf leads to the next is worked out here, once for each pair of leaf and name.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files

_GROUP = re.compile(r"([A-Z][A-Z0-9_]*)[?*+]?\(")
VERSIONS = ("2.1", "2.2", "2.3", "2.3.1", "2.4", "2.5", "2.5.1", "2.6", "2.7", "2.8", "2.8.1", "2.8.2", "2.9")
BESIDE = frozenset(("NTE", "OBX", "PRT", "ROL"))  # begin a group only where they stand first in it
_PAIR: frozenset[str] = frozenset(("ORC", "OBR"))  # come in either order
PRIOR = "PRIOR_RESULT"  # a second order in the order: told from the next order by its patient alone
MIDDLE = "2.5.1"  # where the search begins when MSH-12 says nothing

_TOKEN = re.compile(r"([A-Za-z0-9_]+)([?*+]?)(\(?)|(\{)|(\})([?*+]?)|(\))")


class Node:
    """A segment (`children` empty) or group of a structure."""

    __slots__ = ("children", "choice", "first", "index", "is_group", "least", "name", "parent", "plans", "repeats")

    def __init__(self, name: str, parent: Node | None, mark: str, is_group: bool) -> None:
        self.name = name
        self.parent = parent
        self.index = len(parent.children) if parent else 0
        self.least = 1 if mark in ("", "+") else 0
        self.repeats = mark in ("*", "+")
        self.is_group = is_group
        self.children: list[Node] = []
        self.choice: list[str] | None = None  # mark of the choice this is a member of, shared by its members
        self.first: frozenset[str] = frozenset()  # names that can begin a group
        self.plans: dict[str, tuple[Plan, ...]] = {}  # of a leaf: where the next segment goes, by its name

    def leaves(self) -> Iterator[Node]:
        for child in self.children:
            if child.is_group:
                yield from child.leaves()
            else:
                yield child


@dataclass(frozen=True, slots=True)
class Plan:
    """One way to place a segment: leave `up` groups, open `groups` (outermost first), stand at `leaf`."""

    up: int
    groups: tuple[Node, ...]
    leaf: Node
    once: bool = False  # only while the group has no segment of this name yet
    stray: bool = False  # the structure has no place for it here


@dataclass(frozen=True, slots=True)
class Structure:
    name: str
    version: str
    root: Node
    header: Node  # the leaf of MSH
    names: frozenset[str]


def structure(name: str, version: str, present: frozenset[str]) -> Structure | None:
    """The structure from the nearest version that has all segments `present`, else of the one that has most."""
    return _chosen(name, version.strip(), present)


@lru_cache(2048)
def _chosen(name: str, version: str, present: frozenset[str]) -> Structure | None:
    best: Structure | None = None
    most = -1
    for candidate in nearest(version):
        if name not in _texts(candidate):
            continue
        compiled = compile_structure(name, candidate)
        held = len(present & compiled.names)
        if held > most:
            best, most = compiled, held
        if held == len(present):
            break
    return best


def exists(name: str) -> bool:
    """Whether any version has a structure of this name."""
    return name in _all_names()


@cache
def groups(name: str) -> frozenset[str]:
    """The names of the groups that a structure has in any version."""
    texts = (text for version in VERSIONS if (text := _texts(version).get(name)) is not None)
    return frozenset(found for text in texts for found in _GROUP.findall(text))


def names(version: str) -> frozenset[str]:
    """The structures of one version."""
    return frozenset(_texts(version))


@cache
def _all_names() -> frozenset[str]:
    return frozenset(name for version in VERSIONS for name in _texts(version))


@lru_cache(256)
def nearest(version: str) -> tuple[str, ...]:
    """All versions, the nearest to this one first; the newer of two equally near."""
    match = re.search(r"2\.(\d{1,2})(?:\.(\d))?", version)
    at = _place(match[1], match[2]) if match else _place(*_parts(MIDDLE))
    return tuple(sorted(VERSIONS, key=lambda v: (abs(_place(*_parts(v)) - at), -_place(*_parts(v)))))


def _parts(version: str) -> tuple[str, str]:
    _, minor, patch, *_ = [*version.split("."), "0"]
    return minor, patch


def _place(minor: str, patch: str | None) -> int:
    return int(minor) * 10 + int(patch or 0)


@cache
def _texts(version: str) -> dict[str, str]:
    return json.loads(files(__spec__.parent).joinpath(f"tables/structures-{version}.json").read_text("utf-8"))


@cache
def compile_structure(name: str, version: str) -> Structure:
    root = Node(name, None, "", True)
    at = root
    choice: list[str] | None = None
    for label, mark, opens, brace, unbrace, choice_mark, closes in _TOKEN.findall(_texts(version)[name]):
        if brace:
            choice = [""]
        elif unbrace and choice is not None:
            choice[0] = choice_mark
            choice = None
        elif closes and at.parent is not None:
            choice, at = at.choice, at.parent
        elif label:
            node = Node(label, at, mark, bool(opens))
            node.choice = choice
            at.children.append(node)
            if opens:
                at, choice = node, None
    _find_first(root)
    leaves = list(root.leaves())
    return Structure(name, version, root, leaves[0], frozenset(leaf.name for leaf in leaves))


def _find_first(group: Node) -> None:
    """Names that can begin a group, ORC being left out by many senders even where it is required."""
    found: set[str] = set()
    settled = False
    without_orc = False
    for position, child in enumerate(group.children):
        if child.is_group:
            _find_first(child)
        if settled:
            continue
        if without_orc and not child.is_group and child.least == 0 and child.choice is None:
            settled = True
            continue
        names = child.first if child.is_group else {child.name}
        found |= names - BESIDE if position and child.least == 0 else names
        if child.choice is not None:
            last = position + 1 == len(group.children) or group.children[position + 1].choice is not child.choice
            settled = last and child.choice[0] in ("", "+")
        elif child.name == "ORC" and child.least:
            without_orc = True
        else:
            settled = child.least > 0
    if {child.name for child in group.children} >= _PAIR:
        found.add("ORC")
    group.first = frozenset(("PID",)) if group.name == PRIOR else frozenset(found)


# transitions ──────────────────────────────────────────────────────────────────────────────────────


def plans(leaf: Node, name: str) -> tuple[Plan, ...]:
    """The ways to place a segment `name` after `leaf`, the best first; the last is never conditional.

    From the innermost group outwards: the same leaf again, forward in the group, the group anew, back in the group.
    """
    found = leaf.plans.get(name)
    if found is None:
        found = leaf.plans[name] = tuple(_plans(leaf, name))
    return found


def _plans(leaf: Node, name: str) -> Iterator[Plan]:
    group = leaf.parent
    if group is None:
        raise ValueError("a leaf stands in a group")
    if name == "NTE":  # a note goes with the segment it follows
        note = next((n for n in group.children[leaf.index :] if n.name == name), leaf)
        yield Plan(0, (), note)
        return
    if leaf.name == name and leaf.repeats:
        yield Plan(0, (), leaf)
        return
    up = 0
    at = leaf.index
    home: Plan | None = None
    while True:
        target = _enter(group.children[at + 1 :], name, back=False)
        if target is not None:
            yield Plan(up, _between(group, target), target)
            return
        other = next((child for child in group.children if child.name == name), None)
        if other is not None and _pair(leaf, name):
            yield Plan(up, (), other, once=True)  # the two in the other order, while the second is missing
        if group.repeats and name in group.first:
            target = _begin(group, name)
            yield Plan(up + 1, (group, *_between(group, target)), target)
            return
        target = _enter(reversed(group.children[: at + 1]), name, back=True)
        if target is not None and target is not leaf and not (up == 0 and _pair(leaf, name)):
            once = not target.repeats and target.parent is group
            yield Plan(up, _between(group, target), target, once=once)
            if not once:
                return
        if home is None and any(child.name == name and not child.is_group for child in group.children):
            home = Plan(up, (), leaf, stray=True)
        if group.parent is None:
            break
        up, at, group = up + 1, group.index, group.parent
    yield home or Plan(0, (), leaf, stray=True)


def _pair(leaf: Node, name: str) -> bool:
    return leaf.name in _PAIR and name in _PAIR and leaf.name != name


def _enter(nodes: Iterator[Node] | list[Node], name: str, *, back: bool) -> Node | None:
    """The first leaf of this name in the nodes or in groups below them that it may open."""
    for node in nodes:
        if not node.is_group:
            if node.name == name:
                return node
        elif name in node.first:
            return _begin(node, name)
        elif node.name != PRIOR and not (back and node.repeats):
            target = _enter(node.children, name, back=back)
            own = target.parent if target is not None else None
            if own is not None and (not own.repeats or name in own.first):
                return target
    return None


def _begin(group: Node, name: str) -> Node:
    """The leaf that begins the group under this name."""
    for child in group.children:
        if not child.is_group:
            if child.name == name:
                return child
        elif name in child.first:
            return _begin(child, name)
    raise ValueError(f"{name} does not begin {group.name}")


def _between(group: Node, leaf: Node) -> tuple[Node, ...]:
    """The groups from below `group` down to the leaf's own."""
    path: list[Node] = []
    node = leaf.parent
    while node is not None and node is not group:
        path.append(node)
        node = node.parent
    return tuple(reversed(path))
