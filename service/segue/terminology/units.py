"""Units: exact spellings to UCUM codes, and which codes that claim to be UCUM are trusted (R-UNIT, T-50…T-55).

A spelling is a row of `units.csv`, or else a division whose parts are rows of `unit-parts.csv`, each in a place where it is
unambiguous: `mcg/kg/hr` is `ug/kg/h`. Case is never folded and values are never converted. The grammar of UCUM decides only
for a code whose system is named UCUM; look-alikes, valid UCUM that means something else (T-52), are rows with a reason and never pass as they stand.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache
from importlib import import_module
from typing import Any

from segue.terminology.rows import Source, rows

COLUMNS = ("spelling", "code", "trap", "comment")
PART_COLUMNS = ("spelling", "code", "place", "trap", "comment")
PLACES = {
    "top": (0,),
    "below": (1,),
    "after": (2,),
    "any": (0, 1),
}  # above the first stroke, below it, below the second


class Units:
    """The spellings of the unit tables and the parts they are made of; a later file stands before an earlier one."""

    def __init__(self, sources: Iterable[Source], parts: Iterable[Source] = ()) -> None:
        self._codes: dict[str, str] = {}
        self._traps: set[str] = set()
        for source in sources:
            seen: dict[str, int] = {}
            for row in rows(source, COLUMNS):
                spelling, code, trap, _ = row.cells
                if not spelling:
                    raise row.error("the spelling is empty")
                if spelling in seen:
                    raise row.error(f"{spelling!r} stands twice, first at line {seen[spelling]}")
                if not code and not trap:
                    raise row.error("a spelling without code needs the reason why")
                seen[spelling] = row.line
                self._codes[spelling] = code
                self._traps.discard(spelling)
                if trap:
                    self._traps.add(spelling)
        self._known = frozenset(code for code in self._codes.values() if code)
        self._parts: dict[tuple[int, str], tuple[str, bool]] = {}
        for source in parts:
            self._add_parts(source)

    def _add_parts(self, source: Source) -> None:
        seen: dict[tuple[int, str], int] = {}
        for row in rows(source, PART_COLUMNS):
            spelling, code, place, trap, _ = row.cells
            if not spelling or not code:
                raise row.error("a part needs its spelling and its code")
            if place not in PLACES:
                raise row.error(f"the place is one of {', '.join(PLACES)}")
            for at in PLACES[place]:
                if (at, spelling) in seen:
                    raise row.error(f"{spelling!r} stands twice, first at line {seen[at, spelling]}")
                seen[at, spelling] = row.line
                self._parts[at, spelling] = code, bool(trap)

    def code(self, text: str) -> str | None:
        text = text.strip()
        if text in self._codes:
            return self._codes[text] or None
        return self._divided(text)[0]

    def _divided(self, text: str) -> tuple[str | None, bool]:
        """The code of a division of known parts, and whether one of them means something else in UCUM."""
        written = text.split("/")
        if not 2 <= len(written) <= 3:
            return None, False
        found = [self._parts.get((at, part)) for at, part in enumerate(written)]
        known = [part for part in found if part is not None]
        if len(known) < len(written):
            return None, False
        return "/".join(code for code, _ in known), any(trap for _, trap in known)

    def is_ucum(self, code: str) -> bool:
        if code in self._traps:
            return False
        divided, trap = self._divided(code)
        if divided is not None:
            return not trap and (divided == code or obeys_grammar(code))
        return code in self._known or obeys_grammar(code)

    @property
    def spellings(self) -> dict[str, str]:
        """All spellings with their codes; "" for a look-alike without one."""
        return dict(self._codes)

    @property
    def traps(self) -> frozenset[str]:
        return frozenset(self._traps)


@lru_cache(4096)
def obeys_grammar(code: str) -> bool:
    """Whether the text is a unit by the grammar of UCUM, case-sensitive."""
    if not code.isascii() or len(code) > 64:
        return False
    parse, fault = _parser()
    try:
        parse(code)
    except fault:
        return False
    return True


@lru_cache(1)
def _parser() -> tuple[Callable[[str], Any], type[Exception]]:
    """The parser and its error; half a second to import and a millisecond a unit, so only when asked (P-36)."""
    parser: Any = import_module("ucumvert").get_ucum_parser()
    return parser.parse, import_module("lark.exceptions").LarkError
