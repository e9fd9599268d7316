"""What a terminology server is asked and what it answers, apart from how it is written on the wire (T-32, T-34, T-36)."""

from __future__ import annotations

import re
from enum import Enum
from typing import NamedTuple

from segue.terminology.tables import Target

LARGEST_CODE = 64
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\s|<>\"]+")
_CODE = re.compile(r"[^\s]+( [^\s]+)*")
_LOINC = re.compile(r"\d{1,7}-\d")
_SCTID = re.compile(r"[1-9]\d{5,17}")
LOINC, SNOMED = "http://loinc.org", "http://snomed.info/sct"
LOOKUP = "$lookup"  # in place of a target: not a translation is wanted but the display of the code itself (T-38)


class Question(NamedTuple):
    """One code to be translated, or to be named."""

    system: str  # an absolute URI
    code: str
    target: str = ""  # the system wanted; "" for any; LOOKUP for its own display


class Kind(Enum):
    """How long an answer counts depends on what it is (T-34)."""

    POSITIVE = "positive"
    NEGATIVE = "negative"  # the server was asked and knows none
    ERROR = "error"  # the server could not be asked, or what it said cannot be used


class Answer(NamedTuple):
    """What the server said. `equivalence` is that of the targets, in R4's words."""

    kind: Kind
    targets: tuple[Target, ...] = ()
    equivalence: str = ""


def is_uri(text: str) -> bool:
    """True for an absolute URI."""
    return _URI.fullmatch(text) is not None


def well_formed(system: str, code: str) -> bool:
    """Whether a code may be one of its system: its syntax, and the check digit where the system has one (T-36)."""
    if len(code) > LARGEST_CODE or _CODE.fullmatch(code) is None:
        return False
    if system == LOINC:
        return _LOINC.fullmatch(code) is not None and _mod10(code[:-2]) == int(code[-1])
    if system == SNOMED:
        return _SCTID.fullmatch(code) is not None and _verhoeff(code)
    return True


def _mod10(digits: str) -> int:
    """LOINC's check digit (LOINC Users' Guide, appendix): doubled digits from the right, summed."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if place % 2 == 0 else 1)
        total += value // 10 + value % 10
    return -total % 10


_D5 = (
    "0123456789", "1234067895", "2340178956", "3401289567", "4012395678",
    "5987604321", "6598710432", "7659821043", "8765932104", "9876543210",
)  # fmt: skip
_TURNS = (
    "0123456789", "1576283094", "5803796142", "8916043527", "9453126870", "4286573901", "2793806415", "7046913258",
)  # fmt: skip


def _verhoeff(digits: str) -> bool:
    """The check digit of SNOMED CT identifiers (SNOMED CT Technical Implementation Guide, Verhoeff)."""
    state = 0
    for place, digit in enumerate(reversed(digits)):
        state = int(_D5[state][int(_TURNS[place % 8][int(digit)])])
    return state == 0
