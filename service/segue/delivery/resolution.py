"""A message converted with the help of a terminology server: converted, asked for what was lacking, converted again (T-31, T-35).

    convert ──▶ unmapped? ──▶ Resolver.settle, bounded in time ──▶ convert again, from what is now at hand

The conversion itself stays pure: it reads answers that are at hand and never waits. Where everything is at hand, or the breaker
is open, the message is converted once, as without a server.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Generic, NamedTuple, Protocol, TypeVar, cast

from segue.issues import Issue, issue
from segue.terminology import Unmapped

if TYPE_CHECKING:
    from segue.terminology.remote import Resolver


class Made(Protocol):
    """A conversion, as far as this matters here."""

    @property
    def unmapped(self) -> tuple[Unmapped, ...]: ...

    def saying(self, *issues: Issue) -> Made: ...


Kind = TypeVar("Kind", bound=Made)


class Resolved(NamedTuple, Generic[Kind]):
    """A conversion, its JSON, and the codes that the server is still to be asked for (T-35)."""

    conversion: Kind
    body: bytes
    pending: frozenset[Unmapped] = frozenset()


async def resolved(convert: Callable[[], Awaitable[tuple[Kind, bytes]]], resolver: Resolver | None) -> Resolved[Kind]:
    """Converts by `convert`, twice where the server knew what the first conversion lacked."""
    made, body = await convert()
    if resolver is None or not made.unmapped:
        return Resolved(made, body)
    asked = {one: question for one in made.unmapped if (question := resolver.question(one)) is not None}
    if not asked:
        return Resolved(made, body)
    if await resolver.settle(asked.values()):
        made, body = await convert()
    left = frozenset(resolver.unanswered(asked.values()))
    pending = frozenset(one for one in made.unmapped if asked.get(one) in left)
    if not pending:
        return Resolved(made, body)
    told = cast("Kind", made.saying(issue("terminology.unreachable", rule="T-35")))
    return Resolved(told, body, pending)
