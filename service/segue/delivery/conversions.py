"""A message converted on its way in: where it stands, or in a process of its own (P-34, S-56, S-57, T-31).

    convert, here or in a child ─▶ unmapped? ─▶ terminology server, bounded in time ─▶ convert again, here

Gives everything that is to be stored and said of a conversion, as plain values; a bug of ours is an issue like any other.
Knows the options of each listener, no journal and no target.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from segue import log
from segue.convert import Converter
from segue.delivery.children import Children, Made, made
from segue.delivery.resolution import resolved
from segue.delivery.target import Parcel
from segue.issues import Issue
from segue.settings import Settings
from segue.terminology import Unmapped

if TYPE_CHECKING:  # an HTTP client comes with it, which a service without a server has no use for
    from segue.terminology.remote import Resolver

INLINE_BYTES = 256 << 10


class Converted(NamedTuple):
    """A conversion that was made, or the issues for which there is none."""

    made: Made
    pending: frozenset[Unmapped] = frozenset()  # codes that the terminology server is still to be asked for (T-35)

    @property
    def body(self) -> bytes | None:
        """The Bundle as JSON."""
        return self.made.body

    @property
    def issues(self) -> tuple[Issue, ...]:
        return self.made.issues

    @property
    def event(self) -> str:
        """A mapped event, else "other": never text of the sender (O-10)."""
        return self.made.event or "other"

    def parcel(self, raw: bytes, digest: str) -> Parcel:
        """The Bundle on its way; `digest` is the SHA-256 of the message."""
        found = self.made
        assert found.body is not None
        return Parcel(found.body, found.control_id, digest, found.event, found.sender, found.site, raw, found.writes)


class Unknown(Protocol):
    """Takes the codes of a message that could not be translated; raises OSError."""

    def note(self, unmapped: Collection[Unmapped], pending: Collection[Unmapped], control_id: str) -> None: ...


class Conversions:
    """The converter, its children, and the options of each listener."""

    def __init__(
        self,
        converter: Converter,
        options: Mapping[str, Mapping[str, Any]] | None = None,
        default: Mapping[str, Any] | None = None,
        *,
        inline_bytes: int = INLINE_BYTES,
        resolver: Resolver | None = None,
        children: Children | None = None,
        unknown: Unknown | None = None,
    ) -> None:
        self.converter = converter
        self._unknown = unknown
        self._options = options or {}
        self._default = default or {}
        self._inline_bytes = inline_bytes
        self._resolver = resolver
        self._children = children

    @property
    def rules(self) -> str:
        """The digest of the rules in force."""
        return self.converter.digest

    def fresh(self) -> str:
        """The same after a look for changed rules."""
        return self.converter.fresh().digest

    def options(self, listener: str) -> Mapping[str, Any]:
        return self._options.get(listener, self._default)

    def elsewhere(self, raw: bytes) -> bool:
        """Whether a message is converted beside others in processes that it may end without harm."""
        return self._children is not None and self._children.wanted > 0 and len(raw) < self._inline_bytes

    def unsupported(self, raw: bytes, listener: str) -> Issue | None:
        """Why a message is none of those that can be converted here, by its header alone (S-24)."""
        options = self.options(listener)
        return self.converter.unsupported(raw, site=options.get("site"), charset=options.get("charset"))

    async def ready(self) -> None:
        """Waits until a suspect could be converted, so that only its own doing is counted against it."""
        if self._children is not None:
            await self._children.ready()

    async def convert(self, raw: bytes, listener: str, *, suspect: bool = False) -> Converted:
        """Raises CulpritError for a message that ended its process or took too long."""
        options = self.options(listener)
        again = False

        async def once() -> tuple[Made, bytes]:
            nonlocal again
            found = await self._made(raw, options, suspect=suspect, here=again)  # a child learns of answers later
            again = True
            return found, b""

        found, _, pending = await resolved(once, self._resolver)
        if self._resolver is not None and found.unnamed:
            self._resolver.translations.want(found.unnamed)
        return Converted(found, pending)

    def note(self, done: Converted, listener: str) -> None:
        """Counts the codes without a translation of a message that is accepted: once for each, not for each conversion (T-62)."""
        if self._unknown is not None:
            try:
                self._unknown.note(done.made.unmapped, done.pending, done.made.control_id)
            except OSError as error:  # a full disk costs a count, not the message
                log.get().error("inbox.not-noted", listener=listener, **log.fault(error))

    async def _made(self, raw: bytes, options: Mapping[str, Any], *, suspect: bool, here: bool = False) -> Made:
        large = len(raw) >= self._inline_bytes
        if self._children is not None and (suspect or large or (self._children.wanted and not here)):
            return await self._children.convert(raw, options, alone=suspect or large)
        if large:
            return await asyncio.to_thread(made, self.converter, raw, options)
        return made(self.converter, raw, options)

    async def close(self) -> None:
        if self._children is not None:
            await self._children.close()


def options_of(settings: Settings, timezone: str | None, site: str | None, charset: str | None) -> dict[str, Any]:
    """The options of conversion of a listener: its own, else the service's."""
    options = {
        "bundle": settings.bundle,
        "residue": settings.residue,
        "narrative": settings.narrative,
        "timezone": timezone or settings.timezone,
        "site": site or settings.site,
        "charset": charset,
    }
    return {name: value for name, value in options.items() if value is not None}


def conversions_of(
    settings: Settings,
    converter: Converter,
    resolver: Resolver | None = None,
    children: Children | None = None,
    unknown: Unknown | None = None,
) -> Conversions:
    """The conversions of a service, with the options that its settings give each listener."""
    return Conversions(
        converter,
        {one.name: options_of(settings, one.timezone, one.site, one.charset) for one in settings.listeners},
        options_of(settings, None, None, None),
        inline_bytes=settings.limits.inline_bytes,
        resolver=resolver,
        children=children,
        unknown=unknown,
    )
