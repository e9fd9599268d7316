"""Jinja expressions, parsed by Jinja and narrowed to what a mapping may say (P-10, P-11).

The result is a small tree of our own: paths into the message, texts, filters, choices. Anything else in Jinja's language is
refused here with file:line; that is the sandbox, since nothing that is not in this tree is ever emitted as code.

    PID.5(2).1.3   Path(root='PID', steps=(5, 1, 3), repetition=2)        it.4.2   Path(root='it', steps=(4, 2))
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import Any

import jinja2
from jinja2 import nodes
from jinja2.parser import Parser

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
    try:
        return _parsed(text)
    except _Refused as refused:
        raise MappingError(refused.text, place, refused.hint) from None


class _Refused(Exception):
    """What is wrong with an expression, and what to write."""

    def __init__(self, text: str, hint: str = "") -> None:
        super().__init__(text)
        self.text, self.hint = text, hint


@cache
def _parsed(text: str) -> Expression:
    """The same for the same text wherever it stands: maps repeat themselves, and several questions are asked of each value."""
    if _BRACKETS.search(text):
        raise _Refused("square brackets are not part of a path", "write the repetition as PID.3(2)")
    try:
        parser = Parser(_ENV, text, state="variable")
        found = parser.parse_tuple()
        if not parser.stream.eos:
            raise _Refused("exactly one expression is expected")
    except jinja2.TemplateSyntaxError as error:
        message = (error.message or "").replace("end of template", "end of the expression")
        raise _Refused(f"not an expression: {message}") from None
    return _convert(found)


def _convert(node: nodes.Node) -> Expression:
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
            return _path_or_call(node)
        case nodes.Filter():
            if node.node is None:
                raise _Refused("a filter needs a value before it")
            _plain(node)
            return Apply(
                node.name,
                _convert(node.node),
                tuple(_convert(a) for a in node.args),
                tuple((str(k.key), _convert(k.value)) for k in node.kwargs),
            )
        case nodes.Or():
            return Either((*_options(_convert(node.left)), *_options(_convert(node.right))))
        case nodes.And():
            return Both((_convert(node.left), _convert(node.right)))
        case nodes.Not():
            return Not(_convert(node.node))
        case nodes.Concat():
            return Join(tuple(_convert(n) for n in node.nodes))
        case nodes.CondExpr():
            otherwise = _convert(node.expr2) if node.expr2 is not None else None
            return Choose(_convert(node.test), _convert(node.expr1), otherwise)
        case nodes.Compare() if len(node.ops) == 1:
            return Compare(_convert(node.expr), node.ops[0].op, _convert(node.ops[0].expr))
        case nodes.Test() if not node.args and not node.kwargs:
            return Apply("is_" + node.name, _convert(node.node))
        case nodes.Tuple() | nodes.List():
            return Sequence(tuple(_convert(n) for n in node.items))
        case _:
            raise _Refused(f"{type(node).__name__} is not part of the mapping language")


def _options(part: Expression) -> tuple[Expression, ...]:
    return part.options if isinstance(part, Either) else (part,)


def _path_or_call(node: nodes.Node) -> Expression:
    if isinstance(node, nodes.Call) and isinstance(node.node, nodes.Name):
        _plain(node)
        return Apply(
            node.node.name,
            None,
            tuple(_convert(a) for a in node.args),
            tuple((str(k.key), _convert(k.value)) for k in node.kwargs),
        )
    steps: list[int] = []
    repetition: int | None = None
    while not isinstance(node, nodes.Name):
        match node:
            case nodes.Getitem(arg=nodes.Const(value=int() as step)):
                steps.append(_step(step))
                node = node.node
            case nodes.Call(args=[nodes.Const(value=int() as number)], kwargs=[]):
                repetition = number
                if not isinstance(node.node, nodes.Getitem):
                    raise _Refused("a repetition follows its field: PID.3(2)")
                node = node.node
            case _:
                raise _Refused("a path is a segment and numbers", "write PID.5.1 or PID.3(2).1")
    steps.reverse()
    return Path(node.name, tuple(steps), repetition)


def _plain(node: nodes.Filter | nodes.Call) -> None:
    if node.dyn_args is not None or node.dyn_kwargs is not None:
        raise _Refused("arguments are written one by one")


def _step(value: Any) -> int:
    if value < 1:
        raise _Refused("fields and components count from 1")
    return value
