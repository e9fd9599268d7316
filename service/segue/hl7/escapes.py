r"""Leaves ▸ text: escape sequences, null, blanks, control characters, each leaf once (R-ESC-1…3, R-CHAR-5, R-NULL-1).

    \F\ \S\ \T\ \R\ \E\ \P\    the delimiter               \.br\ \.ce\ \.sp n\                       line breaks
    \Xhh…\                     bytes of the charset        \H\ \N\ \.in n\ \.ti n\ \.fi\ \.nf\       dropped
    \Cxxyy\ \Mxxyyzz\          ISO 2022 shifts, where the message is in ISO 2022

Anything else stays as written. `leaf_reader` makes the function behind `Message.text`, which has no location;
`faults` finds in advance what that function leaves or cuts, so that the reader can say where. Knows no segments.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from .message import NULL, Delimiters

LINES = 200  # line breaks that one .sp gives at most
GROWTH = 4  # line breaks that a leaf gives at most for each of its characters, above LINES

CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_BLANKS = " \t"
_ISO_2022 = "iso2022"


def leaf_reader(delimiters: Delimiters, codec: str, *, scrub: bool = False) -> Callable[[str], str | None]:
    """Raw leaf ▸ text; None where it is absent, blank or the null `""`. `scrub`: it may hold control characters."""
    escape = delimiters.escape
    if not escape and not scrub:
        return _plain
    decode = _grammar(delimiters, codec).decode if escape else _unchanged

    def thorough(raw: str) -> str | None:
        if raw.rstrip(_BLANKS) == NULL:
            return None
        text = CONTROL.sub("", decode(raw)).rstrip(_BLANKS)
        return text if text and not text.isspace() else None

    if scrub:
        return thorough

    def text(raw: str) -> str | None:
        if escape in raw:
            return thorough(raw)
        bare = raw.rstrip()
        if not bare or bare == NULL:
            return None
        return raw if bare == raw else raw.rstrip(_BLANKS)

    return text


def _plain(raw: str) -> str | None:
    bare = raw.rstrip()
    return None if not bare or bare == NULL else raw.rstrip(_BLANKS)


def _unchanged(raw: str) -> str:
    return raw


def faults(raw: str, delimiters: Delimiters, codec: str) -> tuple[str, ...]:
    """Codes of the issues that decoding this leaf gives rise to, each once."""
    if not delimiters.escape:
        return ()
    grammar = _grammar(delimiters, codec)
    if delimiters.escape not in grammar.harmless.sub("", raw):
        return ()
    found: dict[str, None] = {}

    def tell(code: str) -> None:
        found[code] = None

    grammar.decode(raw, tell)
    return tuple(found)


def written(text: str, delimiters: Delimiters) -> str:
    """Text ▸ leaf: the delimiters and line breaks in it as escape sequences."""
    e = delimiters.escape
    if not e:
        return text
    codes = {
        e: "E",
        delimiters.field: "F",
        delimiters.component: "S",
        delimiters.subcomponent: "T",
        delimiters.repetition: "R",
    }
    escaped = "".join(f"{e}{codes[c]}{e}" if c in codes and c else c for c in text)
    return escaped.replace("\r\n", "\n").replace("\r", "\n").replace("\n", f"{e}.br{e}")


@dataclass(frozen=True, slots=True)
class _Grammar:
    decode: Callable[..., str]
    harmless: re.Pattern[str]  # sequences that never give rise to an issue


@lru_cache(64)
def _grammar(delimiters: Delimiters, codec: str) -> _Grammar:
    """The escape sequences under these delimiters, compiled once.

    Sequences that are known match first; local ones (Z…) and malformed X, C, M match as a whole, so that their closing
    character opens nothing; a lone escape character matches last.
    """
    e = re.escape(delimiters.escape)
    standard = Delimiters()
    single = {
        "F": delimiters.field,
        "S": delimiters.component or standard.component,
        "T": delimiters.subcomponent or standard.subcomponent,
        "R": delimiters.repetition or standard.repetition,
        "E": delimiters.escape,
        "P": delimiters.truncation or "#",
        "H": "",
        "N": "",
    }
    breaks = r"\.(?:br|ce|BR|CE)"
    dropped = r"\.(?:fi|nf|FI|NF|(?:in|ti|IN|TI)\s?[+-]?\d*)"
    pattern = re.compile(
        rf"{e}(?:(?P<one>[FSTREPHN])|(?P<break>{breaks})|\.(?:sp|SP)\s?\+?(?P<space>\d*)|(?P<dropped>{dropped}))(?P<end>{e})"
        rf"|(?P<bytes>(?:{e}X(?:[0-9A-Fa-f]{{2}})+{e})+)"
        rf"|{e}(?P<shift>C[0-9A-Fa-f]{{4}}|M[0-9A-Fa-f]{{4}}(?:[0-9A-Fa-f]{{2}})?){e}"
        rf"|(?P<kept>{e}[ZXCM][^{e}\r\n]{{0,80}}{e})|(?P<lone>{e})"
    )
    hexes = re.compile(rf"{e}X([0-9A-Fa-f]+){e}")
    harmless = re.compile(rf"{e}(?:[FSTREPHN]|{breaks}|{dropped}){e}")
    iso_2022 = codec.startswith(_ISO_2022)

    def decode(raw: str, tell: Callable[[str], object] = _nobody) -> str:
        room = LINES + GROWTH * len(raw)
        shifted = False

        def replace(match: re.Match[str]) -> str:
            nonlocal room, shifted
            kind = match.lastgroup
            if kind == "end":
                if (one := match["one"]) is not None:
                    return single[one]
                if match["break"] is not None:
                    return "\n"
                if (space := match["space"]) is None:
                    return ""
                asked = int(space[:9] or "1")
                given = min(asked, LINES, room)
                room -= given
                if given < asked:
                    tell("text.escape-bounded")
                return "\n" * given
            if kind == "bytes":
                try:
                    text = bytes.fromhex("".join(hexes.findall(match[0]))).decode(codec)
                except UnicodeError:
                    tell("text.escape-unknown")
                    return match[0]
                if CONTROL.search(text):
                    tell("text.control-characters")
                return text
            if kind == "shift" and iso_2022:
                shifted = True
                return "\x1b" + bytes.fromhex(match["shift"][1:]).decode("latin-1")
            tell("text.escape-unknown")
            return match[0]

        text = pattern.sub(replace, raw)
        if shifted:
            try:
                return text.encode(codec if not text.isascii() else "ascii").decode(codec)
            except UnicodeError:
                tell("text.escape-unknown")
                return raw
        return text

    return _Grammar(decode, harmless)


def _nobody(_code: str) -> None:
    """Nobody listens: the issues were raised when the message was read."""
