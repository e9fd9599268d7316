"""Bytes ▸ text: which character set a message is in, and what to do when it is not (R-CHAR-1…3, R-CHAR-5).

The steps: override, transport, MSH-18, UTF-8, windows-1252; a step that cannot decode gives way to the next with a
warning, and only when none can are the bad bytes marked, as lone surrogates that the reader turns into U+FFFD with a
located issue. MSH-18 is found in the bytes, before anything is decoded, since ISO 2022, UTF-16 and their kin hide
delimiters in their characters. Table 0211 ▸ codec stands here and nowhere else. Knows no segments but the header
line.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from segue.issues import Issue, Location, Refusal, issue

BLANKS = " \t\r\n\x00\x0b\x0c\ufeff"
TAIL = " \t\r\n\x00\x0b\x0c\x1c"
CHARACTER_SET = Location("MSH", 1, 18)

# HL7 table 0211; ISO-2022 members decide for the whole message wherever they stand (R-CHAR-2).
TABLE_0211: dict[str, str] = {
    "ASCII": "ascii",
    **{f"8859/{n}": f"iso8859-{n}" for n in (1, 2, 3, 4, 5, 6, 7, 8, 9, 15)},
    "UNICODE": "utf-8",
    "UNICODE UTF-8": "utf-8",
    "UNICODE UTF-16": "utf-16",
    "UNICODE UTF-32": "utf-32",
    "GB 18030-2000": "gb18030",
    "KS X 1001": "cp949",
    "BIG-5": "big5",
    "ISO IR14": "shift_jis",
    "ISO IR6": "ascii",
    "ISO IR87": "iso2022_jp_2",
    "ISO IR159": "iso2022_jp_2",
    "JAS2020": "iso2022_jp_2",
    "CNS 11643-1992": "",  # no codec exists: the message is refused
}
ISO_2022 = "iso2022_jp_2"
WITH_KATAKANA = "iso2022_jp_ext"  # the same with JIS X 0201 katakana, which iso2022_jp_2 lacks

# Codecs that a label outside table 0211 may name (Content-Type, options, senders with labels of their own).
KNOWN = re.compile(
    r"ascii|utf-?(8|16|32)([-_][bl]e)?|iso8859-\d+|cp\d+|mac-\w+|koi8-[rtu]|gb(2312|k|18030)|hz|big5(hkscs)?|shift_jis\w*|"
    r"euc_(jp|kr|jis_2004|jisx0213)|iso2022_\w+|johab|tis-620"
)

WIDE = ("utf-16", "utf-32")
KANJI = re.compile(rb"\x1b\$.*?\x1b\([A-Z]", re.DOTALL)
GR_KATAKANA = re.compile(rb"[\xa1-\xdf]+")
C1 = re.compile(rb"[\x80-\x9f]")


@dataclass(frozen=True, slots=True)
class Decoded:
    """Text without what stands around it; `marked`: bytes that no codec takes stand in it as U+DC80…U+DCFF."""

    text: str
    codec: str
    issues: tuple[Issue, ...] = ()
    marked: bool = False


class _Step(NamedTuple):
    """One source of a charset: its labels (all repetitions of MSH-18) and where it stands."""

    labels: tuple[str, ...]
    location: Location | None


def decode(raw: bytes, *, override: str | None = None, transport: str | None = None) -> Decoded:
    """Decodes a message; refuses (charset.no-codec) only a declared character set that has no decoder."""
    wide = unicode_width(raw)
    if wide is not None:
        return _wide(raw, wide)
    raw = raw.removeprefix(codecs.BOM_UTF8)
    labels = sniff(raw)
    if not override and not transport and len(labels) < 2:  # one label that fits: nearly every message
        codec = _codec(labels[0]) if labels else "utf-8"
        if codec and codec in _PLAIN and (raw.isascii() or codec == "utf-8"):
            try:
                return _trimmed(raw.decode(codec), codec, ())
            except UnicodeDecodeError:
                pass
    return _by_steps(raw, override, transport, labels)


_PLAIN = frozenset(("ascii", "utf-8", *(f"iso8859-{n}" for n in (1, 2, 3, 4, 5, 6, 7, 8, 9, 15))))


def _by_steps(raw: bytes, override: str | None, transport: str | None, labels: tuple[str, ...]) -> Decoded:
    issues: list[Issue] = []
    usable: list[str] = []
    steps = [_Step((label,), None) for label in (override, transport) if label]
    if labels:
        steps.append(_Step(labels, CHARACTER_SET))
    for step in steps:
        named = [(label, _codec(label)) for label in step.labels]
        for label, codec in named:
            if codec is None:
                issues.append(issue("charset.unknown", step.location, rule="R-CHAR-1", value=label))
            elif not codec:
                raise Refusal(issue("charset.no-codec", step.location, rule="R-CHAR-2", value=label))
        codecs_of_step = [codec for _, codec in named if codec]
        if ISO_2022 in codecs_of_step:
            codecs_of_step = [ISO_2022]
        for codec in codecs_of_step:
            text, used, remarks = _try(raw, codec, step.location)
            if text is not None:
                return _trimmed(text, used, (*issues, *remarks))
        usable += [codec for codec in codecs_of_step if not codec.startswith(WIDE)]
        if codecs_of_step:
            issues.append(issue("charset.undecodable", step.location, rule="R-CHAR-1", value=step.labels[0]))
    for codec in ("utf-8", "cp1252"):
        text, used, _ = _try(raw, codec, None)
        if text is not None:
            if codec == "cp1252":
                issues.append(issue("charset.guessed", CHARACTER_SET, rule="R-CHAR-1"))
            return _trimmed(text, used, tuple(issues))
        usable.append(codec)
    return _marked(raw, usable, issues)


def _try(raw: bytes, codec: str, location: Location | None) -> tuple[str | None, str, tuple[Issue, ...]]:
    """Strict decoding, with the two codecs that a label of table 0211 stands for besides its own."""
    if codec == "iso8859-1" and C1.search(raw):
        try:
            return raw.decode("cp1252"), "cp1252", (issue("charset.windows-1252", location, rule="R-CHAR-2"),)
        except UnicodeDecodeError:
            return raw.decode(codec), codec, ()
    try:
        text = raw.decode(codec)
        if not codec.startswith(WIDE) or text.lstrip(BLANKS)[:3] in _NAMES:
            return text, codec, ()
    except UnicodeError:
        pass
    if codec == ISO_2022:
        shifted = GR_KATAKANA.sub(lambda m: b"\x1b(I" + bytes(b & 0x7F for b in m[0]) + b"\x1b(B", raw)
        try:
            return shifted.decode(WITH_KATAKANA), WITH_KATAKANA, ()
        except UnicodeError:
            pass
    return None, codec, ()


def _marked(raw: bytes, usable: list[str], issues: list[Issue]) -> Decoded:
    """None decodes: the codec that loses least, the earlier one where two lose the same."""
    best: tuple[int, str, str] | None = None
    for codec in usable:
        try:
            text = raw.decode(codec, "surrogateescape")
        except UnicodeError:
            continue
        lost = sum(map(text.count, LOST))
        if best is None or lost < best[0]:
            best = (lost, text, codec)
    if best is None:
        raise Refusal(issue("message.unreadable"))
    return _trimmed(best[1], best[2], tuple(issues), marked=True)


LOST = tuple(chr(0xDC00 + byte) for byte in range(0x80, 0x100))


def _trimmed(text: str, codec: str, issues: tuple[Issue, ...], *, marked: bool = False) -> Decoded:
    """Without BOM, NUL, blank lines and one MLLP envelope around the message (R-CHAR-4, A-16)."""
    if text.startswith("MSH") and text.endswith("\r") and text[-2] not in TAIL:
        return Decoded(text[:-1], codec, issues, marked)
    start = len(text) - len(text.lstrip(BLANKS))
    body = text[start:].rstrip(TAIL)
    end = start + len(body)
    if "\x0b" in text[:start] or "\x1c" in text[end:]:
        issues = (*issues, issue("mllp.envelope-stripped", rule="A-16"))
    return Decoded(body, codec, issues, marked)


# UTF-16 and UTF-32 ────────────────────────────────────────────────────────────────────────────────

_BOMS = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_NAMES = ("MSH", "FHS", "BHS")
_HEADS = tuple(
    (head.encode(codec), codec) for codec in ("utf-32-le", "utf-32-be", "utf-16-le", "utf-16-be") for head in _NAMES
)


def unicode_width(raw: bytes) -> str | None:
    """The codec of a message in UTF-16 or UTF-32: by its BOM, or by how its first letters lie."""
    if raw[:3] == b"MSH":
        return None
    for bom, codec in _BOMS:
        if raw.startswith(bom):
            return codec
    for head, codec in _HEADS:
        if raw.startswith(head) and len(raw) % (4 if "32" in codec else 2) == 0:
            return codec
    return None


def _wide(raw: bytes, codec: str) -> Decoded:
    try:
        return _trimmed(raw.decode(codec), codec, ())
    except UnicodeDecodeError:
        text = raw.decode(codec, "replace")
        return _trimmed(text, codec, (issue("charset.replaced", rule="R-CHAR-3"),))


# the declared character set ───────────────────────────────────────────────────────────────────────


def sniff(raw: bytes) -> tuple[str, ...]:
    """The valued repetitions of MSH-18, read from the bytes."""
    start = raw.find(b"MSH")
    if start < 0:
        return ()
    end = raw.find(b"\r", start)
    if end < 0:
        end = len(raw)
    line_feed = raw.find(b"\n", start, end)
    if line_feed >= 0:
        end = line_feed
    line = raw[start:end]
    if b"\x1b" in line:
        line = KANJI.sub(b"", line)
    fields = line.split(line[3:4] or b"|", 18)
    if len(fields) < 18 or not fields[17]:
        return ()
    repetition = fields[1][1:2]
    labels = fields[17].split(repetition) if repetition else [fields[17]]
    return tuple(text for label in labels if (text := label.decode("latin-1").strip(" \t\x00\x0b\x1c")))


@lru_cache(256)
def _codec(label: str) -> str | None:
    """Codec of a label: of table 0211, else a common name of a text codec; "" where none exists, None if unknown."""
    name = " ".join(label.upper().split())
    if name in TABLE_0211:
        return TABLE_0211[name]
    try:
        found = codecs.lookup(label.strip()).name
    except (LookupError, ValueError):
        return None
    return found if KNOWN.fullmatch(found) else None
