"""A mapping pack: a folder of files, read once, compiled per site, plain and traced.

    messages/ADT_A01.yaml  segments/PID.Patient.yaml  datatypes/CX.Identifier.yaml  extensions.yaml  sites/<name>/…

A site is a folder of the same shape whose files say only what they change, with a site.yaml that says when it applies.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from segue.hl7 import dictionary
from segue.packdata import data_folder
from segue.terminology import Terminology

from .compiler import Compiler, SegmentMap
from .emit import Body
from .expression import parse, parse_value
from .functions import enlist
from .messages import MessageMap, MessageReader
from .narratives import Narratives
from .objects import Objects
from .places import Env
from .sites import Site, read_site
from .source import Fields, MappingError, Place, overlay, read, strings_of, text_of

enlist()

FOLDERS = ("datatypes", "segments", "messages")
CORE_EXTENSION = "http://hl7.org/fhir/StructureDefinition/"


@dataclass(slots=True)
class Compiled:
    """What conversion needs of a pack for one site. `ignored`: fields that no map has to carry, and by which rule."""

    maps: dict[str, SegmentMap]
    messages: dict[str, MessageMap]  # by structure
    ignored: Mapping[tuple[str, int, int], str]
    sources: Mapping[str, str]
    namespace: Mapping[str, Any]


@dataclass
class Pack:
    """Files of a pack and its sites; `compiled()` is cached per site."""

    name: str
    version: str
    files: dict[str, Fields]
    extensions: dict[str, str]
    sites: dict[str, Site]
    digest: str
    folder: Path
    _compiled: dict[tuple[str, bool, str], Compiled] = field(default_factory=dict[tuple[str, bool, str], Compiled])

    @classmethod
    def load(cls, folder: Path | None = None, sites: Path | None = None) -> Pack:
        """The pack of a folder (default: the one that ships). Raises MappingError with file:line."""
        folder = folder or data_folder("mappings")
        files = read_files(folder)
        extensions = read_registry(folder)
        found: dict[str, Site] = {}
        for home in (folder / "sites", sites):
            if home is not None and home.is_dir():
                for path in sorted(p for p in home.iterdir() if p.is_dir()):
                    found[path.name] = read_site(path)
        digest = hashlib.sha256()
        for home in (folder, sites):
            for path in (
                sorted(p for p in home.rglob("*") if p.suffix in (".yaml", ".html")) if home is not None else ()
            ):
                digest.update(str(path.relative_to(home)).encode())  # pyright: ignore[reportArgumentType]
                digest.update(path.read_bytes())
        about = (
            read(folder / "pack.yaml", "pack.yaml")
            if (folder / "pack.yaml").exists()
            else Fields({}, Place("pack.yaml", 1))
        )
        name = text_of(about.get("name"), "name") if about.get("name") else folder.name
        version = text_of(about.get("version"), "version") if about.get("version") else "0"
        return cls(name, version, files, extensions, found, digest.hexdigest(), folder)

    def compiled(self, terminology: Terminology, site: str | None = None, traced: bool = False) -> Compiled:
        """Compiles base + site once; raises MappingError for the first fault."""
        key = (site or "", traced, terminology.compiled_from)
        found = self._compiled.get(key)
        if found is None:
            found = self._compiled[key] = self.compile(terminology, site, traced)
        return found

    def compile(self, terminology: Terminology, site: str | None = None, traced: bool = False) -> Compiled:
        files = dict(self.files)
        if site is not None:
            for name, tree in self.sites[site].files.items():
                files[name] = overlay(files[name], tree) if name in files else tree
        compiler = Compiler(files, terminology, self.extensions, traced)
        compiler.compile_datatypes()
        maps = {
            name.split("/", 1)[1]: compiler.segment(name.split("/", 1)[1], tree)
            for name, tree in files.items()
            if name.startswith("segments/")
        }

        def segment_map(name: str, place: Place) -> SegmentMap:
            if name not in maps:
                from difflib import get_close_matches

                near = get_close_matches(name, list(maps), 1)
                raise MappingError(f"no segment map {name!r}", place, f"did you mean {near[0]}?" if near else "")
            return maps[name]

        reader = MessageReader(segment_map, lambda segment, text, place: condition(compiler, segment, text, place))
        messages: dict[str, MessageMap] = {}
        for name, tree in files.items():
            if name.startswith("messages/") and tree.get("structure") is not None:
                message = reader.read(name.split("/", 1)[1], composed(files, tree))
                for structure in message.structures:
                    messages[structure] = message
        ignored = {**set_ids(), **compiler.ignored}
        return Compiled(maps, messages, ignored, compiler.sources, compiler.namespace)

    @cached_property
    def narratives(self) -> Narratives:
        """The templates of the texts; raises MappingError with file:line."""
        return Narratives.load(self.folder)

    @cached_property
    def structures(self) -> dict[str, tuple[str, ...]]:
        """Structure ▸ the events its map names."""
        out: dict[str, tuple[str, ...]] = {}
        for name, tree in self.files.items():
            if name.startswith("messages/"):
                for structure in strings_of(tree.get("structure"), "structure"):
                    out[structure] = tuple(strings_of(tree.get("events"), "events"))
        return out


def composed(files: Mapping[str, Fields], tree: Fields) -> Fields:
    """A message map with what it extends and includes below it."""
    base: Fields | None = None
    for key in ("extends", "include"):
        for name in strings_of(tree.get(key), key):
            below = files.get(f"messages/{name}")
            if below is None:
                raise MappingError(f"no message map {name!r}", tree.at(key))
            part = composed(files, below)
            base = part if base is None else overlay(base, part)
    return overlay(base, tree) if base is not None else tree


def condition(compiler: Compiler, segment: str, text: str, place: Place) -> Callable[..., bool]:
    """A `when` of a message map as a function of (ctx, segment)."""
    env = Env(segment, None, None, frozenset(), place)
    objects = Objects(compiler, Body(), env)
    result = objects.condition(parse_value(text, place) or parse(text, place), env)
    objects.body.line(f"return {result}")
    name = "when_" + "".join(c if c.isalnum() else "_" for c in str(place)) + f"_{segment}"
    return compiler.define(f"when {place} {segment}", name, f"def {name}(ctx, seg):", objects, f"messages/{place}")


def read_files(folder: Path) -> dict[str, Fields]:
    files: dict[str, Fields] = {}
    for kind in FOLDERS:
        for path in sorted((folder / kind).glob("*.yaml")):
            name = f"{kind}/{path.stem}"
            files[name] = read(path, f"{kind}/{path.name}")
    return files


def read_registry(folder: Path) -> dict[str, str]:
    """Short name ▸ URL of the extensions a pack knows; `segue:name` stands for the project's own base."""
    registry = folder / "extensions.yaml"
    if not registry.exists():
        return {}
    tree = read(registry, "extensions.yaml")
    urls = {name: text_of(node, name) for name, node in tree.entries.items()}
    own = {"core": CORE_EXTENSION, "segue": "segue:"}
    return {name: own[url] + name if url in own else url for name, url in urls.items()}


def set_ids() -> Mapping[tuple[str, int, int], str]:
    """Fields that only number segments or type others (R-NF-9)."""
    out = {
        (s, n, 0): "R-NF-9"
        for s in dictionary.segments()
        for n, f in dictionary.fields(s).items()
        if f.name.lower().startswith("set id")
    }
    out["OBX", 2, 0] = "R-NF-9"
    out["MSH", 1, 0] = out["MSH", 2, 0] = "R-NF-9"
    return out


load_pack = Pack.load

__all__ = ["Compiled", "Pack", "load_pack"]
