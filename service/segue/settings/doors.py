"""The doors of a service: the HTTP one, and listeners of MLLP, each with its own settings (O-44, S-73)."""

from __future__ import annotations

import ipaddress
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from segue.options import is_timezone, timezone_hint
from segue.settings.callback import Callback
from segue.settings.node import Bytes, Node, Port, Seconds
from segue.settings.tls import ServerTls


def _timezone(text: str) -> str:
    if not is_timezone(text):
        raise ValueError(f"not a time zone – {timezone_hint(text)}")
    return text


def is_loopback(host: str) -> bool:
    """True where only this machine can connect."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _network(text: str) -> str:
    try:
        ipaddress.ip_network(text)
    except ValueError:
        raise ValueError("not an address or a network in CIDR form, such as 10.1.0.0/16") from None
    return text


TimeZone = Annotated[str, AfterValidator(_timezone)]
Network = Annotated[str, AfterValidator(_network)]


class _Door(Node):
    host: str = Field(default="127.0.0.1", description="Address to listen on; loopback unless `plaintext` is true.")
    plaintext: bool = Field(
        default=False,
        description="Listen off loopback without TLS and without a credential (A-77, S-86). Warned at each start.",
    )


class Http(_Door):
    """The HTTP door."""

    port: Port = 8080
    docs: bool = Field(default=True, description="Serve /docs and /openapi.json.")


class Listener(_Door):
    """One MLLP listener (S-73)."""

    name: str = Field(default="mllp", min_length=1, description="Name in logs; unique.")
    port: Port = 2575
    tls: ServerTls | None = Field(
        default=None, description="TLS; none: plain text, on loopback unless `plaintext` is true."
    )
    allow: tuple[Network, ...] = Field(
        default=(), description="Addresses and networks (CIDR) that may connect; none: all (S-84)."
    )
    site: str | None = Field(default=None, description="Site overlay for this listener; default: the service's.")
    timezone: TimeZone | None = Field(default=None, description="Zone of times without one; default: the service's.")
    charset: str | None = Field(default=None, description="Character set of all messages, over MSH-18 (S-74).")
    ack: Literal["received", "converted", "delivered"] = Field(
        default="converted",
        description="With a journal: what has to have happened before AA; the bytes are synced first in any case (S-22).",
    )
    order: Literal["patient", "connection", "sender", "none"] = Field(
        default="patient", description="With a journal: messages with this in common are delivered in order (S-47)."
    )
    on_unsupported: Literal["refuse", "store", "accept"] = Field(
        default="refuse",
        description="With a journal: a type without a map is answered AR; or kept as a dead letter or ignored, and answered AA (S-26).",
    )
    on_failure: Literal["park", "pass"] = Field(
        default="park",
        description="With a journal: what follows an accepted message that failed waits, or goes on (S-52).",
    )
    stale: Literal["hold", "apply"] = Field(
        default="hold",
        description="With a journal: an older message that comes after a newer one about the same patient or order is held, or delivered (S-53).",
    )
    enhanced: bool = Field(
        default=True,
        description="Obey MSH-15 and MSH-16 of each message (S-23); false: every message is answered in original mode.",
    )
    callback: Callback | None = Field(
        default=None,
        description="With a journal: where application acknowledgements of enhanced mode go; none: over the message's own connection.",
    )
    nak_transient: Literal["AR", "AE", "close"] = Field(
        default="AR", description="Answer when the cause is not in the message (S-24)."
    )
    ack_warnings: bool = Field(default=False, description="Add ERR segments for warnings to an AA (S-32).")
    message_bytes: Bytes = Field(
        default=32 << 20, description="Largest frame; a larger one is answered AR with ERR 104 (S-06)."
    )
    connections: int = Field(
        default=1024, ge=1, description="Connections at once; further ones wait until one ends (S-71)."
    )
    per_source: int = Field(default=64, ge=1, description="Connections at once from one address (S-71).")
    unanswered: int = Field(
        default=16, ge=1, description="Frames of a connection waiting before it is read no further (S-70)."
    )
    buffered_bytes: Bytes = Field(
        default=256 << 20,
        description="Bytes of all its connections that may wait; above, only the oldest unfinished frame is read (S-70).",
    )
    handshake_s: Seconds = Field(default=10, gt=0, description="Longest TLS handshake (S-73).")
    progress_s: Seconds = Field(default=30, description="Longest silence inside a frame (S-07).")
    frame_s: Seconds = Field(default=300, description="Longest time for a whole frame (S-07).")
    idle_s: Seconds = Field(default=0, description="Longest silence between frames; 0: no limit (S-07).")
