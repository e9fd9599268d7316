"""The listed functions: all that an expression may call, besides the data type maps of the pack.

Each function says what it takes and which FHIR types it gives, so that the compiler can check its use when the pack loads:

    leaf     f(ctx, text, node, number, **named)     decoded text of one leaf; node.location(number) is its place
    node     f(ctx, node, **named)                   a repetition or component; marks what it uses
    segment  f(ctx, segment, *args, **named)         a whole segment (and its notes, its run); marks what it uses
    call     f(ctx, node, *args, **named)            texts and nodes given as arguments, marked by the caller on success
    text     f(text, **named)                        pure text to text
    message  f(ctx)                                  when the message has been read: `finish` of a message map
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pkgutil import iter_modules
from typing import Any, Literal

Kind = Literal["leaf", "node", "segment", "call", "text", "message"]


@dataclass(frozen=True, slots=True)
class Function:
    name: str
    kind: Kind
    targets: tuple[str, ...]  # FHIR types; ("text",) for a text; () for a reference
    call: Callable[..., Any]
    many: bool = False  # gives a list
    primitive: bool = False  # may give a Primitive (value with extensions)
    remember: bool = False  # depends on nothing but the text of its node
    strict: bool = False  # a call that gives nothing where all paths given to it are empty


FUNCTIONS: dict[str, Function] = {}
CONVERSIONS: dict[tuple[str, str], Function] = {}


def function(
    name: str, kind: Kind, *targets: str, many: bool = False, primitive: bool = False, strict: bool = False
) -> Callable[[Any], Any]:
    """Lists a function under its name."""

    def enlist(call: Callable[..., Any]) -> Callable[..., Any]:
        FUNCTIONS[name] = Function(name, kind, targets, call, many, primitive, strict=strict)
        return call

    return enlist


def conversion(
    sources: str, targets: str, kind: Kind = "leaf", many: bool = False, primitive: bool = False, remember: bool = False
) -> Callable[[Any], Any]:
    """Lists a conversion for pairs of v2 and FHIR types (blank-separated)."""

    def enlist(call: Callable[..., Any]) -> Callable[..., Any]:
        for source in sources.split():
            for target in targets.split():
                CONVERSIONS[source, target] = Function(
                    f"{source}.{target}", kind, (target,), call, many, primitive, remember
                )
        return call

    return enlist


def enlist() -> None:
    """Imports the modules of this folder, each of which lists its functions."""
    for module in iter_modules(__path__, f"{__name__}."):
        import_module(module.name)
