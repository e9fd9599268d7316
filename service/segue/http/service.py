"""What the HTTP routes share: the converter, its rules, the settings, the gate; and one message converted (A-03).

A small body converts where it stands, since a thread would cost more than the conversion; a large one leaves the
event loop to others (P-34).
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from starlette.requests import Request

from segue.conversion import Conversion
from segue.convert import Converter
from segue.delivery.resolution import resolved
from segue.http.gate import Gate
from segue.http.refusal import RequestError, tally
from segue.http.rules import Rules
from segue.inbox.desk import Desk
from segue.issues import Issue, Refusal, issue
from segue.settings import Settings

if TYPE_CHECKING:
    from segue.terminology.remote import Resolver

VARY = "Accept"  # the compressing layer adds Accept-Encoding


@dataclass(slots=True)
class Service:
    """The state of the application."""

    converter: Converter
    settings: Settings
    resolver: Resolver | None = None  # asks a terminology server, where one is set (T-31)
    desk: Desk | None = None  # the inbox of unmapped codes, where one is kept (T-60)
    _rules: tuple[str, Rules] | None = field(init=False, default=None)
    gate: Gate = field(init=False)
    defaults: dict[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        self.gate = Gate(self.settings.limits.conversions, self.settings.limits.queued)
        wanted = {name: getattr(self.settings, name) for name in ("bundle", "timezone", "site", "residue", "narrative")}
        self.defaults = {name: value for name, value in wanted.items() if value is not None}

    @property
    def rules(self) -> Rules:
        """The rules in force; they may change between two messages (T-28)."""
        digest = self.converter.digest
        if self._rules is None or self._rules[0] != digest:
            self._rules = digest, Rules.of(self.converter)
        return self._rules[1]

    async def convert(self, raw: bytes, options: Mapping[str, Any]) -> tuple[Conversion, bytes]:
        """One message and its JSON; raises RequestError with the issues of a refusal."""
        given = {**self.defaults, **options}
        try:
            done, body, _ = await resolved(lambda: self._made(raw, given), self.resolver)
        except Refusal as refusal:
            raise self.stop(refusal.issues) from None
        return done, body

    async def _made(self, raw: bytes, options: Mapping[str, Any]) -> tuple[Conversion, bytes]:
        if len(raw) < self.settings.limits.inline_bytes:
            return self._convert(raw, options)
        async with self.gate.slot():
            return await asyncio.to_thread(self._convert, raw, options)

    def _convert(self, raw: bytes, options: Mapping[str, Any]) -> tuple[Conversion, bytes]:
        done = self.converter.convert(raw, **options)
        return done, done.json()

    def stop(self, issues: tuple[Issue, ...]) -> RequestError:
        """A refusal as the end of a request; it is a reply to a conversion all the same (A-72)."""
        return RequestError(*issues, headers={"V2fhir-Issues": tally(issues), "V2fhir-Pack": self.rules.header})

    def headers(self, issues: tuple[Issue, ...] | None) -> dict[str, str]:
        """Of every reply that holds a conversion (A-72, A-73, A-76); a stream has no tally before it ends."""
        out = {"V2fhir-Pack": self.rules.header, "ETag": self.rules.etag, "Cache-Control": "no-store", "Vary": VARY}
        if issues is not None:
            out["V2fhir-Issues"] = tally(issues)
        return out

    def check_pin(self, request: Request) -> None:
        """If-Match pins the rules (A-73)."""
        pin = request.headers.get("if-match")
        if pin is None or pin.strip() == "*":
            return
        if self.rules.etag not in (tag.strip() for tag in pin.split(",")):
            raise RequestError(
                issue("request.pack", hint=f"Active is {self.rules.name}@{self.rules.version} ({self.rules.digest}).")
            )


def service(request: Request) -> Service:
    return request.app.state.service
