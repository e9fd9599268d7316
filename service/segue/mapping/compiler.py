"""Maps into functions: parse ▸ check ▸ emit, one plain Python function a file (P-10, P-14).

A compiled map is found in tracebacks and in `segue convert --dump` under its file's name. The same plan is emitted twice: plain,
and traced when lineage is asked for (P-15). What the pack reads is known from here, never from a list kept by hand.
"""

from __future__ import annotations

import linecache
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

from segue.fhir import elements
from segue.fhir.elements import Element
from segue.hl7 import dictionary
from segue.hl7.message import Part, Repetition
from segue.terminology import Terminology

from . import runtime
from .context import Context
from .emit import Body
from .expression import Apply, Path, parse
from .functions import CONVERSIONS, Function
from .memory import remember, remember_resource
from .objects import Objects
from .places import Env
from .source import Fields, Items, MappingError, Place, Scalar, list_of, strings_of, text_of
from .typing import V2Type, is_segment

SYSTEM_PREFIXES = {
    "v2-": "http://terminology.hl7.org/CodeSystem/v2-",
    "v3-": "http://terminology.hl7.org/CodeSystem/v3-",
}
CONTROL = frozenset(("$if", "$key", "$verb", "$ignore", "$because", "$require", "$params"))


@dataclass(frozen=True, slots=True)
class SegmentMap:
    """A compiled segment map: `build(ctx, segment)` gives a resource or None, `key(ctx, segment, resource)` its identity."""

    name: str  # PID.Patient
    segment: str
    resource: str
    build: Callable[..., Any]
    key: Callable[..., Any]
    verb: str
    reads: frozenset[str]  # v2 paths


@dataclass(slots=True)
class Compiler:
    """Compiles the files of one pack against one terminology."""

    files: Mapping[str, Fields]  # "segments/PID.Patient" ▸ tree
    terminology: Terminology
    extension_urls: Mapping[str, str]
    traced: bool = False
    namespace: dict[str, Any] = field(default_factory=dict[str, Any])
    reads: set[str] = field(default_factory=set[str])
    sources: dict[str, str] = field(default_factory=dict[str, str])
    ignored: dict[tuple[str, int, int], str] = field(default_factory=dict[tuple[str, int, int], str])
    maps: dict[str, Fields] = field(default_factory=dict[str, Fields])  # of data types, by name
    default_pairs: dict[tuple[str, str], str] = field(default_factory=dict[tuple[str, str], str])

    def __post_init__(self) -> None:
        self.namespace.update(runtime.NAMES)
        self.maps = {name.split("/", 1)[1]: tree for name, tree in self.files.items() if name.startswith("datatypes/")}
        for name in self.maps:
            if "-" not in name:
                source, target = name.split(".", 1)
                self.default_pairs[source, target] = name

    # ---- what expressions may name

    def has_map(self, name: str) -> bool:
        return file_name(name) in self.maps

    def map_names(self) -> list[str]:
        return [name.replace("-", ".") for name in self.maps]

    def datatype_map(self, datatype: str, want: str) -> str | None:
        """Name of the map of a pair of types; `&Patient` is a reference to a Patient."""
        name = self.default_pairs.get((datatype, want.removeprefix("&")))
        if name is None or elements.is_resource(want.removeprefix("&")) != want.startswith("&"):
            return None
        return name

    def map_function(self, name: str, element: Element, place: Place) -> str:
        name = file_name(name)
        target = name.split(".", 1)[1].split("-", 1)[0]
        if elements.is_resource(target):
            if "Reference" not in element.types or (element.targets and target not in element.targets):
                raise MappingError(
                    f"{element.name} cannot refer to {target}", place, f"targets are {', '.join(element.targets)}"
                )
        elif target not in element.types:
            raise MappingError(f"{name} gives {target}, {element.name} takes {' or '.join(element.types)}", place)
        return name

    def given(self, name: str, node: str, named: dict[str, str], place: Place) -> str:
        """The call of a data type map on a node: remembered, unless it is traced or reads what stands around it."""
        tree = self.maps[name]
        params = strings_of(tree.get("$params"), "$params")
        unknown = [k for k in named if k not in params]
        if unknown:
            raise MappingError(
                f"{name} has no parameter {unknown[0]!r}", place, f"it takes {', '.join(params)}" if params else ""
            )
        arguments = "".join(f", {named.get(p, 'None')}" for p in params).rstrip()
        function = function_name(name)
        if elements.is_resource(name.split(".", 1)[1].split("-", 1)[0]):
            how = "resource_given" if self.traced or reads_around(tree) else "remember_resource"
            return f"{how}(ctx, {function}, {self.verb(tree)!r}, {node}{arguments})"
        return (
            f"{function}(ctx, {node}{arguments})"
            if self.traced or reads_around(tree)
            else f"remember(ctx, {function}, {node}{arguments})"
        )

    def pairs(self, datatype: str) -> list[str]:
        return [t for d, t in self.default_pairs if d == datatype] + [t for d, t in CONVERSIONS if d == datatype]

    def table(self, name: str, place: Place) -> str:
        try:
            table = self.terminology.table(name)
        except KeyError:
            near = get_close_matches(name, self.terminology.table_names, 1)
            raise MappingError(f"no table {name!r}", place, f"did you mean {near[0]}?" if near else "") from None
        variable = "TABLE_" + "".join(c if c.isalnum() else "_" for c in name)
        self.namespace[variable] = table
        return variable

    def helper(self, listed: Function) -> str:
        variable = "F_" + listed.call.__name__
        self.namespace[variable] = listed.call
        return variable

    def extension(self, name: str, owner: str, place: Place) -> str:
        """URL of an extension by its short name, as a Python expression."""
        if name.startswith(("http://", "https://", "urn:")):
            return repr(name)
        url = self.extension_urls.get(name)
        if url is None:
            near = get_close_matches(name, list(self.extension_urls), 1)
            raise MappingError(
                f"no extension {name!r}", place, f"did you mean {near[0]}?" if near else "list it in extensions.yaml"
            )
        if url.startswith("segue:"):
            return f"ctx.options.extension_base + {url.removeprefix('segue:')!r}"
        return repr(url)

    def constant(self, value: str | int | bool, element: Element, place: Place) -> str:
        """A constant of an element, checked against its type and required binding, as Python."""
        types = element.types
        if isinstance(value, bool):
            if "boolean" not in types:
                raise MappingError(f"{element.name} takes {' or '.join(types)}, not {str(value).lower()}", place)
            return repr(value)
        if isinstance(value, int):
            if set(types) & {"integer", "positiveInt", "unsignedInt"}:
                return repr(value)
            if "decimal" in types:
                return f"Decimal({str(value)!r})"
            value = str(value)
        if set(types) & {"CodeableConcept", "Coding"}:
            coding = self.coding(value, place)
            return f"{{'coding': [{coding}]}}" if "CodeableConcept" in types else coding
        if set(types) & {"integer", "positiveInt", "unsignedInt", "decimal", "boolean"} and not set(types) & {"string"}:
            raise MappingError(f"{element.name} takes {' or '.join(types)}, not a text", place)
        if element.codes is not None and value not in element.codes:
            near = get_close_matches(value, list(element.codes), 1)
            raise MappingError(
                f"{value!r} is no code of {element.name}", place, f"did you mean {near[0]}?" if near else ""
            )
        if not any(elements.is_primitive(t) for t in types):
            raise MappingError(f"{element.name} takes {' or '.join(types)}, not a text", place)
        if not any(re.fullmatch(elements.primitives().get(t) or ".*", value, re.DOTALL) for t in types):
            raise MappingError(f"{value!r} is no {' or '.join(types)}", place)
        return repr(value)

    def coding(self, value: str, place: Place) -> str:
        """`v2-0203#PLAC` or `http://loinc.org#1234-5|display`."""
        system, hash_, code = value.partition("#")
        if not hash_:
            raise MappingError(f"{value!r} is no coding", place, "write system#code")
        for prefix, url in SYSTEM_PREFIXES.items():
            if system.startswith(prefix):
                system = url + system.removeprefix(prefix)
        if not system.startswith(("http://", "https://", "urn:")):
            raise MappingError(f"{system!r} is no system", place, "write a URI, v2-nnnn or v3-Name")
        code, bar, display = code.partition("|")
        return f"{{'system': {system!r}, 'code': {code!r}" + (f", 'display': {display!r}}}" if bar else "}")

    # ---- files into functions

    def compile_datatypes(self) -> None:
        for name, tree in self.maps.items():
            self.datatype(name, tree)

    def datatype(self, name: str, tree: Fields) -> None:
        """`CX.Identifier`: f(ctx, it) gives the element, or for a resource a reference to it."""
        source, target = name.split(".", 1)
        target = target.split("-", 1)[0]
        if not elements.is_resource(target) and not elements.elements(target):
            raise MappingError(f"{target} is no FHIR type", tree.place)
        if not dictionary.components(source) and not dictionary.is_primitive(source):
            raise MappingError(f"{source} is no HL7 data type", tree.place)
        params = strings_of(tree.get("$params"), "$params")
        env = Env(None, "it", V2Type(source), frozenset(params), tree.place)
        body = Body()
        objects = Objects(self, body, env)
        resource = elements.is_resource(target)
        self.guard(tree, objects, env)
        body.line(f"out = {{'resourceType': {target!r}}}" if resource else "out = {}")
        objects.fill(content(tree), target, "out", env)
        body.line(f"if len(out) <= dead{' + 1' if resource else ''}:")
        body.line("    return None")
        if resource:
            self.identity(tree, objects, env, target)
            body.line("return out, key, identifier")
        else:
            body.line("return out")
        arguments = "".join(f", {p}=None" for p in params)
        head = f"def {function_name(name)}(ctx, it{arguments}):"
        build = self.define(name, function_name(name), head, objects, f"datatypes/{name}")
        self.namespace["given_" + function_name(name).removeprefix("map_")] = _given(build, self.verb(tree), resource)

    def segment(self, name: str, tree: Fields) -> SegmentMap:
        """`PID.Patient` or `MSH.Provenance-Source`."""
        source, target = name.split(".", 1)
        target = target.split("-", 1)[0]
        if not is_segment(source):
            raise MappingError(f"{source} is no segment", tree.place)
        if not elements.is_resource(target):
            near = get_close_matches(target, ["Patient", "Encounter", "Observation"], 1)
            raise MappingError(f"{target} is no resource", tree.place, f"did you mean {near[0]}?" if near else "")
        before = set(self.reads)
        self.reads.clear()
        self.take_ignored(source, tree)
        env = Env(source, None, None, frozenset(), tree.place)
        body = Body()
        objects = Objects(self, body, env)
        body.line("u = 0")
        self.guard(tree, objects, env)
        body.line(f"out = {{'resourceType': {target!r}}}")
        objects.fill(content(tree), target, "out", env)
        body.line("seg.used |= u")
        body.line("return out if len(out) > dead + 1 else None")
        build = self.define(
            name, function_name(name), f"def {function_name(name)}(ctx, seg):", objects, f"segments/{name}"
        )
        body = Body()
        objects = Objects(self, body, env)
        self.identity(tree, objects, env, target)
        body.line("return key, identifier")
        key = self.define(
            name + "$key",
            function_name(name) + "_key",
            f"def {function_name(name)}_key(ctx, seg, out):",
            objects,
            f"segments/{name}$key",
        )
        reads = frozenset(self.reads)
        self.reads.update(before)
        return SegmentMap(name, source, target, build, key, self.verb(tree), reads)

    def take_ignored(self, source: str, tree: Fields) -> None:
        ignore = tree.get("$ignore")
        if isinstance(ignore, Fields):
            for text, rule in ignore.entries.items():
                path = parse(text, ignore.at(text))
                if not isinstance(path, Path) or path.root != source or not path.steps:
                    raise MappingError(f"$ignore names fields of {source}", ignore.at(text))
                self.ignored[source, path.steps[0], path.steps[1] if len(path.steps) > 1 else 0] = text_of(
                    rule, "$ignore"
                )

    def verb(self, tree: Fields) -> str:
        verb = text_of(tree.get("$verb"), "$verb") if tree.get("$verb") else ""
        if verb not in ("", "update", "create", "create-if-none", "none"):
            raise MappingError(f"{verb!r} is no verb", tree.at("$verb"), "update, create, create-if-none or none")
        return verb

    def guard(self, tree: Fields, objects: Objects, env: Env) -> None:
        objects.body.line("dead = 0")
        for key in tree.entries:
            if key.startswith("$") and key not in CONTROL:
                near = get_close_matches(key, CONTROL, 1)
                raise MappingError(
                    f"no key {key!r} at the top of a map", tree.at(key), f"did you mean {near[0]}?" if near else ""
                )
        for key in ("$if", "$require"):
            node = tree.get(key)
            if node is not None:
                place = tree.at(key)
                condition = objects.condition(parse(text_of(node, key), place), env.at(place))
                objects.body.line(f"if not {condition}:")
                objects.body.line("    return None")

    def identity(self, tree: Fields, objects: Objects, env: Env, target: str) -> None:
        """Emits `key` and `identifier` from `$key`: the first alternative whose parts are all there, else place in the message."""
        body = objects.body
        node = tree.get("$key")
        anchor = "seg" if env.own else "it"
        body.line("key = identifier = None")
        for option in list_of(node) if node is not None else [Scalar("identifier", tree.place)]:
            if isinstance(option, Scalar) and str(option.value).startswith("identifier"):
                preferred = tuple(str(option.value).removeprefix("identifier").strip(" ()").replace(",", " ").split())
                with body.block("if key is None:"):
                    body.line(f"key, identifier = business(ctx, out, {preferred!r})")
                continue
            parts = [parse(text_of(p, "$key"), p.place) for p in list_of(option)]
            if not parts:
                raise MappingError("an alternative of $key has parts", option.place)
            with body.block("if key is None:"):
                names: list[str] = []
                for part in parts:
                    name = body.fresh("a")
                    body.line(f"{name} = {self.key_part(part, objects, env)}")
                    names.append(name)
                optional = isinstance(parts[-1], Apply) and parts[-1].name == "optional"
                needed = names[:-1] if optional else names
                body.line(f"if {' and '.join(f'{n} is not None' for n in needed) or 'True'}:")
                body.line(f"    key = ({', '.join(names)},)")
        with body.block("if key is None:"):
            body.line(f"key = placed(ctx, {anchor})")

    def key_part(self, part: Any, objects: Objects, env: Env) -> str:
        if isinstance(part, Apply) and part.name == "optional":
            return self.key_part(part.args[0], objects, env)
        for path in (part, *part.args) if isinstance(part, Apply) else (part,):
            if isinstance(path, Path) and (is_segment(path.root) or path.root == "it"):
                if not path.steps:
                    raise MappingError(f"{path} is no text", env.place, "name a field of it")
                if path is not part and not objects.type_of(path, env).primitive:
                    raise MappingError(f"{path} has parts", env.place, f"name one of them: {path}.1")
        return objects.argument(part, env)

    def define(self, name: str, function: str, head: str, objects: Objects, file: str) -> Callable[..., Any]:
        body = objects.body
        cells = "f = seg.cells" if "(ctx, seg" in head else "c = it.cells"
        prelude = [f"    T = ctx.text; {cells}", *("    " + line for line in objects.prelude)]
        code = head + "\n" + "\n".join([*prelude, *body.lines]) + "\n"
        filename = f"<segue {file}{' traced' if self.traced else ''}>"
        exec(compile(code, filename, "exec"), self.namespace)
        linecache.cache[filename] = (len(code), None, code.splitlines(keepends=True), filename)
        self.sources[name] = code
        return self.namespace[function]


def file_name(name: str) -> str:
    """`XCN.PractitionerRole.Observer` of an expression is the file XCN.PractitionerRole-Observer."""
    parts = name.split(".")
    return ".".join(parts[:2]) + "".join("-" + p for p in parts[2:])


def _given(build: Callable[..., Any], verb: str, resource: bool) -> Callable[..., Any]:
    """A data type map as a function of (ctx, node) for listed functions."""

    def given(ctx: Context, node: Repetition | Part, *params: Any) -> Any:
        if resource:
            return remember_resource(ctx, build, verb, node, *params)
        return remember(ctx, build, node, *params)

    return given


def function_name(name: str) -> str:
    return "map_" + "".join(c if c.isalnum() else "_" for c in name)


def reads_around(tree: Fields) -> bool:
    """True when a data type map names segments: what it gives depends on more than its own text."""

    def texts(node: Any) -> Iterator[str]:
        if isinstance(node, Scalar):
            yield str(node.value)
        for child in (
            node.items if isinstance(node, Items) else node.entries.values() if isinstance(node, Fields) else ()
        ):
            yield from texts(child)

    return any(re.search(r"\b(?:[A-Z][A-Z0-9]{2}\.\d|(?:ref|instance)\()", text) for text in texts(tree))


def content(tree: Fields) -> Fields:
    """The elements of a map file, without its control keys."""
    kept = {k: v for k, v in tree.entries.items() if not k.startswith("$")}
    for key, node in kept.items():
        if isinstance(node, Items) and not node.items:
            raise MappingError(f"{key} is an empty list", tree.at(key))
    return Fields(kept, tree.place, tree.keys)
