"""Bytes ▸ Message: the header's delimiters, segments, continuation lines, and what can be said about the text
(R-CHAR-4…6).

    bytes ─ charset ─▶ text ─ CR, LF, CRLF ─▶ lines ─ begins with a name and a separator? ─▶ Segment │ continuation

Splits lines into fields and no deeper; the tree does the rest when asked. What no leaf can locate later (bad bytes,
escapes, control characters, truncation marks) is located here, by searches that cost nothing where there is nothing
to find. Refuses only text without a usable header. Knows no groups and no events.
"""

from __future__ import annotations

import collections
import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import islice

from segue.issues import Issue, Location, Refusal, issue

from . import charset as charsets
from . import dictionary, escapes
from .message import HEADERS, Delimiters, Message, Segment

_NAME = re.compile(r"[ \t]*([A-Z0-9]{3})[ \t]*")
_MARKED = re.compile("[\udc80-\udcff]")
_ALLOWED = bytes(range(0x20, 0x7F)) + b"\t\r\n"


def read(
    raw: bytes, *, charset: str | None = None, transport_charset: str | None = None, max_segments: int | None = None
) -> Message:
    """Reads one message. `charset` overrides everything, `transport_charset` beats MSH-18 (R-CHAR-1).

    Raises Refusal: message.unreadable, message.delimiters, message.terminators-missing, message.too-many-segments,
    charset.no-codec.
    """
    decoded = charsets.decode(raw, override=charset, transport=transport_charset)
    text = decoded.text
    delimiters = _delimiters(text)
    if "\n" in text:
        text = text.replace("\r\n", "\r").replace("\n", "\r")
    lines = text.split("\r")
    if len(lines) == 1:
        _check_terminators(text, delimiters.field)
    if max_segments is not None and len(lines) > max_segments:
        raise Refusal(issue("message.too-many-segments", rule="S-73"))

    # A control character in plain ASCII is found by deleting all others, several times faster than by searching.
    suspect = bool(raw.translate(None, _ALLOWED)) if raw.isascii() else escapes.CONTROL.search(text) is not None
    reader = escapes.leaf_reader(delimiters, decoded.codec, scrub=suspect)
    message = Message(raw, decoded.codec, delimiters, reader, issues=list(decoded.issues))
    _fill(message, lines)
    if decoded.marked:
        _replace_marked(message, text)
    if suspect:
        message.issues += _control_characters(message)
    if delimiters.escape and text.count(delimiters.escape) > 1:
        message.issues += _escape_faults(message)
    if delimiters.truncation and text.count(delimiters.truncation) > 1:
        message.issues += _truncations(message)
    return message


# header ───────────────────────────────────────────────────────────────────────────────────────────


def _delimiters(text: str) -> Delimiters:
    if text[:3] != "MSH" or len(text) < 4:
        raise Refusal(issue("message.unreadable", rule="R-CHAR-4"))
    separator = text[3]
    end = text.find(separator, 4, 12)
    encoding = text[4 : end if end >= 0 else 12]
    for terminator in "\r\n":
        encoding = encoding.partition(terminator)[0]
    return _encoding(separator, encoding)


@lru_cache(256)
def _encoding(separator: str, encoding: str) -> Delimiters:
    """The delimiters of MSH-1 and MSH-2; a blank stands for an absent one."""
    marks = encoding.rstrip(" ")
    used = [c for c in separator + marks if c != " "]
    if separator in " \r\n" or len(marks) > 5 or len(set(used)) < len(used) or any(c.isalnum() for c in used):
        raise Refusal(issue("message.delimiters", Location("MSH", 1, 2), rule="R-CHAR-6", value=separator + encoding))
    component, repetition, escape, subcomponent, truncation = (c.strip(" ") for c in marks.ljust(5))
    return Delimiters(separator, component, repetition, escape, subcomponent, truncation)


def _check_terminators(text: str, separator: str) -> None:
    """Refuses one line that goes on with further segments after its header, as curl -d sends it (A-16)."""
    head = text.split(separator, 9)
    if len(head) < 10:
        return
    hits: list[int] = []  # fields of the header that a segment name ends
    number, at = 10, 0
    for match in re.finditer(rf"(^|.)([A-Z][A-Z0-9]{{2}}){re.escape(separator)}", head[9], re.DOTALL):
        number += head[9].count(separator, at, match.end() - 1)
        at = match.end() - 1
        whole = match[1] in ("", separator)
        if match[2] in dictionary.segments() and not (whole and number in MAY_SPELL_A_NAME):
            hits.append(number)
    if len(hits) > 1 or (hits and hits[0] >= VERSION):
        raise Refusal(issue("message.terminators-missing", rule="A-16"))


MAY_SPELL_A_NAME = (10, 11, 17)  # control id, processing id, country code (AUT, PRT)
VERSION = 12  # no header ends before it


# segments ─────────────────────────────────────────────────────────────────────────────────────────


def _fill(message: Message, lines: list[str]) -> None:
    """Lines ▸ segments. The first line is the header: `_delimiters` saw to that."""
    separator = message.delimiters.field
    known = dictionary.segments()
    segments = message.segments
    counts: dict[str, int] = {}
    continued: list[str] = []  # lines that continue the last segment
    for line in lines:
        fields = line.split(separator)
        name = fields[0]
        if name not in known and not _is_name(name, fields):
            loose = _loose_name(line, separator, known)
            if loose is None:
                if continued or (line and not line.isspace()):
                    continued.append(line)
                continue
            name = loose[0]
            fields = loose[1].split(separator)
            line = loose[1]
            message.issues.append(issue("segment.blanks", Location(name, counts.get(name, 0) + 1), rule="R-CHAR-4"))
        if continued:
            _continue(message, continued)
            continued = []
        counts[name] = sequence = counts.get(name, 0) + 1
        if name in HEADERS:
            fields.insert(1, separator)
        segments.append(Segment(message, name, fields, len(segments), sequence, line))
    if continued:
        _continue(message, continued)


def _is_name(name: str, fields: list[str]) -> bool:
    """A name that no version knows needs a separator after it; a known one may stand alone on its line."""
    return len(name) == 3 and len(fields) > 1 and name.isascii() and name.isalnum() and name == name.upper()


def _loose_name(line: str, separator: str, known: frozenset[str]) -> tuple[str, str] | None:
    """A segment with blanks before or after its name: the name, and the line without them."""
    match = _NAME.match(line)
    if match is None:
        return None
    name = match[1]
    if line.startswith(separator, match.end()):
        return name, name + line[match.end() :]
    if match.end() == len(line) > 3 and name in known:
        return name, name
    return None


def _continue(message: Message, lines: list[str]) -> None:
    """The lines go on with the last field, after a line break; they may hold further fields."""
    while lines and (not lines[-1] or lines[-1].isspace()):
        lines.pop()
    segment = message.segments[-1]
    first = len(segment.fields) - 1
    more = "\n".join(lines).split(message.delimiters.field)
    segment.line = None
    segment.fields[-1] += "\n" + more[0]
    segment.fields += more[1:]
    message.issues.append(
        issue("segment.continuation", Location(segment.name, segment.sequence, first), rule="R-CHAR-4")
    )


# what was noticed ─────────────────────────────────────────────────────────────────────────────────


def _fields(message: Message) -> Iterator[tuple[Segment, int, str]]:
    for segment in message.segments:
        start = 3 if segment.name in HEADERS else 1
        for number, raw in enumerate(islice(segment.fields, start, None), start):
            if raw:
                yield segment, number, raw


def _leaves(raw: str, delimiters: Delimiters) -> Iterator[tuple[int, int, int, str]]:
    """Repetition, component, sub-component and text of each leaf."""
    for r, repetition in enumerate(_split(raw, delimiters.repetition), 1):
        for c, component in enumerate(_split(repetition, delimiters.component), 1):
            for s, leaf in enumerate(_split(component, delimiters.subcomponent), 1):
                yield r, c, s, leaf


def _split(text: str, delimiter: str) -> list[str]:
    return text.split(delimiter) if delimiter else [text]


def _replace_marked(message: Message, text: str) -> None:
    """Marked bytes ▸ U+FFFD, an issue for each field with the offset of its first (R-CHAR-3)."""
    marks = (match.start() for match in _MARKED.finditer(text))
    offset = last = 0
    for segment in message.segments:
        for number, raw in enumerate(segment.fields):
            if raw.isascii():
                continue
            replaced, count = _MARKED.subn("\ufffd", raw)
            if not count:
                continue
            segment.fields[number] = replaced
            segment.line = None
            first = next(marks)
            offset += len(text[last:first].encode(message.charset, "surrogateescape"))
            last = first
            collections.deque(islice(marks, count - 1), 0)  # the others of the field
            where = segment.location(number)
            message.issues.append(issue("charset.replaced", where, rule="R-CHAR-3", value=f"byte {offset}"))


def _control_characters(message: Message) -> Iterator[Issue]:
    for segment, number, raw in _fields(message):
        if escapes.CONTROL.search(raw):
            for r, c, s, leaf in _leaves(raw, message.delimiters):
                if escapes.CONTROL.search(leaf):
                    where = Location(segment.name, segment.sequence, number, r, c, s)
                    yield issue("text.control-characters", where, rule="R-CHAR-5")
                    break


def _escape_faults(message: Message) -> Iterator[Issue]:
    """One issue for each field and code, at the first leaf that shows it."""
    delimiters, codec = message.delimiters, message.charset
    for segment, number, raw in _fields(message):
        if delimiters.escape not in raw:
            continue
        seen: set[str] = set()
        for r, c, s, leaf in _leaves(raw, delimiters):
            if delimiters.escape in leaf:
                for code in escapes.faults(leaf, delimiters, codec):
                    if code not in seen:
                        seen.add(code)
                        where = Location(segment.name, segment.sequence, number, r, c, s)
                        yield issue(code, where, rule="R-ESC-3", value=leaf)


def _truncations(message: Message) -> Iterator[Issue]:
    mark = message.delimiters.truncation
    for segment, number, raw in _fields(message):
        if mark not in raw:
            continue
        for r, c, s, leaf in _leaves(raw, message.delimiters):
            if leaf.endswith(mark):
                where = Location(segment.name, segment.sequence, number, r, c, s)
                yield issue("text.truncated", where, rule="R-CHAR-6", value=leaf)
                break
