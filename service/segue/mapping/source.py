"""Mapping files as trees that remember where they stand, and overlays of one tree on another.

Knows YAML and lines, nothing of HL7 or FHIR. A site's file repeats only what it changes (mapping language §5): a key replaces,
`null` removes, `$add` appends to a list. Every node keeps the file and line that wrote it, so that an error in an overlaid map
names the overlay's line.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml


@dataclass(frozen=True, slots=True)
class Place:
    """File (relative to the pack) and 1-based line."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


class MappingError(Exception):
    """A fault in a mapping file, found when the pack is loaded: what is wrong (where) – what to do."""

    def __init__(self, text: str, place: Place, hint: str = "") -> None:
        super().__init__(f"{place}: {text}" + (f" – {hint}" if hint else ""))
        self.text, self.place, self.hint = text, place, hint


@dataclass(slots=True)
class Scalar:
    value: str | int | bool | None
    place: Place


@dataclass(slots=True)
class Items:
    items: list[Node]
    place: Place


@dataclass(slots=True)
class Fields:
    """A YAML mapping, in file order."""

    entries: dict[str, Node]
    place: Place
    keys: dict[str, Place] = field(default_factory=dict[str, Place])

    def get(self, key: str) -> Node | None:
        return self.entries.get(key)

    def at(self, key: str) -> Place:
        return self.keys.get(key, self.place)


Node = Scalar | Items | Fields


def read(path: Path, name: str) -> Fields:
    """The tree of one file; `name` is what messages call the file."""
    try:
        root = _composed(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise MappingError(
            f"not YAML: {getattr(error, 'problem', None) or 'unreadable'}", Place(name, mark.line + 1 if mark else 1)
        ) from None
    if root is None:
        return Fields({}, Place(name, 1))
    node = _node(root, name)
    if not isinstance(node, Fields):
        raise MappingError("a map file holds keys and values", node.place)
    return node


def _composed(text: str) -> yaml.Node | None:
    """By libyaml where PyYAML was built with it, ten times as fast; faults are told in the words of the other."""
    quick: type[Any] | None = getattr(yaml, "CSafeLoader", None)
    if quick is not None:
        with contextlib.suppress(yaml.YAMLError):
            return yaml.compose(text, Loader=quick)
    return yaml.compose(text, Loader=yaml.SafeLoader)


def _node(node: yaml.Node, name: str) -> Node:
    place = Place(name, node.start_mark.line + 1)
    if isinstance(node, yaml.ScalarNode):
        return Scalar(_scalar(node), place)
    if isinstance(node, yaml.SequenceNode):
        return Items([_node(child, name) for child in node.value], place)
    assert isinstance(node, yaml.MappingNode)
    fields = Fields({}, place)
    for key, value in node.value:
        where = Place(name, key.start_mark.line + 1)
        text = str(key.value)
        if text in fields.entries:
            raise MappingError(f"key {text!r} stands twice", where)
        fields.entries[text] = _node(value, name)
        fields.keys[text] = where
    return fields


def _scalar(node: yaml.ScalarNode) -> Any:
    # Only null, true/false and plain integers are typed: `1.50`, `on` and dates stay the text that was written.
    if node.style in ("'", '"', "|", ">"):
        return node.value
    if node.value in ("", "~", "null"):
        return None
    if node.value in ("true", "false"):
        return node.value == "true"
    if node.value.isdigit() and (node.value == "0" or not node.value.startswith("0")):
        return int(node.value)
    return node.value


def overlay(base: Fields, over: Fields) -> Fields:
    """`base` with the changes of `over`; neither is altered."""
    merged = Fields(dict(base.entries), base.place, dict(base.keys))
    for key, node in over.entries.items():
        place = over.at(key)
        below = merged.entries.get(key)
        if isinstance(node, Scalar) and node.value is None:
            if below is None:
                raise MappingError(f"nothing to remove: the base has no {key!r}", place)
            del merged.entries[key]
        elif isinstance(node, Fields) and "$add" in node.entries:
            added = node.entries["$add"]
            more = added.items if isinstance(added, Items) else [added]
            if isinstance(below, Fields) and isinstance(added, Fields):  # extensions are keyed by name
                merged.entries[key] = overlay(below, added)
            else:
                old = below.items if isinstance(below, Items) else [] if below is None else [below]
                merged.entries[key] = Items([*old, *more], node.place)
        elif isinstance(node, Fields) and isinstance(below, Fields):
            merged.entries[key] = overlay(below, node)
        else:
            merged.entries[key] = node
        if key in merged.entries:
            merged.keys.setdefault(key, place)
            if node is merged.entries[key]:
                merged.keys[key] = place
    return merged


def text_of(node: Node | None, what: str) -> str:
    """The string a key must hold."""
    if isinstance(node, Scalar) and isinstance(node.value, str):
        return node.value
    if isinstance(node, Scalar) and node.value is not None and not isinstance(node.value, bool):
        return str(node.value)
    raise MappingError(f"{what} takes a text", node.place if node else Place("?", 0))


def list_of(node: Node | None) -> list[Node]:
    """The items of a list; a single node is a list of one; absent is empty."""
    if node is None:
        return []
    return node.items if isinstance(node, Items) else [node]


def strings_of(node: Node | None, what: str) -> list[str]:
    return [text_of(item, what) for item in list_of(node)]
