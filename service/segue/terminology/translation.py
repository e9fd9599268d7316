"""What a look-up gives and what it could not give: the seams between conversion and whatever else knows codes (T-23, T-31, T-40).

    map of the sender ▸ map of the site ▸ of the pack ▸ of all ▸ Translator, where one is set ▸ nothing: Unmapped

A Translator and a Displays answer at once from what they hold; whoever asks a network does so elsewhere and is asked
again later (T-31, T-38). Knows no messages.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

from segue.terminology.tables import Target

APPLIED = frozenset(("equal", "equivalent"))  # R4 ConceptMap.equivalence that is applied unasked (T-25)
LOOSE = frozenset(("wider", "narrower", "inexact", "relatedto", "specializes", "subsumes"))  # by setting, and marked
NEVER = frozenset(("unmatched", "disjoint"))
EQUIVALENCES = APPLIED | LOOSE | NEVER


class Found(NamedTuple):
    """Targets of a code. `equivalence` is that of the first; `origin` says who knew: map, remote, remote-stale."""

    targets: tuple[Target, ...]
    equivalence: str = "equivalent"
    origin: str = "map"


class Unmapped(NamedTuple):
    """A code of a field where a translation is expected and was not found. One is told once a message.

    No patient data: `text` is the display that came with the code, never the value of a text field.
    """

    sender: str  # MSH-3.1|MSH-4.1
    field: str  # OBX-3
    system: str  # URI, else the name that was sent, else ""
    code: str
    unit: str = ""  # OBX-6 as sent, for codes of an OBX
    text: str = ""
    table: str = ""  # the map that was asked; UCUM for a unit; "" for a code of a local system
    policy: str = "keep"  # keep | text | queue | reject (R-UNM)


class Translator(Protocol):
    """Knows translations beyond the maps of the folders. Never waits: what is not at hand is None."""

    @property
    def generation(self) -> int:
        """Grows when a code that had no translation may have one: what was remembered of it no longer holds."""
        ...

    def translate(self, system: str, code: str, *, target: str | None = None, sender: str = "") -> Found | None:
        """`system` is a URI, else the name that was sent, else "": a name means something only together with its `sender`
        (MSH-3.1|MSH-4.1). `target` is the URI of the system wanted, None for any."""
        ...

    def display(self, system: str, code: str) -> str | None:
        """The display of a code that a map gave without one; None where it is not at hand, or not to be asked for."""
        ...


class Displays(Protocol):
    """Knows the display of codes of vocabularies that the user has loaded. Never waits."""

    @property
    def digest(self) -> str:
        """Names what answers: displays are part of a Bundle (T-28)."""
        ...

    def display(self, system: str, code: str) -> str | None: ...
