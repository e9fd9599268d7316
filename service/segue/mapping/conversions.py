"""How the pair of types converts a value: the v2 type of its path, the FHIR type of its element.

The pair picks a data type map of the pack, else a listed conversion, else text as it is; a function of the language gives what it gives.
"""

from __future__ import annotations

from collections.abc import Callable

from segue.fhir import elements
from segue.fhir.elements import Element

from .expression import Apply, Expression, Number, Path, Text
from .functions import CONVERSIONS, FUNCTIONS, Function
from .places import CONTEXT_TEXTS, Env, Leaf, Places
from .source import MappingError
from .typing import V2Type, is_segment

STRING_LIKE = frozenset(("string", "markdown", "code", "uri", "url", "canonical", "id", "oid", "xhtml"))
SYNTAX_CHECKED = frozenset(("code", "uri", "url", "canonical", "id", "oid"))


class Conversions(Places):
    """Emits what a path becomes in an element, and calls of functions."""

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

    def wanted(self, element: Element) -> tuple[str, ...]:
        """FHIR types to convert to; for a reference the resource types it may point at."""
        return tuple(f"&{t}" for t in element.targets or ("Any",)) if "Reference" in element.types else element.types

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
