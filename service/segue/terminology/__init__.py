"""Codes, systems, authorities and units by look-up in shipped and site files (T-rules). Knows no messages."""

from segue.terminology.authorities import Authority
from segue.terminology.rows import TerminologyError
from segue.terminology.store import Terminology
from segue.terminology.tables import Table, Target
from segue.terminology.translation import Displays, Found, Translator, Unmapped

__all__ = [
    "Authority",
    "Displays",
    "Found",
    "Table",
    "Target",
    "Terminology",
    "TerminologyError",
    "Translator",
    "Unmapped",
]
