"""What the walk over a resource carries along: what the Bundle holds, what was found, what points inside (P-22)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

Json = Mapping[str, Any]


class Fault(NamedTuple):
    """The object at fault, the key in it ("" for itself) and the rule."""

    node: Json
    key: str
    rule: str


@dataclass(slots=True)
class Walk:
    """One walk: what the Bundle holds, and what was found."""

    bundle: bool
    kinds: dict[str | None, str] = field(default_factory=dict[str | None, str])  # fullUrl ▸ resource type
    faults: list[Fault] = field(default_factory=list[Fault])
    local: list[tuple[Json, tuple[str, ...]]] = field(default_factory=list[tuple[Json, tuple[str, ...]]])

    def fault(self, node: Json, key: str, rule: str) -> None:
        self.faults.append(Fault(node, key, rule))


Visit = Callable[[Any, Walk], None]
