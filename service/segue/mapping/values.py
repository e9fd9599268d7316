"""Expressions into code: options, conditions, lists, and the values of one element.

Options of `or` and branches of `if` are tried in order; each marks only what it used.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from difflib import get_close_matches

from segue.fhir.elements import Element

from .conversions import Conversions
from .expression import Apply, Both, Choose, Compare, Either, Expression, Join, Not, Number, Path, Sequence, Text
from .functions import CONVERSIONS, FUNCTIONS
from .places import CONTEXT_TEXTS, Env
from .source import MappingError
from .typing import V2Type, is_segment, type_of


class Values(Conversions):
    """Emits expressions into one function body."""

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
