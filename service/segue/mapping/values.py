"""Expressions into code: where a value is read, how its pair of types converts it, what is marked as used.

The pair (v2 type of the path, FHIR type of the element) picks the conversion: a data type map of the pack, else a listed
conversion, else text as it is. Options of `or` and branches of `if` are tried in order; each marks only what it used.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from collections.abc import Sequence as Sequence_
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from typing import TYPE_CHECKING

from segue.fhir import elements
from segue.fhir.elements import Element
from segue.hl7.message import WIDTH

from .emit import Body
from .expression import Apply, Both, Choose, Compare, Either, Expression, Join, Not, Number, Path, Sequence, Text
from .functions import CONVERSIONS, FUNCTIONS, Function
from .source import MappingError, Place
from .typing import TEXTS, V2Type, is_segment, type_of

if TYPE_CHECKING:
    from .compiler import Compiler

CONTEXT_TEXTS = {"event": "ctx.event", "trigger": "ctx.trigger", "structure": "ctx.structure"}
STRING_LIKE = frozenset(("string", "markdown", "code", "uri", "url", "canonical", "id", "oid", "xhtml"))
SYNTAX_CHECKED = frozenset(("code", "uri", "url", "canonical", "id", "oid"))


@dataclass(frozen=True, slots=True)
class Env:
    """Where an expression stands: the map's own segment, `it` (variable and type), parameters."""

    own: str | None = None
    it: str | None = None
    it_type: V2Type | None = None
    params: frozenset[str] = frozenset()
    place: Place = field(default=Place("?", 0))
    owner: str = ""  # FHIR type or backbone path being built
    out: str = "out"  # its variable
    key: str = ""  # element being set: for the trace

    def at(self, place: Place) -> Env:
        return replace(self, place=place)


@dataclass(frozen=True, slots=True)
class Leaf:
    text: str  # expression of the decoded text, None where empty
    node: str | None  # variable of the node it stands in; None: not of the message
    number: int
    datatype: V2Type


def together(parts: Sequence_[frozenset[str] | None]) -> frozenset[str] | None:
    """All cells of alternatives; None when one of them needs nothing."""
    if not parts or any(p is None for p in parts):
        return None
    return frozenset[str]().union(*(p for p in parts if p is not None))


class Values:
    """Emits expressions into one function body."""

    def __init__(self, compiler: Compiler, body: Body, env: Env) -> None:
        self.compiler = compiler
        self.body = body
        self.anchor = "seg" if env.own else "it.segment"
        self.prelude: list[str] = []
        self.segments: set[str] = set()
        self.reads: set[str] = compiler.reads

    # ---- places

    def segment(self, name: str, env: Env) -> str:
        """The variable of a segment: the map's own, or the nearest of that name."""
        if name == env.own:
            return "seg"
        variable = f"s_{name}"
        if name not in self.segments:
            self.segments.add(name)
            self.prelude.append(f"{variable} = ctx.near({self.anchor}, {name!r}); f_{name} = {variable}.cells")
        return variable

    def cell(self, segment: str, number: int, env: Env) -> str:
        """The raw text of a field, "" where it is absent."""
        if number >= WIDTH:
            raise MappingError(f"fields are numbered up to {WIDTH - 1}", env.place)
        return f"f[{number}]" if segment == "seg" else f"f_{segment.removeprefix('s_')}[{number}]"

    def component(self, base: str, number: int) -> str:
        """The raw text of a component of a node that is there."""
        return f"c[{number}]" if base == "it" else f"cell({base}, {number})"

    def type_of(self, path: Path, env: Env) -> V2Type:
        if path.root in CONTEXT_TEXTS or path.root in env.params:
            return V2Type("ST")
        if path.root != "it" and not is_segment(path.root):
            known = [*CONTEXT_TEXTS, *env.params, *FUNCTIONS]
            near = get_close_matches(path.root, known, 1)
            raise MappingError(
                f"{path.root!r} is no segment and no name", env.place, f"did you mean {near[0]}?" if near else ""
            )
        self.reads.add(str(path))
        return type_of(path, env.it_type, env.place)

    def base(self, path: Path, env: Env) -> tuple[str, tuple[int, ...]]:
        """Variable of the repetition a path starts in (may hold None), and the steps below it."""
        if path.root == "it":
            return env.it or "it", path.steps
        segment = self.segment(path.root, env)
        number = path.steps[0]
        reader = (
            f"rep({segment}, {number})" if path.repetition is None else f"nth({segment}, {number}, {path.repetition})"
        )
        return self.body.once("r", reader, self.cell(segment, number, env)), path.steps[1:]

    def leaf(self, path: Path, env: Env) -> Leaf:
        """Emits the reading of one text."""
        if path.root in CONTEXT_TEXTS:
            return Leaf(CONTEXT_TEXTS[path.root], None, 0, V2Type("ST"))
        if path.root in env.params:
            return Leaf(path.root, None, 0, V2Type("ST"))
        kind = self.type_of(path, env)
        if (
            path.root != "it"
            and len(path.steps) == 1
            and path.repetition is None
            and kind.primitive
            and not kind.repeats
        ):
            segment, number = self.segment(path.root, env), path.steps[0]
            cell = self.cell(segment, number, env)
            reader = f"T({cell})" if kind.datatype in TEXTS else f"simple(ctx, {segment}, {number})"
            return Leaf(self.body.once("t", reader, cell), segment, number, kind)
        base, steps = self.base(path, env)
        top = env.it_type if path.root == "it" else type_of(Path(path.root, path.steps[:1]), None, env.place)
        assert top is not None
        return self.leaf_below(base, top, steps, env)

    def leaf_below(self, base: str, kind: V2Type, steps: tuple[int, ...], env: Env) -> Leaf:
        """A text below a repetition: of a composite the first leaf, as v2 reads a composite where a simple type is meant."""
        for step in steps:
            kind = type_of(Path("it", (step,)), kind, env.place)
        while not kind.primitive:
            steps, kind = (*steps, 1), type_of(Path("it", (1,)), kind, env.place)
        if not steps:
            return Leaf(self.body.once("t", f"T({base}.raw)", f"{base} is not None"), base, 0, kind)
        last = list(steps)[-1]
        if len(steps) > 1:
            base = self.node_below(base, steps[:1])
        cell = self.component(base, last)
        if base == "it":
            return Leaf(self.body.once("t", f"T({cell})", cell), base, last, kind)
        return Leaf(self.body.once("t", "T(_raw)", f"{base} is not None and (_raw := {cell})"), base, last, kind)

    def node_below(self, base: str, steps: tuple[int, ...]) -> str:
        """Variable of a component as a node; None where it is empty."""
        if not steps:
            return base
        cell = self.component(base, steps[0])
        guard = cell if base == "it" else f"{base} is not None and {cell}"
        return self.body.once("p", f"{base}.part({steps[0]})", guard)

    def mark(self, leaf: Leaf, env: Env) -> None:
        """Emits the mark (and in a traced map the trace) of a leaf that was used."""
        if leaf.node is None:
            return
        if leaf.node == "seg" and leaf.datatype.datatype in TEXTS:
            self.body.line(f"u |= {1 << leaf.number}")
        elif leaf.node == "seg" or leaf.node.startswith("s_"):
            self.body.line(f"mark({leaf.node}, {leaf.number})")
        else:
            self.body.line(f"{leaf.node}.used |= {1 << leaf.number}")
        self.trace(leaf.node, leaf.number, env)

    def trace(self, node: str, number: int, env: Env) -> None:
        if self.compiler.traced and env.key:
            self.body.line(f"ctx.traces.append(({env.out}, {env.key!r}, {node}, {number}, {str(env.place)!r}))")

    # ---- what a value cannot do without

    def cells_of(self, expression: Expression, env: Env) -> frozenset[str] | None:
        """Raw cells of which at least one must hold something for the expression to give anything; None: it may always give."""
        match expression:
            case Path():
                if expression.root in CONTEXT_TEXTS or expression.root in env.params or not expression.steps:
                    return None
                if expression.root == "it":
                    return (
                        frozenset((self.component(env.it or "it", expression.steps[0]),))
                        if (env.it or "it") == "it"
                        else None
                    )
                return frozenset((self.cell(self.segment(expression.root, env), expression.steps[0], env),))
            case Apply(name="absent"):
                return None
            case Apply(name=name) if name in FUNCTIONS and FUNCTIONS[name].kind == "call":
                if not FUNCTIONS[name].strict:
                    return None
                given = (
                    *expression.args,
                    *(v for _, v in expression.named),
                    *([expression.input] if expression.input is not None else []),
                )
                return together([self.cells_of(a, env) for a in given if not isinstance(a, Text | Number)])
            case Apply():
                if expression.input is None:
                    return None  # an unknown name, told where it is called
                return self.cells_of(expression.input, env)
            case Either():
                return together([self.cells_of(o, env) for o in expression.options])
            case Choose():
                branches = [expression.then, *([expression.otherwise] if expression.otherwise is not None else [])]
                return together([self.cells_of(b, env) for b in branches])
            case Both():
                return self.cells_of(expression.parts[-1], env)
            case Join():
                return together([self.cells_of(p, env) for p in expression.parts if isinstance(p, Path)])
            case _:
                return None

    @contextmanager
    def where(self, cells: frozenset[str] | None) -> Generator[None]:
        """A block that runs only where one of the cells holds something."""
        if cells is None:
            yield
            return
        with self.body.block(f"if {' or '.join(sorted(cells))}:"):
            yield

    # ---- conditions: read, never mark

    def condition(self, expression: Expression, env: Env) -> str:
        """A Python expression that is true when the condition holds."""
        match expression:
            case Either():
                return "(" + " or ".join(self.condition(o, env) for o in expression.options) + ")"
            case Both():
                return "(" + " and ".join(self.condition(p, env) for p in expression.parts) + ")"
            case Not():
                return f"(not {self.condition(expression.part, env)})"
            case Text():
                return repr(bool(expression.value) and expression.value != "false")
            case Compare():
                return self.comparison(expression, env)
            case Path():
                return self.valued(expression, env)
            case Apply(name="is_valued", input=Path() as path):
                return self.valued(path, env)
            case Apply(name="is_null", input=Path() as path):
                return f"isnull({self.raw(path, env)})"
            case Apply():
                return f"bool({self.argument(expression, env)})"
            case _:
                raise MappingError("this is no condition", env.place)

    def valued(self, path: Path, env: Env) -> str:
        if path.root in CONTEXT_TEXTS or path.root in env.params:
            return f"bool({CONTEXT_TEXTS.get(path.root, path.root)})"
        if is_segment(path.root) and not path.steps:
            return "True" if path.root == env.own else f"bool({self.segment(path.root, env)}.name)"
        raw = self.raw(path, env)
        return f"({raw} and valued({raw}))" if raw.endswith("]") else f"valued({raw})"

    def raw(self, path: Path, env: Env) -> str:
        self.type_of(path, env)
        if path.root != "it" and len(path.steps) == 1 and path.repetition is None:
            return self.cell(self.segment(path.root, env), path.steps[0], env)
        base, steps = self.base(path, env)
        if base == "it" and len(steps) == 1:
            return f"c[{steps[0]}]"
        return f"rawat({base}, {', '.join(map(str, steps))})" if steps else f"rawat({base})"

    def comparison(self, node: Compare, env: Env) -> str:
        left = self.argument(node.left, env)
        if isinstance(node.right, Sequence):
            right = "(" + "".join(f"{self.argument(i, env)}, " for i in node.right.items) + ")"
        else:
            right = self.argument(node.right, env)
        op = {"eq": "==", "ne": "!=", "in": "in", "notin": "not in"}.get(node.op)
        if op is None:
            raise MappingError("texts are compared with ==, != and in", env.place)
        return f"({left} {op} {right})"

    def argument(self, expression: Expression, env: Env) -> str:
        """A text (or node, for a path of a composite type) as a Python expression, not marked."""
        match expression:
            case Text():
                return repr(expression.value)
            case Number():
                return repr(expression.value)
            case Path() if is_segment(expression.root) and not expression.steps:
                return self.segment(expression.root, env)
            case Path():
                return self.leaf(expression, env).text
            case Apply(name=name) if name in FUNCTIONS:
                variable = self.body.fresh("a")
                self.body.line(f"{variable} = None")
                self.apply(expression, FUNCTIONS[name], variable, "text", env, lambda: None)
                return variable
            case Apply(name="table" | "lookup"):
                table = self.compiler.table(self.constant(expression.args, 0, env), env.place)
                assert expression.input is not None
                return f"looked_up({table}, {self.argument(expression.input, env)})"
            case _:
                raise MappingError("a text, a path or a function is expected here", env.place)

    def constant(self, args: tuple[Expression, ...], index: int, env: Env) -> str:
        given = args[index] if index < len(args) else None
        if not isinstance(given, Text):
            raise MappingError("a name in quotes is expected", env.place)
        return given.value

    # ---- values

    def scalar(self, expression: Expression, element: Element, env: Env) -> str:
        """Emits a value of one of the element's types; returns its variable (None where nothing came)."""
        variable = self.body.fresh()
        self.body.line(f"{variable} = None")
        self.into(expression, element, variable, env)
        return variable

    def into(self, expression: Expression, element: Element, variable: str, env: Env) -> None:
        body = self.body
        match expression:
            case Either():
                self.into(expression.options[0], element, variable, env)
                for option in expression.options[1:]:
                    with body.block(f"if {variable} is None:"):
                        self.into(option, element, variable, env)
            case Choose():
                with body.block(f"if {self.condition(expression.test, env)}:"):
                    self.into(expression.then, element, variable, env)
                if expression.otherwise is not None:
                    with body.block("else:"):
                        self.into(expression.otherwise, element, variable, env)
            case Both():
                *tests, last = expression.parts
                with body.block("if " + " and ".join(self.condition(t, env) for t in tests) + ":"):
                    self.into(last, element, variable, env)
            case Text() | Number():
                body.line(f"{variable} = {self.compiler.constant(expression.value, element, env.place)}")
            case Join():
                self.join(expression, variable, env)
            case Path() | Apply():
                self.convert(expression, element, variable, env)
            case Compare() | Not() if "boolean" in element.types:
                body.line(f"{variable} = {self.condition(expression, env)}")
            case _:
                raise MappingError("this gives no value", env.place)

    def join(self, expression: Join, variable: str, env: Env) -> None:
        leaves = [self.leaf(p, env) if isinstance(p, Path) else None for p in expression.parts]
        texts = [leaf.text if leaf else self.argument(p, env) for leaf, p in zip(leaves, expression.parts, strict=True)]
        read = [leaf.text for leaf in leaves if leaf]
        condition = " or ".join(f"{t} is not None" for t in read) or "True"
        with self.body.block(f"if {condition}:"):
            self.body.line(f"{variable} = ''.join(x for x in ({', '.join(texts)},) if x)")
            for leaf in leaves:
                if leaf:
                    self.mark(leaf, env)

    def collect(self, expression: Expression, element: Element, target: str, env: Env) -> None:
        """Emits the values of a repeating element, appended to the list `target`."""
        body = self.body
        match expression:
            case Either():
                count = body.fresh("k")
                body.line(f"{count} = len({target})")
                self.collect(expression.options[0], element, target, env)
                for option in expression.options[1:]:
                    with body.block(f"if len({target}) == {count}:"):
                        self.collect(option, element, target, env)
            case Choose():
                with body.block(f"if {self.condition(expression.test, env)}:"):
                    self.collect(expression.then, element, target, env)
                if expression.otherwise is not None:
                    with body.block("else:"):
                        self.collect(expression.otherwise, element, target, env)
            case Both():
                *tests, last = expression.parts
                with body.block("if " + " and ".join(self.condition(t, env) for t in tests) + ":"):
                    self.collect(last, element, target, env)
            case _:
                path, wrap = self.stripped(expression)
                if (
                    path is not None
                    and path.root != "it"
                    and path.steps
                    and path.repetition is None
                    and self.type_of(path, env).repeats
                ):
                    loop = body.fresh("r")
                    segment = self.segment(path.root, env)
                    with body.block(
                        f"for {loop} in {segment}.repetitions({path.steps[0]}) if {self.cell(segment, path.steps[0], env)} else ():"
                    ):
                        with body.block(f"if not {loop}.raw:"):
                            body.line("continue")
                        top = type_of(Path(path.root, path.steps[:1]), None, env.place)
                        inner = replace(env, it=loop, it_type=replace(top, repeats=False))
                        self.one(wrap(Path("it", path.steps[1:])), element, target, inner)
                else:
                    self.one(expression, element, target, env)

    def one(self, expression: Expression, element: Element, target: str, env: Env) -> None:
        variable = self.scalar(expression, element, env)
        with self.body.block(f"if {variable} is not None:"):
            if self.gives_list(expression, element, env):
                self.body.line(f"{target}.extend({variable})")
            else:
                self.body.line(f"{target}.append({variable})")

    def stripped(self, expression: Expression) -> tuple[Path | None, Callable[[Path], Expression]]:
        """The path under a chain of filters, and the chain to put around another path."""
        if isinstance(expression, Path):
            return expression, lambda p: p
        if isinstance(expression, Apply) and expression.input is not None and not self.takes_all(expression.name):
            path, wrap = self.stripped(expression.input)
            return path, lambda p: replace(expression, input=wrap(p))
        return None, lambda p: p

    def takes_all(self, name: str) -> bool:
        return name in FUNCTIONS and FUNCTIONS[name].kind in ("segment", "call")

    def gives_list(self, expression: Expression, element: Element, env: Env) -> bool:
        if isinstance(expression, Apply) and expression.name in FUNCTIONS:
            return FUNCTIONS[expression.name].many
        path, _ = self.stripped(expression)
        if (
            path is None
            or (not path.steps and path.root != "it")
            or (isinstance(expression, Apply) and "." in expression.name)
        ):
            return False
        kind = self.type_of(path, env)
        return any(
            self.compiler.datatype_map(kind.datatype, t) is None
            and (c := CONVERSIONS.get((kind.datatype, t))) is not None
            and c.many
            for t in self.wanted(element)
        )

    def wanted(self, element: Element) -> tuple[str, ...]:
        """FHIR types to convert to; for a reference the resource types it may point at."""
        return tuple(f"&{t}" for t in element.targets or ("Any",)) if "Reference" in element.types else element.types

    # ---- conversion by the pair of types

    def convert(self, expression: Path | Apply, element: Element, variable: str, env: Env) -> None:
        """Emits the conversion of a path with its filters."""
        table: str | None = None
        datatype: str | None = None
        absent: str | None = None
        named: tuple[tuple[str, Expression], ...] = ()
        while isinstance(expression, Apply):
            if expression.name == "table":
                table = self.compiler.table(self.constant(expression.args, 0, env), env.place)
            elif expression.name == "lookup":
                self.lookup(expression, variable, env)
                return self.data_absent(absent, element, variable)
            elif expression.name == "as":
                datatype = self.constant(expression.args, 0, env)
            elif expression.name == "absent":
                absent = self.constant(expression.args, 0, env)
                if expression.input is not None and not isinstance(expression.input, Path | Apply):
                    self.into(expression.input, element, variable, env)
                    return self.data_absent(absent, element, variable)
            elif expression.name == "using":  # named arguments for the data type map found by type
                named = expression.named
            elif "." in expression.name and self.compiler.has_map(expression.name):
                self.by_map(expression, element, variable, env)
                return self.data_absent(absent, element, variable)
            elif expression.name in FUNCTIONS:
                known = FUNCTIONS[expression.name]
                self.check_target(known, element, env)
                self.apply(expression, known, variable, element.types[0], env, lambda: None)
                return self.data_absent(absent, element, variable)
            else:
                names = [*FUNCTIONS, "table", "lookup", "as", "absent", "using", *self.compiler.map_names()]
                near = get_close_matches(expression.name, names, 1)
                raise MappingError(
                    f"no function {expression.name!r}", env.place, f"did you mean {near[0]}?" if near else ""
                )
            if not isinstance(expression.input, Path | Apply):
                raise MappingError(f"{expression.name} is applied to a path", env.place)
            expression = expression.input
        path = expression
        kind = self.type_of(path, env)
        if datatype is not None:
            kind = V2Type(datatype, kind.table, kind.repeats)
        self.by_type(path, kind, element, variable, table, named, env)
        self.data_absent(absent, element, variable)

    def lookup(self, expression: Apply, variable: str, env: Env) -> None:
        """`PATH | lookup('Table')`: the code a table gives, silently nothing where it gives none."""
        table = self.compiler.table(self.constant(expression.args, 0, env), env.place)
        if not isinstance(expression.input, Path):
            raise MappingError("lookup is applied to a path", env.place)
        leaf = self.leaf(expression.input, env)
        self.body.line(f"{variable} = looked_up({table}, {leaf.text})")
        if leaf.node is not None:
            with self.body.block(f"if {variable} is not None:"):
                self.mark(leaf, env)

    def data_absent(self, code: str | None, element: Element, variable: str) -> None:
        if code is None:
            return
        with self.body.block(f"if {variable} is None:"):
            if elements.is_primitive(element.types[0]):
                self.body.line(f"{variable} = Primitive(None, absent({code!r}))")
            else:
                self.body.line(f"{variable} = {{'extension': absent({code!r})}}")
            self.body.line("dead += 1")

    def check_target(self, known: Function, element: Element, env: Env) -> None:
        wanted = set(element.types) | ({"string", "code"} & set(element.types) and {"text"})
        if (
            known.targets
            and not wanted & set(known.targets)
            and not ("text" in known.targets and set(element.types) & STRING_LIKE)
        ):
            raise MappingError(
                f"{known.name} gives {' or '.join(known.targets)}, {env.owner}.{element.name} takes {' or '.join(element.types)}",
                env.place,
            )

    def looped(
        self, path: Path, kind: V2Type, variable: str, env: Env, emit: Callable[[str, tuple[int, ...]], None]
    ) -> None:
        """Emits `emit` on the first repetition that converts."""
        if path.root != "it" and path.repetition is None and kind.repeats:
            loop, segment = self.body.fresh("r"), self.segment(path.root, env)
            with self.body.block(
                f"for {loop} in {segment}.repetitions({path.steps[0]}) if {self.cell(segment, path.steps[0], env)} else ():"
            ):
                with self.body.block(f"if {loop}.raw:"):
                    emit(loop, path.steps[1:])
                    with self.body.block(f"if {variable} is not None:"):
                        self.body.line("break")
        else:
            base, steps = self.base(path, env)
            if base == env.it:
                emit(base, steps)
            else:
                with self.body.block(f"if {base} is not None:"):
                    emit(base, steps)

    def by_map(self, expression: Apply, element: Element, variable: str, env: Env) -> None:
        """`PATH | XCN.PractitionerRole(…)`: a data type map by name."""
        name = self.compiler.map_function(expression.name, element, env.place)
        named, used = self.named_arguments(expression.named, env)
        source = expression.input
        while isinstance(source, Apply) and source.name == "as":
            source = source.input
        if not isinstance(source, Path):
            raise MappingError(f"{expression.name} is applied to a path", env.place)
        kind = self.type_of(source, env)

        def emit(base: str, steps: tuple[int, ...]) -> None:
            node = self.node_below(base, steps)
            with self.body.block(f"if {node} is not None:"):
                self.body.line(f"{variable} = {self.compiler.given(name, node, named, env.place)}")
                self.traced_node(variable, node, env)

        self.looped(source, kind, variable, env, emit)
        self.mark_used(used, variable, env)

    def named_arguments(self, named: tuple[tuple[str, Expression], ...], env: Env) -> tuple[dict[str, str], list[Leaf]]:
        """Named arguments as Python expressions, and the leaves of the message among them."""
        used: list[Leaf] = []
        parts: dict[str, str] = {}
        for key, expression in named:
            if isinstance(expression, Path) and expression.steps:
                leaf = self.leaf(expression, env)
                used.append(leaf)
                parts[key] = leaf.text
            else:
                parts[key] = self.argument(expression, env)
        return parts, used

    def mark_used(self, used: list[Leaf], variable: str, env: Env) -> None:
        if used:
            with self.body.block(f"if {variable} is not None:"):
                for leaf in used:
                    if leaf.node is not None:
                        with self.body.block(f"if {leaf.text} is not None:"):
                            self.mark(leaf, env)

    def traced_node(self, variable: str, node: str, env: Env) -> None:
        if self.compiler.traced:
            with self.body.block(f"if {variable} is not None:"):
                self.trace(node, -1, env)

    def by_type(
        self, path: Path, kind: V2Type, element: Element, variable: str, table: str | None,
        named: tuple[tuple[str, Expression], ...], env: Env,
    ) -> None:  # fmt: skip
        for want in self.wanted(element):
            mapped = self.compiler.datatype_map(kind.datatype, want)
            if mapped is not None and table is None:
                arguments, used = self.named_arguments(named, env)

                def emit(
                    base: str, steps: tuple[int, ...], mapped: str = mapped, arguments: dict[str, str] = arguments
                ) -> None:
                    node = self.node_below(base, steps)
                    with self.body.block(f"if {node} is not None:"):
                        self.body.line(f"{variable} = {self.compiler.given(mapped, node, arguments, env.place)}")
                        self.traced_node(variable, node, env)

                self.looped(path, kind, variable, env, emit)
                return self.mark_used(used, variable, env)
            listed = CONVERSIONS.get((kind.datatype, want)) or (
                CONVERSIONS.get(("*", want)) if kind.primitive else None
            )
            if listed is not None:
                return self.by_conversion(path, kind, listed, variable, table, named, env)
            if kind.primitive and want in STRING_LIKE and table is None:
                return self.plain(path, kind, element, variable, env)
        pairs = self.compiler.pairs(kind.datatype)
        raise MappingError(
            f"nothing converts {path} ({kind.datatype}) to {env.owner}.{element.name} ({' or '.join(element.types)})",
            env.place,
            f"{kind.datatype} converts to {', '.join(pairs)}" if pairs else "name a component",
        )

    def plain(self, path: Path, kind: V2Type, element: Element, variable: str, env: Env) -> None:
        """A text as it is."""
        leaf = self.leaf(path, env)
        with self.body.block(f"if {leaf.text} is not None:"):
            self.body.line(f"{variable} = {leaf.text}")
            self.mark(leaf, env)

    def by_conversion(
        self, path: Path, kind: V2Type, listed: Function, variable: str, table: str | None,
        named: tuple[tuple[str, Expression], ...], env: Env,
    ) -> None:  # fmt: skip
        function = self.compiler.helper(listed)
        given, used = self.named_arguments(named, env)
        extra = "".join(f", {key}={text}" for key, text in given.items())
        remembered = listed.kind == "node" and listed.remember and not self.compiler.traced
        if (listed.targets[0] in ("CodeableConcept", "Coding", "code") and listed.name.split(".")[0] != "*") or table:
            extra += f", {kind.table!r}, {table}" if remembered else f", bound={kind.table!r}, table={table}"
        elif remembered:
            extra = "".join(f", {text}" for text in given.values())  # one parameter at most: the use of an XTN
        if listed.kind == "leaf":
            leaf = self.leaf(path, env)
            with self.body.block(f"if {leaf.text} is not None:"):
                self.body.line(f"{variable} = {function}(ctx, {leaf.text}, {leaf.node}, {leaf.number}{extra})")
                with self.body.block(f"if {variable} is not None:"):
                    self.mark(leaf, env)
            return

        def emit(base: str, steps: tuple[int, ...]) -> None:
            node = self.node_below(base, steps)
            with self.body.block(f"if {node} is not None:"):
                call = f"remember(ctx, {function}, {node}{extra})" if remembered else f"{function}(ctx, {node}{extra})"
                self.body.line(f"{variable} = {call}")
                self.traced_node(variable, node, env)

        self.looped(path, kind, variable, env, emit)
        self.mark_used(used, variable, env)

    # ---- listed functions

    def apply(self, node: Apply, known: Function, variable: str, want: str, env: Env, done: Callable[[], None]) -> None:
        """Emits a call of a listed function; paths given to it are marked when it gives something."""
        function = self.compiler.helper(known)
        used: list[Leaf] = []
        nodes: list[str] = []

        def given(expression: Expression) -> str:
            match expression:
                case Path() if is_segment(expression.root) and not expression.steps:
                    return self.segment(expression.root, env)
                case Path() if expression.root in CONTEXT_TEXTS or expression.root in env.params:
                    return self.leaf(expression, env).text
                case Path():
                    kind = self.type_of(expression, env)
                    if kind.primitive and kind.datatype != "any":
                        leaf = self.leaf(expression, env)
                        used.append(leaf)
                        return leaf.text
                    base, steps = self.base(expression, env)
                    node = self.node_below(base, steps)
                    nodes.append(node)
                    return node
                case _:
                    return self.argument(expression, env)

        args = [given(a) for a in node.args]
        named = [f"{k}={given(v)}" for k, v in node.named]
        anchor = "seg" if env.own else "it"
        if known.kind == "call":
            if node.input is not None:
                args.insert(0, given(node.input))
            self.body.line(f"{variable} = {function}(ctx, {', '.join([anchor, *args, *named])})")
            if not used:
                self.traced_node(variable, anchor, env)
        elif known.kind == "segment":
            if not isinstance(node.input, Path) or node.input.steps:
                raise MappingError(f"{known.name} is applied to a segment", env.place)
            segment = self.segment(node.input.root, env)
            with self.body.block(f"if {segment}.name:"):
                self.body.line(f"{variable} = {function}(ctx, {', '.join([segment, *args, *named])})")
                self.traced_node(variable, segment, env)
        elif known.kind == "text":
            assert node.input is not None
            text = given(node.input)
            with self.body.block(f"if {text} is not None:"):
                self.body.line(f"{variable} = {function}({', '.join([text, *args, *named])})")
        elif known.kind == "leaf":
            if not isinstance(node.input, Path):
                raise MappingError(f"{known.name} is applied to a path", env.place)
            leaf = self.leaf(node.input, env)
            used.append(leaf)
            with self.body.block(f"if {leaf.text} is not None:"):
                self.body.line(
                    f"{variable} = {function}(ctx, {', '.join([leaf.text, str(leaf.node), str(leaf.number), *args, *named])})"
                )
        else:
            if not isinstance(node.input, Path):
                raise MappingError(f"{known.name} is applied to a path", env.place)
            kind = self.type_of(node.input, env)

            def emit(base: str, steps: tuple[int, ...]) -> None:
                below = self.node_below(base, steps)
                with self.body.block(f"if {below} is not None:"):
                    self.body.line(f"{variable} = {function}(ctx, {', '.join([below, *args, *named])})")
                    self.traced_node(variable, below, env)

            self.looped(node.input, kind, variable, env, emit)
        if want != "text":
            self.mark_used(used, variable, env)
        for below in nodes:
            if self.compiler.traced:
                with self.body.block(f"if {variable} is not None and {below} is not None:"):
                    self.trace(below, -1, env)
