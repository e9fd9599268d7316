"""Settings read: defaults < file < environment < flags, with all faults at once (O-41, O-44).

Every fault has its path, its origin and the nearest right name. A listener off loopback without protection has to be asked for in words.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, cast, get_args

import yaml
from pydantic import BaseModel, ValidationError

from segue.options import nearest
from segue.settings.doors import is_loopback
from segue.settings.targets import KINDS
from segue.settings.tree import Settings

PREFIX = "SEGUE__"
Key = tuple[str | int, ...]


class Fault(NamedTuple):
    """One fault of the settings."""

    path: str  # "listeners.0.port"; "" for the whole
    origin: str  # "segue.yaml:3", "SEGUE__HTTP__PORT", "flag", "default"
    text: str

    def __str__(self) -> str:
        return f"{self.path or 'settings'} ({self.origin}): {self.text}"


class SettingsError(Exception):
    """The settings cannot be used; carries every fault."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("\n".join(map(str, faults)))
        self.faults = tuple(faults)


class _Given(NamedTuple):
    value: Any
    origin: str


@dataclass(frozen=True, slots=True)
class Loaded:
    """The effective settings and where each value that is no default came from."""

    settings: Settings
    origins: Mapping[str, str]

    def rows(self) -> Iterator[tuple[str, Any, str]]:
        """Path, value and origin of every setting, in the tree's order."""
        for key, value in _leaves(self.settings.model_dump(mode="json")):
            path = _dotted(key)
            yield path, value, self.origins.get(path, "default")


def load(
    file: Path | None = None, *, environment: Mapping[str, str] | None = None, flags: Mapping[Key, Any] | None = None
) -> Loaded:
    """Reads and checks all layers; raises SettingsError with every fault. A flag of None was not given."""
    faults: list[Fault] = []
    given: dict[Key, _Given] = {}
    if file is not None:
        _overlay(given, _from_file(file, faults))
    _overlay(given, _from_environment(os.environ if environment is None else environment, faults))
    _overlay(given, {key: _Given(value, "flag") for key, value in (flags or {}).items() if value is not None})
    tree = _tree(given, faults)
    _across(tree, given, faults)
    settings: Settings | None = None
    try:
        settings = Settings.model_validate(tree)
    except ValidationError as error:
        faults += (_fault(detail, given) for detail in error.errors(include_url=False, include_input=False))
    if settings is None or faults:
        raise SettingsError(faults)
    return Loaded(settings, {_dotted(key): value.origin for key, value in given.items()})


def _overlay(given: dict[Key, _Given], layer: Mapping[Key, _Given]) -> None:
    for key, value in layer.items():
        for other in [k for k in given if k[: len(key)] == key or key[: len(k)] == k]:
            del given[other]  # a later layer that gives a whole branch, or a branch for a leaf, replaces it
        given[key] = value


def _from_file(file: Path, faults: list[Fault]) -> dict[Key, _Given]:
    try:
        loader = yaml.SafeLoader(file.read_text("utf-8"))
        node = loader.get_single_node()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise SettingsError([Fault("", str(file), f"cannot be read: {reason}")]) from None
    except yaml.YAMLError as error:
        mark = cast("yaml.Mark | None", getattr(error, "problem_mark", None))
        at = f"{file}:{mark.line + 1}" if mark else str(file)
        raise SettingsError([Fault("", at, f"not YAML: {getattr(error, 'problem', 'unreadable')}")]) from None
    if node is None or node.tag == "tag:yaml.org,2002:null":
        return {}
    if not isinstance(node, yaml.MappingNode):
        raise SettingsError([Fault("", f"{file}:1", "the file has to be a mapping of settings")])
    return dict(_flatten(loader, node, (), str(file), faults))


def _flatten(
    loader: yaml.SafeLoader, node: yaml.Node, at: Key, file: str, faults: list[Fault]
) -> Iterator[tuple[Key, _Given]]:
    origin = f"{file}:{node.start_mark.line + 1}"
    if isinstance(node, yaml.MappingNode) and node.value:
        seen: set[str] = set()
        pairs = cast("list[tuple[yaml.Node, yaml.Node]]", node.value)
        for name, value in pairs:
            key = str(name.value)
            if key in seen:
                faults.append(
                    Fault(_dotted((*at, key)), f"{file}:{name.start_mark.line + 1}", "given twice – keep one")
                )
            seen.add(key)
            yield from _flatten(loader, value, (*at, key), file, faults)
    elif isinstance(node, yaml.SequenceNode) and node.value:
        for index, value in enumerate(cast("list[yaml.Node]", node.value)):
            yield from _flatten(loader, value, (*at, index), file, faults)
    else:
        yield at, _Given(loader.construct_object(node, deep=True), origin)  # pyright: ignore[reportUnknownMemberType]


def _from_environment(environment: Mapping[str, str], faults: list[Fault]) -> dict[Key, _Given]:
    found: dict[Key, _Given] = {}
    for name in sorted(environment):
        if not name.startswith(PREFIX):
            continue
        parts = name.removeprefix(PREFIX).lower().split("__")
        key = tuple(int(part) if part.isdigit() else part for part in parts)
        try:
            found[key] = _Given(yaml.safe_load(environment[name]), name)
        except yaml.YAMLError:
            faults.append(Fault(_dotted(key), name, "not a YAML value – quote it"))
    return found


def _tree(given: Mapping[Key, _Given], faults: list[Fault]) -> Any:
    root: dict[str | int, Any] = {}
    for key, value in given.items():
        node = root
        for part in key[:-1]:
            node = node.setdefault(part, {})
        node[key[-1]] = value.value
    return _lists(root, (), given, faults)


def _lists(node: Any, at: Key, given: Mapping[Key, _Given], faults: list[Fault]) -> Any:
    """Branches whose keys are all numbers become lists."""
    if not isinstance(node, dict) or not node:
        return cast("Any", node)
    branch = cast("dict[str | int, Any]", node)
    inner: dict[str | int, Any] = {key: _lists(value, (*at, key), given, faults) for key, value in branch.items()}
    if not all(isinstance(key, int) for key in branch):
        return {str(key): value for key, value in inner.items()}
    numbers = sorted(cast("list[int]", list(branch)))
    if numbers != list(range(len(numbers))):
        faults.append(
            Fault(
                _dotted(at),
                _origin(at, given),
                f"the list has no item {next(i for i, n in enumerate(numbers) if i != n)} – number from 0",
            )
        )
    return [inner[number] for number in numbers]


def _across(tree: Any, given: Mapping[Key, _Given], faults: list[Fault]) -> None:
    """What no single value shows; looked for in the raw tree, so that it is found beside faults of single values."""
    names: list[object] = []
    _target_names(tree, given, faults)
    for key in _doors(tree):
        door: Any = tree
        for part in key:
            door = door[part]
        host = door.get("host", "127.0.0.1")
        if (
            isinstance(host, str)
            and not is_loopback(host)
            and door.get("plaintext") is not True
            and not door.get("tls")
        ):
            at = (*key, "host")
            text = "not a loopback address and nothing protects it – set plaintext: true to accept that"
            faults.append(Fault(_dotted(at), _origin(at, given), text))
        if key[0] == "listeners":
            if door.get("callback") and not _journal(tree):
                text = "an application acknowledgement that has to arrive needs a journal – set journal.url"
                faults.append(Fault(_dotted((*key, "callback")), _origin((*key, "callback"), given), text))
            name = door.get("name", "mllp")
            if name in names:
                at = (*key, "name")
                faults.append(
                    Fault(_dotted(at), _origin(at, given), "another listener has this name – give each its own")
                )
            names.append(name)


def _journal(tree: Any) -> bool:
    node: Any = cast("dict[str, Any]", tree).get("journal")
    return isinstance(node, dict) and bool(cast("dict[str, Any]", node).get("url"))


def _target_names(tree: Any, given: Mapping[Key, _Given], faults: list[Fault]) -> None:
    """Each target has a name of its own; `deliver` takes one too."""
    targets: Any = cast("dict[str, Any]", tree).get("targets") if isinstance(tree, dict) else None
    names: set[object] = {"deliver"} if cast("dict[str, Any]", tree).get("deliver") is not None else set()
    for index, target in enumerate(cast("list[Any]", targets) if isinstance(targets, list) else []):
        name: Any = cast("dict[str, Any]", target).get("name") if isinstance(target, dict) else None
        if isinstance(name, str) and name in names:
            at: Key = ("targets", index, "name")
            faults.append(Fault(_dotted(at), _origin(at, given), "another target has this name – give each its own"))
        names.add(name)


def _doors(tree: Any) -> Iterator[Key]:
    if not isinstance(tree, dict):
        return
    branch = cast("dict[str, Any]", tree)
    if isinstance(branch.get("http"), dict):
        yield ("http",)
    if isinstance(branch.get("listeners"), list):
        for index, listener in enumerate(cast("list[Any]", branch["listeners"])):
            if isinstance(listener, dict):
                yield ("listeners", index)


def _fault(detail: Any, given: Mapping[Key, _Given]) -> Fault:
    loc = cast("Key", tuple(detail["loc"]))
    # A fault in a target names the kind after the index; the tree has no such step.
    key: Key = (*loc[:2], *loc[3:]) if loc[:1] == ("targets",) and len(loc) > 2 else loc
    text = str(detail["msg"]).removeprefix("Value error, ")
    if detail["type"] == "union_tag_invalid":
        return Fault(_dotted((*key, "kind")), _origin(key, given), f"unknown kind – known here: {', '.join(KINDS)}")
    if detail["type"] == "extra_forbidden":
        known = _names(loc[:-1])
        close = nearest(str(loc[len(loc) - 1]), known)
        text = "unknown key – " + (f"did you mean {close}?" if close else f"known here: {', '.join(known)}")
    return Fault(_dotted(key), _origin(key, given), text)


def _names(loc: Key) -> tuple[str, ...]:
    """The keys that may stand at a place of the tree."""
    models: list[type[BaseModel]] = [Settings]
    for part in loc:
        if part in KINDS and len(models) > 1:
            models = [KINDS[str(part)]]
        elif isinstance(part, str):
            models = list(_models(models[0].model_fields[part].annotation))
    return tuple(models[0].model_fields)


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    """The nodes in a type, inside tuples, unions and annotations."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _models(inner)


def _origin(key: Key, given: Mapping[Key, _Given]) -> str:
    for other, value in given.items():
        if other[: len(key)] == key or key[: len(other)] == other:
            return value.origin
    return "default"


def _dotted(key: Key) -> str:
    return ".".join(map(str, key))


def _leaves(node: Any, at: Key = ()) -> Iterator[tuple[Key, Any]]:
    if isinstance(node, dict):
        for key, value in cast("dict[str, Any]", node).items():
            yield from _leaves(value, (*at, key))
    elif isinstance(node, list) and node:
        for index, value in enumerate(cast("list[Any]", node)):
            yield from _leaves(value, (*at, index))
    else:
        yield at, node
