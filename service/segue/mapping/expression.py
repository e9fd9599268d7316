"""Jinja expressions, parsed by Jinja and narrowed to what a mapping may say (P-10, P-11).

The result is a small tree of our own: paths into the message, texts, filters, choices. Anything else in Jinja's language is
refused here with file:line; that is the sandbox, since nothing that is not in this tree is ever emitted as code.

    PID.5(2).1.3   Path(root='PID', steps=(5, 1, 3), repetition=2)        it.4.2   Path(root='it', steps=(4, 2))
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import jinja2
from jinja2 import nodes

from .source import MappingError, Place

_ENV = jinja2.Environment(autoescape=False)
_BRACKETS = re.compile(r"\d\s*\[")  # Jinja cannot tell PID.5[2] from PID.5.2


@dataclass(frozen=True, slots=True)
class Path:
    root: str  # segment name, `it`, or a name of the context (`event`)
    steps: tuple[int, ...] = ()
    repetition: int | None = None

    def __str__(self) -> str:
        text = self.root
        for i, step in enumerate(self.steps):
            text += f".{step}"
            if i == 0 and self.repetition is not None:
                text += f"({self.repetition})"
        return text


@dataclass(frozen=True, slots=True)
class Text:
    value: str


@dataclass(frozen=True, slots=True)
class Number:
    value: int


@dataclass(frozen=True, slots=True)
class Apply:
    """`input | name(args, key=…)`; input None for a plain call `name(args)`."""

    name: str
    input: Expression | None
    args: tuple[Expression, ...] = ()
    named: tuple[tuple[str, Expression], ...] = ()


@dataclass(frozen=True, slots=True)
class Either:
    """`a or b or …`: the first that gives something."""

    options: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Both:
    parts: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Not:
    part: Expression


@dataclass(frozen=True, slots=True)
class Compare:
    left: Expression
    op: str  # eq ne in notin lt gt lteq gteq
    right: Expression


@dataclass(frozen=True, slots=True)
class Choose:
    test: Expression
    then: Expression
    otherwise: Expression | None


@dataclass(frozen=True, slots=True)
class Join:
    """`a ~ b`: texts put together; nothing where every path of it is empty."""

    parts: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Sequence:
    items: tuple[Expression, ...]


Expression = Path | Text | Number | Apply | Either | Both | Not | Compare | Choose | Join | Sequence


def parse_value(text: str, place: Place) -> Expression | None:
    """The expression of `{{ … }}`; None when the text is a constant."""
    stripped = text.strip()
    if not stripped.startswith("{{"):
        if "{{" in stripped or "{%" in stripped:
            raise MappingError("a value is one expression or one constant", place, "join texts with ~ inside {{ }}")
        return None
    if not stripped.endswith("}}"):
        raise MappingError("the expression does not end with }}", place)
    return parse(stripped[2:-2], place)


def parse(text: str, place: Place) -> Expression:
    """A bare expression, as in `$if`."""
    if _BRACKETS.search(text):
        raise MappingError("square brackets are not part of a path", place, "write the repetition as PID.3(2)")
    try:
        template = _ENV.parse("{{ " + text + " }}")
    except jinja2.TemplateSyntaxError as error:
        raise MappingError(f"not an expression: {error.message}", place) from None
    body = template.body
    if len(body) != 1 or not isinstance(body[0], nodes.Output) or len(body[0].nodes) != 1:
        raise MappingError("exactly one expression is expected", place)
    return _convert(body[0].nodes[0], place)


def _convert(node: nodes.Node, place: Place) -> Expression:
    match node:
        case nodes.Const() if isinstance(node.value, str):
            return Text(node.value)
        case nodes.Const() if isinstance(node.value, bool):
            return Text("true" if node.value else "false")
        case nodes.Const() if isinstance(node.value, int):
            return Number(node.value)
        case nodes.Name():
            return Path(node.name)
        case nodes.Getitem() | nodes.Getattr() | nodes.Call():
            return _path_or_call(node, place)
        case nodes.Filter():
            if node.node is None:
                raise MappingError("a filter needs a value before it", place)
            _plain(node, place)
            return Apply(
                node.name,
                _convert(node.node, place),
                tuple(_convert(a, place) for a in node.args),
                tuple((str(k.key), _convert(k.value, place)) for k in node.kwargs),
            )
        case nodes.Or():
            return Either((*_options(_convert(node.left, place)), *_options(_convert(node.right, place))))
        case nodes.And():
            return Both((_convert(node.left, place), _convert(node.right, place)))
        case nodes.Not():
            return Not(_convert(node.node, place))
        case nodes.Concat():
            return Join(tuple(_convert(n, place) for n in node.nodes))
        case nodes.CondExpr():
            otherwise = _convert(node.expr2, place) if node.expr2 is not None else None
            return Choose(_convert(node.test, place), _convert(node.expr1, place), otherwise)
        case nodes.Compare() if len(node.ops) == 1:
            return Compare(_convert(node.expr, place), node.ops[0].op, _convert(node.ops[0].expr, place))
        case nodes.Test() if not node.args and not node.kwargs:
            return Apply("is_" + node.name, _convert(node.node, place))
        case nodes.Tuple() | nodes.List():
            return Sequence(tuple(_convert(n, place) for n in node.items))
        case _:
            raise MappingError(f"{type(node).__name__} is not part of the mapping language", place)


def _options(part: Expression) -> tuple[Expression, ...]:
    return part.options if isinstance(part, Either) else (part,)


def _path_or_call(node: nodes.Node, place: Place) -> Expression:
    if isinstance(node, nodes.Call) and isinstance(node.node, nodes.Name):
        _plain(node, place)
        return Apply(
            node.node.name,
            None,
            tuple(_convert(a, place) for a in node.args),
            tuple((str(k.key), _convert(k.value, place)) for k in node.kwargs),
        )
    steps: list[int] = []
    repetition: int | None = None
    while not isinstance(node, nodes.Name):
        match node:
            case nodes.Getitem(arg=nodes.Const(value=int() as step)):
                steps.append(_step(step, place))
                node = node.node
            case nodes.Call(args=[nodes.Const(value=int() as number)], kwargs=[]):
                repetition = number
                if not isinstance(node.node, nodes.Getitem):
                    raise MappingError("a repetition follows its field: PID.3(2)", place)
                node = node.node
            case _:
                raise MappingError("a path is a segment and numbers", place, "write PID.5.1 or PID.3(2).1")
    steps.reverse()
    return Path(node.name, tuple(steps), repetition)


def _plain(node: nodes.Filter | nodes.Call, place: Place) -> None:
    if node.dyn_args is not None or node.dyn_kwargs is not None:
        raise MappingError("arguments are written one by one", place)


def _step(value: Any, place: Place) -> int:
    if value < 1:
        raise MappingError("fields and components count from 1", place)
    return value
