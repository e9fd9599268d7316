"""FHIR objects into code: elements in FHIR order, lists, choices, extensions, the control keys that begin with `$`.

What came from no value vanishes: an object lives when it holds more than its constants and data-absent-reasons (§1 of the
mapping language). Nobody writes "if valued".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from difflib import get_close_matches

from segue.fhir import elements
from segue.fhir.elements import Element

from .expression import Both, Choose, Either, Expression, Number, Path, Text, parse, parse_value
from .places import Env, together
from .source import Fields, Items, MappingError, Node, Place, Scalar, list_of, text_of
from .typing import type_of
from .values import Values


class Objects(Values):
    """Emits the objects of one map."""

    def fill(self, fields: Fields, owner: str, out: str, env: Env) -> None:
        """Emits every element of `fields` into the dict variable `out`."""
        env = replace(env, owner=owner, out=out)
        for key, node in self.ordered(fields, owner):
            place = fields.at(key)
            if key == "extension" and isinstance(node, Fields):
                self.extensions(node, out, env.at(place))
                continue
            element = self.element(owner, key, place)
            if is_constant(node) and not key.endswith("[x]"):
                self.body.line(f"{out}[{key!r}] = {self.literal(node, element)}")
                self.body.line("dead += 1")
                continue
            with self.where(self.needs(node, env.at(place))):
                if key.endswith("[x]"):
                    self.choice(node, element, out, env.at(place))
                else:
                    self.element_into(node, element, out, replace(env.at(place), key=key))

    def needs(self, node: Node, env: Env) -> frozenset[str] | None:
        """Cells of which one must hold something for the node to give anything; None: it may always give."""
        match node:
            case Scalar():
                expression = parse_value(node.value, node.place) if isinstance(node.value, str) else None
                return self.cells_of(expression, env.at(node.place)) if expression is not None else None
            case Items():
                return together([self.needs(item, env) for item in node.items])
            case Fields() if "$each" in node.entries:
                path = parse(text_of(node.entries["$each"], "$each"), node.at("$each"))
                return self.cells_of(path, env)
            case Fields() if "$keep" in node.entries:
                return None
            case Fields() if "$case" in node.entries and isinstance(when := node.entries.get("$when"), Fields):
                return together([self.needs(option, env) for option in when.entries.values()])
            case Fields():
                children = [
                    v
                    for k, v in node.entries.items()
                    if not (k.startswith("$") and k not in ("$value", "$first")) and not is_constant(v)
                ]
                return together([self.needs(child, env) for child in children])

    def ordered(self, fields: Fields, owner: str) -> Iterable[tuple[str, Node]]:
        order = elements.order(owner)
        entries = [(k, v) for k, v in fields.entries.items() if not k.startswith("$") and k != "resourceType"]
        return sorted(entries, key=lambda item: order.get(item[0], order.get(item[0].removesuffix("[x]"), len(order))))

    def element(self, owner: str, key: str, place: Place) -> Element:
        element = elements.element(owner, key)
        if element is None:
            near = get_close_matches(key, list(elements.elements(owner)), 1)
            raise MappingError(f"{owner} has no element {key!r}", place, f"did you mean {near[0]}?" if near else "")
        return element

    def literal(self, node: Node, element: Element) -> str:
        """A constant of any depth as Python."""
        if element.many:
            return "[" + ", ".join(self.literal_one(item, element) for item in list_of(node)) + "]"
        return self.literal_one(node, element)

    def literal_one(self, node: Node, element: Element) -> str:
        if isinstance(node, Fields):
            types = [t for t in element.types if not elements.is_primitive(t)]
            if len(types) != 1:
                raise MappingError(f"{element.name} holds {' or '.join(element.types)}, no object", node.place)
            inner = [
                f"{key!r}: {self.literal(value, self.element(types[0], key, node.at(key)))}"
                for key, value in self.ordered(node, types[0])
            ]
            return "{" + ", ".join(inner) + "}"
        if isinstance(node, Items):
            raise MappingError(f"{element.name} takes one value", node.place)
        if node.value is None:
            raise MappingError("empty value", node.place, "null removes an element, in an overlay only")
        return self.compiler.constant(node.value, element, node.place)

    # ---- one element

    def element_into(self, node: Node, element: Element, out: str, env: Env) -> None:
        body = self.body
        if element.many:
            target = body.fresh("l")
            body.line(f"{target} = []")
            several = list_of(node)
            for item in several:
                with self.where(self.needs(item, env.at(item.place)) if len(several) > 1 else None):
                    self.item(item, element, target, env.at(item.place))
            with body.block(f"if {target}:"):
                if elements.is_primitive(element.types[0]):
                    body.line(f"primitives({out}, {element.name!r}, distinct({target}))")
                else:
                    body.line(f"{out}[{element.name!r}] = distinct({target})")
            return
        if isinstance(node, Items):
            raise MappingError(f"{env.owner}.{element.name} takes one value", node.place, "use $first for alternatives")
        variable = body.fresh()
        body.line(f"{variable} = None")
        self.value(node, element, variable, env.at(node.place))
        self.assign(element, variable, out)
        if only_constants(node):
            body.line(f"dead += {variable} is not None")

    def assign(self, element: Element, variable: str, out: str) -> None:
        """Emits `out[name] = value`; a primitive may come with extensions."""
        with self.body.block(f"if {variable} is not None:"):
            if elements.is_primitive(element.types[0]):
                with self.body.block(f"if {variable}.__class__ is Primitive:"):
                    self.body.line(f"{variable}.put({out}, {element.name!r})")
                with self.body.block("else:"):
                    self.body.line(f"{out}[{element.name!r}] = {variable}")
            else:
                self.body.line(f"{out}[{element.name!r}] = {variable}")

    def value(self, node: Node, element: Element, variable: str, env: Env) -> None:
        """Emits one value of an element into `variable`, which holds None."""
        match node:
            case Scalar():
                self.scalar_into(node, element, variable, env)
            case Items():
                raise MappingError(f"{env.owner}.{element.name} takes one value here", node.place)
            case Fields() if "$if" in node.entries:
                with self.body.block(f"if {self.test(node, env)}:"):
                    self.value(without(node, "$if"), element, variable, env)
            case Fields() if "$value" in node.entries:
                self.value(node.entries["$value"], element, variable, env)
            case Fields() if "$first" in node.entries:
                for i, option in enumerate(list_of(node.entries["$first"])):
                    if i == 0:
                        self.value(option, element, variable, env.at(option.place))
                    else:
                        with self.body.block(f"if {variable} is None:"):
                            self.value(option, element, variable, env.at(option.place))
            case Fields() if "$case" in node.entries:
                self.cases(node, env, lambda option: self.value(option, element, variable, env.at(option.place)))
            case Fields() if "$each" in node.entries:
                raise MappingError("$each stands in a repeating element", node.place)
            case Fields():
                self.object(node, element, variable, env)

    def scalar_into(self, node: Scalar, element: Element, variable: str, env: Env) -> None:
        if isinstance(node.value, str):
            expression = parse_value(node.value, node.place)
            if expression is not None:
                self.into(expression, element, variable, env.at(node.place))
                return
        if node.value is None:
            raise MappingError("empty value", node.place, "null removes an element, in an overlay only")
        self.body.line(f"{variable} = {self.compiler.constant(node.value, element, node.place)}")

    def item(self, node: Node, element: Element, target: str, env: Env) -> None:
        """Emits the values that one list item gives, appended to `target`."""
        match node:
            case Scalar() if (
                isinstance(node.value, str) and (expression := parse_value(node.value, node.place)) is not None
            ):
                self.collect(expression, element, target, env)
            case Scalar():
                self.body.line(f"{target}.append({self.literal_one(node, element)})")
            case Items():
                raise MappingError("a list in a list", node.place)
            case Fields() if "$each" in node.entries:
                self.each(node, element, target, env)
            case Fields() if "$if" in node.entries:
                with self.body.block(f"if {self.test(node, env)}:"):
                    self.item(without(node, "$if"), element, target, env)
            case Fields() if "$value" in node.entries:
                self.item(node.entries["$value"], element, target, env)
            case Fields() if "$first" in node.entries:
                count = self.body.fresh("k")
                self.body.line(f"{count} = len({target})")
                for option in list_of(node.entries["$first"]):
                    with self.body.block(f"if len({target}) == {count}:"):
                        self.item(option, element, target, env.at(option.place))
            case Fields() if "$case" in node.entries:
                self.cases(node, env, lambda option: self.item(option, element, target, env.at(option.place)))
            case Fields():
                variable = self.body.fresh()
                self.body.line(f"{variable} = None")
                self.object(node, element, variable, env)
                with self.body.block(f"if {variable} is not None:"):
                    self.body.line(f"{target}.append({variable})")

    def each(self, node: Fields, element: Element, target: str, env: Env) -> None:
        """`$each: PATH`: one element a repetition, which is `it` inside."""
        place = node.at("$each")
        path = parse(text_of(node.entries["$each"], "$each"), place)
        if not isinstance(path, Path) or path.root == "it" or len(path.steps) != 1:
            raise MappingError("$each takes a field", place, "for instance PV1.7")
        kind = type_of(path, None, place)
        self.reads.add(str(path))
        loop = self.body.fresh("r")
        inner = replace(env, it=loop, it_type=replace(kind, repeats=False))
        segment = self.segment(path.root, env)
        with self.body.block(
            f"for {loop} in {segment}.repetitions({path.steps[0]}) if {self.cell(segment, path.steps[0], env)} else ():"
        ):
            with self.body.block(f"if not {loop}.raw:"):
                self.body.line("continue")
            self.item(without(node, "$each"), element, target, inner)

    def object(self, fields: Fields, element: Element, variable: str, env: Env) -> None:
        """Emits a nested object into `variable`; it stays None when nothing but constants came."""
        types = [t for t in element.types if not elements.is_primitive(t)]
        if len(types) != 1:
            raise MappingError(
                f"{env.owner}.{element.name} holds {' or '.join(element.types)}, no object", fields.place
            )
        out, saved = self.body.fresh("o"), self.body.fresh("d")
        self.body.line(f"{saved}, dead, {out} = dead, 0, {{}}")
        self.fill(fields, types[0], out, env)
        kept = "True" if "$keep" in fields.entries else f"len({out}) > dead"
        self.body.line(f"{variable} = {out} if {kept} else None")
        self.body.line(f"dead = {saved}")

    # ---- choices and cases

    def choice(self, node: Node, element: Element, out: str, env: Env) -> None:
        """`value[x]`: `{Quantity: …}`, or alternatives of such objects under $first or $case."""
        stem = element.name.removesuffix("[x]")
        done = self.body.fresh("c")
        self.body.line(f"{done} = None")

        def one(option: Node) -> None:
            match option:
                case Fields() if "$if" in option.entries:
                    with self.body.block(f"if {self.test(option, env)}:"):
                        one(without(option, "$if"))
                case Fields() if "$first" in option.entries:
                    for below in list_of(option.entries["$first"]):
                        with self.body.block(f"if {done} is None:"):
                            one(below)
                case Fields() if "$case" in option.entries:
                    self.cases(option, env, one)
                case Fields() if len(option.entries) == 1:
                    kind, value = next(iter(option.entries.items()))
                    concrete = self.element(env.owner, stem + kind[:1].upper() + kind[1:], option.place)
                    self.value(value, concrete, done, replace(env.at(value.place), key=concrete.name))
                    self.assign(concrete, done, out)
                case _:
                    raise MappingError(
                        f"{element.name} takes one type and its value", option.place, "for instance {Quantity: …}"
                    )

        one(node)

    def cases(self, node: Fields, env: Env, emit: Callable[[Node], None]) -> None:
        """`$case: EXPR` with `$when: {CODE: …, "CODE CODE": …, else: …}`."""
        place = node.at("$case")
        subject = self.body.fresh("t")
        self.body.line(f"{subject} = {self.argument(parse(text_of(node.entries['$case'], '$case'), place), env)}")
        when = node.entries.get("$when")
        if not isinstance(when, Fields):
            raise MappingError("$case needs $when with the codes", place)
        word = "if"
        for codes, option in when.entries.items():
            if codes == "else":
                continue
            with self.body.block(f"{word} {subject} in {tuple(codes.split())!r}:"):
                emit(option)
            word = "elif"
        if "else" in when.entries:
            with self.body.block("else:" if word == "elif" else "if True:"):
                emit(when.entries["else"])

    def test(self, node: Fields, env: Env) -> str:
        place = node.at("$if")
        value = node.entries["$if"]
        if isinstance(value, Scalar) and isinstance(value.value, bool):
            return repr(value.value)
        text = text_of(value, "$if")
        expression = parse_value(text, place) or parse(text, place)
        return self.condition(expression, env.at(place))

    # ---- extensions

    def extensions(self, fields: Fields, out: str, env: Env) -> None:
        """`extension: {short-name: {CodeableConcept: …}}`: by name, one a repetition; a name of the registry or of R4 core."""
        target = self.body.fresh("l")
        self.body.line(f"{target} = []")
        for name, node in fields.entries.items():
            place = fields.at(name)
            url = self.compiler.extension(name, env.owner, place)
            for option in list_of(node):
                with self.where(self.needs(option, env.at(place))):
                    self.extension(option, url, target, replace(env.at(place), key="extension"))
        with self.body.block(f"if {target}:"):
            self.body.line(f"{out}['extension'] = {out}['extension'] + {target} if 'extension' in {out} else {target}")

    def extension(self, node: Node, url: str, target: str, env: Env) -> None:
        if not isinstance(node, Fields):
            raise MappingError("an extension takes a type and its value", node.place, "for instance {string: …}")
        if "$if" in node.entries and "$each" not in node.entries:
            with self.body.block(f"if {self.test(node, env)}:"):
                return self.extension(without(node, "$if"), url, target, env)
        if "$each" in node.entries:
            place = node.at("$each")
            path = parse(text_of(node.entries["$each"], "$each"), place)
            if not isinstance(path, Path) or len(path.steps) != 1:
                raise MappingError("$each takes a field", place)
            kind = type_of(path, None, place)
            self.reads.add(str(path))
            loop = self.body.fresh("r")
            inner = replace(env, it=loop, it_type=replace(kind, repeats=False))
            segment = self.segment(path.root, env)
            with self.body.block(
                f"for {loop} in {segment}.repetitions({path.steps[0]}) if {self.cell(segment, path.steps[0], env)} else ():"
            ):
                with self.body.block(f"if {loop}.raw:"):
                    self.extension(without(node, "$each"), url, target, inner)
            return
        keys = list(node.entries)
        if len(keys) == 1 and gives_value(keys[0], node.entries[keys[0]]):
            element = self.element("Extension", "value" + keys[0][:1].upper() + keys[0][1:], node.place)
            values, value = self.body.fresh("l"), self.body.fresh("x")
            self.body.line(f"{values} = []")
            self.item(node.entries[keys[0]], element, values, env)
            with self.body.block(f"for {value} in {values}:"):
                self.body.line(f"{target}.append(extension({url}, {element.name!r}, {value}))")
            return
        inner = self.body.fresh("l")  # a complex extension: sub-extensions by name
        self.body.line(f"{inner} = []")
        for name, below in node.entries.items():
            for option in list_of(below):
                self.extension(option, repr(name), inner, env)
        with self.body.block(f"if {inner}:"):
            self.body.line(f"{target}.append({{'extension': {inner}, 'url': {url}}})")


def only_constants(node: Node) -> bool:
    """True when all that a node can give are constants chosen by conditions: they keep nothing alive."""
    match node:
        case Scalar():
            expression = parse_value(node.value, node.place) if isinstance(node.value, str) else None
            return expression is None or constant_expression(expression)
        case Fields() if "$value" in node.entries:
            return only_constants(node.entries["$value"])
        case Fields() if "$first" in node.entries:
            return all(only_constants(option) for option in list_of(node.entries["$first"]))
        case Fields() if "$case" in node.entries and isinstance(when := node.entries.get("$when"), Fields):
            return all(only_constants(option) for option in when.entries.values())
        case _:
            return False


def constant_expression(expression: Expression) -> bool:
    match expression:
        case Text() | Number():
            return True
        case Choose():
            return constant_expression(expression.then) and (
                expression.otherwise is None or constant_expression(expression.otherwise)
            )
        case Either():
            return all(constant_expression(o) for o in expression.options)
        case Both():
            return constant_expression(expression.parts[-1])
        case _:
            return False


def gives_value(key: str, node: Node) -> bool:
    """True when the key of an extension is the type of its value; `code: {CodeableConcept: …}` is a sub-extension."""
    element = elements.element("Extension", "value" + key[:1].upper() + key[1:])
    if element is None:
        return False
    primitive = elements.is_primitive(element.types[0])
    return not (primitive and isinstance(node, Fields) and not any(k.startswith("$") for k in node.entries))


def is_constant(node: Node) -> bool:
    """True when nothing of the message is in it."""
    match node:
        case Scalar():
            return not (isinstance(node.value, str) and node.value.lstrip().startswith("{{"))
        case Items():
            return all(is_constant(i) for i in node.items)
        case Fields():
            return all(not k.startswith("$") and is_constant(v) for k, v in node.entries.items())


def without(fields: Fields, key: str) -> Fields:
    return Fields({k: v for k, v in fields.entries.items() if k != key}, fields.place, fields.keys)
