"""Which acknowledgements a sender asks for: original or enhanced mode, read from each message (S-22, S-23; HL7 v2.5
chapter 2.9, tables 0155 and 0008).

    MSH-15  MSH-16                what is answered
    empty   empty                 original mode: one application acknowledgement
    NE      AL                    the same by the standard's own word
    AL …    any                   enhanced: the commit acknowledgement by MSH-15, the application's by MSH-16

A field that is empty, or holds no word of table 0155, is read as it harms least: no word about the commit means that
it is wanted (S-21), no word about the application that it is not; an empty MSH-15 beside AL is original mode.
"""

from __future__ import annotations

from typing import Literal, NamedTuple, cast

from segue.mllp.ack import Header

Condition = Literal["AL", "NE", "ER", "SU"]
CONDITIONS = frozenset(("AL", "NE", "ER", "SU"))


def wants(condition: str, good: bool) -> bool:
    """Whether a condition of table 0155 asks for an acknowledgement of this outcome."""
    return condition == "AL" or condition == ("SU" if good else "ER")


class Mode(NamedTuple):
    """Enhanced mode of one message."""

    commit: Condition
    application: Condition

    @property
    def tells_errors(self) -> bool:
        """Whether the sender hears that a message it was committed to could not be processed."""
        return wants(self.application, False)

    def __str__(self) -> str:
        return f"{self.commit}/{self.application}"

    @classmethod
    def read(cls, text: str | None) -> Mode | None:
        """As `str` wrote it."""
        if not text:
            return None
        commit, _, application = text.partition("/")
        return cls(cast("Condition", commit), cast("Condition", application))


def mode_of(header: Header | None) -> Mode | None:
    """The mode of a message, None for original mode."""
    if header is None:
        return None
    commit, application = (header.field(number).strip() for number in (15, 16))
    commit, application = (word if word in CONDITIONS else "" for word in (commit, application))
    if (not commit and application in ("", "AL")) or (commit, application) == ("NE", "AL"):
        return None
    return Mode(cast("Condition", commit or "AL"), cast("Condition", application or "NE"))
