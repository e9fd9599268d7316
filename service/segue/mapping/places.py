"""Where the value of an expression is read, and what is marked as used.

Emits the reading of segments, repetitions, components and their texts into one function body; knows nothing of FHIR elements.
"""

from __future__ import annotations

from collections.abc import Generator
from collections.abc import Sequence as Sequence_
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from typing import TYPE_CHECKING

from segue.hl7.message import WIDTH

from .emit import Body
from .expression import Apply, Both, Choose, Either, Expression, Join, Number, Path, Text
from .functions import FUNCTIONS
from .source import MappingError, Place
from .typing import TEXTS, V2Type, is_segment, type_of

if TYPE_CHECKING:
    from .compiler import Compiler

CONTEXT_TEXTS = {"event": "ctx.event", "trigger": "ctx.trigger", "structure": "ctx.structure"}


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
        return self if place is self.place else replace(self, place=place)


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


class Places:
    """Emits readings into one function body."""

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
