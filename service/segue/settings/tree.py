"""The whole tree of settings, with every default (O-40)."""

from __future__ import annotations

import os
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, ValidationError

from segue.options import BundleKind, Residue
from segue.settings.doors import Http, Listener, TimeZone
from segue.settings.journal import Journal
from segue.settings.node import Bytes, Node, Seconds
from segue.settings.targets import Target, short_form
from segue.settings.terminology import Inbox, Terminology


def _deliver(text: str) -> str:
    try:
        short_form(text)
    except ValidationError as error:
        raise ValueError(str(error.errors()[0]["msg"]).removeprefix("Value error, ")) from None
    return text


Deliver = Annotated[str, AfterValidator(_deliver)]


class Limits(Node):
    """Caps of the HTTP door (A-70)."""

    message_bytes: Bytes = Field(default=32 << 20, description="Largest body of one message, decoded.")
    json_bytes: Bytes = Field(default=48 << 20, description="Largest body that wraps a message in JSON.")
    batch_bytes: Bytes = Field(default=256 << 20, description="Largest body of a batch, decoded.")
    gzip_ratio: int = Field(default=100, ge=1, description="Largest growth of a compressed body.")
    body_s: Seconds = Field(default=30, description="Longest silence while a body is read.")
    inline_bytes: int = Field(
        default=256 << 10,
        ge=0,
        description="Bodies below this convert in the event loop, larger ones in a thread (P-34).",
    )
    processes: int = Field(
        default=0,
        ge=0,
        description="Processes that convert the messages of listeners beside the doors; 0: the service itself does it (P-34).",
    )
    conversions: int = Field(default=4 * (os.cpu_count() or 1), ge=1, description="Conversions in threads at once.")
    queued: int = Field(default=64, ge=0, description="Conversions waiting for a thread before the answer is 503.")


class Log(Node):
    """What is logged and how (O-20, O-21)."""

    format: Literal["auto", "json", "console"] = Field(
        default="auto", description="auto: console on a terminal, else JSON."
    )
    level: Literal["debug", "info", "warning", "error"] = "info"
    control_ids: bool = Field(
        default=False, description="Log message control ids as sent instead of hashed. They may identify a patient."
    )


class Drain(Node):
    """How the service stops (S-78)."""

    delay_s: Seconds = Field(default=5, description="After SIGTERM: not ready, but still listening.")
    silence_s: Seconds = Field(default=1, description="An MLLP connection silent for this long is closed.")
    grace_s: Seconds = Field(default=25, description="Then everything left is cut.")


class Settings(Node):
    """The whole tree."""

    http: Http = Http()
    listeners: tuple[Listener, ...] = (Listener(),)
    deliver: Deliver | None = Field(
        default=None,
        description="One more target in short: a folder, a file NAME.ndjson, or the URL of a FHIR server (https://) or an MLLP listener (mllps://).",
    )
    targets: tuple[Target, ...] = Field(default=(), description="Where Bundles go, by name and filter (S-64).")
    journal: Journal = Journal()
    bundle: BundleKind = Field(default="transaction", description="Kind of Bundle.")
    timezone: TimeZone | None = Field(
        default=None, description="Zone of times without one; none: such a value is cut to a date."
    )
    site: str | None = Field(default=None, description="Site overlay; none: chosen by MSH-3/4/9/12.")
    pack: str | None = Field(default=None, description="Folder of a mapping pack; none: the one that ships.")
    sites: str | None = Field(default=None, description="Folder of site overlays, a folder each.")
    residue: Residue = Field(default="report", description="What becomes of fields without a home in FHIR.")
    narrative: bool = Field(default=False, description="Whether each resource has a text for a reader.")
    limits: Limits = Limits()
    log: Log = Log()
    drain: Drain = Drain()
    terminology: Terminology = Terminology()
    inbox: Inbox = Inbox()

    @property
    def all_targets(self) -> tuple[Target, ...]:
        """The targets, and the one that `deliver` means."""
        return self.targets if self.deliver is None else (*self.targets, short_form(self.deliver))
