"""Acknowledgements: the header of what was received, and the ACK message that answers it (S-20 to S-35).

Works on the bytes of the header as received, so that MSA-2 is MSH-10 byte for byte in the sender's delimiters and
character set. Knows issues, and no sockets; no value of a message stands in an ERR or MSA. Codes are chosen by
whoever knows the outcome.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import uuid4

from segue.hl7.charset import decode
from segue.issues import Issue, Location, Refusal

Code = Literal["AA", "AE", "AR", "CA", "CE", "CR"]  # table 0008

ERR_LIMIT = 20  # segments in one ACK (S-33)

TEXTS = {
    "100": "Segment sequence error",
    "101": "Required field missing",
    "102": "Data type error",
    "103": "Table value not found",
    "104": "Value too long",
    "198": "Non-conformant cardinality",
    "199": "Other HL7 error",
    "200": "Unsupported message type",
    "201": "Unsupported event code",
    "202": "Unsupported processing id",
    "203": "Unsupported version id",
    "204": "Unknown key identifier",
    "205": "Duplicate key identifier",
    "206": "Application record locked",
    "207": "Application internal error",
}

_MARK = {"fatal": "F", "error": "E", "warning": "W", "information": "I"}

# Codecs whose later bytes can look like a delimiter, so that the header has to be decoded before it is split (S-76).
_UNSAFE = re.compile(r"utf_?-?(16|32)|iso-?_?2022|shift|sjis|cp932|big5|gb|cp949", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Header:
    """MSH or BHS as received. `fields[n]` is field n; text is in `codec`, which gives the received bytes back."""

    name: str
    fields: tuple[str, ...]
    codec: str

    @classmethod
    def of(cls, raw: bytes) -> Header | None:
        """The header with which the bytes begin, None where there is none."""
        codec = _codec(raw)
        try:
            text = (
                raw[: 16 << 10].decode(codec, "ignore" if codec != "latin-1" else "strict").lstrip("\ufeff\x00 \r\n\t")
            )
        except UnicodeDecodeError:
            return None
        text = text.removeprefix("ï»¿")  # the BOM of UTF-8, read as latin-1
        line = re.split(r"[\r\n]", text, maxsplit=1)[0]
        if line[:3] not in ("MSH", "BHS", "FHS") or len(line) < 5 or line[3].isalnum():
            return None
        return cls(line[:3], (line[:3], line[3], *line[4:].split(line[3])), codec)

    def field(self, number: int) -> str:
        return self.fields[number] if number < len(self.fields) else ""

    @property
    def separator(self) -> str:
        return self.fields[1]

    @property
    def component(self) -> str:
        return self.field(2)[:1] or "^"

    @property
    def control_id(self) -> str:
        return self.field(10)

    @property
    def trigger(self) -> tuple[str, str]:
        """Message code and event, "ADT" and "A01"."""
        code, _, rest = self.field(9).partition(self.component)
        return code, rest.partition(self.component)[0]

    @property
    def version(self) -> tuple[int, ...]:
        """MSH-12 as numbers; empty where it is not readable."""
        text = self.field(12).partition(self.component)[0]
        return tuple(int(part) for part in text.split(".") if part.isdigit())


UNKNOWN = Header("MSH", ("MSH", "|", "^~\\&", *[""] * 8, "P", "2.5"), "latin-1")

Clock = Callable[[], datetime]


def now() -> datetime:
    return datetime.now().astimezone()


def unique_id() -> str:
    """A control id of our own, never the sender's (S-27)."""
    return uuid4().hex[:20]


def acknowledge(
    header: Header | None,
    code: Code,
    issues: Sequence[Issue] = (),
    *,
    correlation: str = "",
    accept: str = "",
    clock: Clock = now,
    identify: Callable[[], str] = unique_id,
) -> bytes:
    """The ACK message for a header; without one it answers in the usual delimiters with an empty MSA-2.

    `accept` is its MSH-15: whether it wants a commit acknowledgement itself (S-23). One of the application is never
    asked for (S-29).
    """
    sender = header or UNKNOWN
    writer = _Writer(sender)
    segments = [
        _header(writer, clock, identify, accept),
        _msa(writer, code, issues),
        *_errors(writer, issues, correlation),
    ]
    text = "".join(segment + "\r" for segment in segments)
    return text.encode(sender.codec, "replace")


def batch(
    header: Header, acks: Iterable[bytes], *, clock: Clock = now, identify: Callable[[], str] = unique_id
) -> bytes:
    """A batch of ACKs for a batch received (S-09)."""
    writer = _Writer(header)
    bodies = list(acks)
    at = clock().strftime("%Y%m%d%H%M%S%z")
    swapped = [header.field(5), header.field(6), header.field(3), header.field(4)]
    begin = writer.segment(
        ["BHS", header.field(2), *swapped, at, "", "", "", identify(), header.field(11)]
    )  # BHS-8, 9, 10
    end = writer.segment(["BTS", str(len(bodies))])
    return (
        (begin + "\r").encode(header.codec, "replace") + b"".join(bodies) + (end + "\r").encode(header.codec, "replace")
    )


class _Writer:
    """Text in the sender's delimiters."""

    def __init__(self, header: Header) -> None:
        self.header = header
        marks = header.field(2)
        self.separator = header.separator
        self.component = marks[0:1] or "^"
        self.repetition = marks[1:2]
        self.escape = marks[2:3]
        self.subcomponent = marks[3:4]
        self._escapes = {
            mark: f"{self.escape}{letter}{self.escape}" if self.escape else " "
            for letter, mark in (
                ("F", self.separator),
                ("S", self.component),
                ("R", self.repetition),
                ("E", self.escape),
                ("T", self.subcomponent),
            )
            if mark
        }

    def text(self, value: str) -> str:
        """Our own words, escaped."""
        plain = value.replace("–", "-").replace("\r", " ").replace("\n", " ")
        return "".join(self._escapes.get(character, character) for character in plain)

    def components(self, *values: str, mark: str | None = None) -> str:
        separator = self.component if mark is None else mark
        return separator.join(map(self.text, values)).rstrip(separator)

    def segment(self, fields: Sequence[str]) -> str:
        return self.separator.join(fields).rstrip(self.separator)


def _header(writer: _Writer, clock: Clock, identify: Callable[[], str], accept: str = "") -> str:
    h = writer.header
    _, event = h.trigger
    old = bool(h.version) and h.version <= (2, 2)
    kind = "ACK" if old or not event else writer.component.join(("ACK", event, "ACK"))
    fields = [
        "MSH",
        h.field(2),
        h.field(5),
        h.field(6),
        h.field(3),
        h.field(4),
        clock().strftime("%Y%m%d%H%M%S%z"),
        "",
        kind,
    ]
    wishes = [accept, "NE" if accept else ""]  # MSH-15, MSH-16
    fields += [identify(), h.field(11), h.field(12), "", "", *wishes, "", h.field(18)]
    return writer.segment(fields)


def _msa(writer: _Writer, code: Code, issues: Sequence[Issue]) -> str:
    h = writer.header
    first = issues[0] if issues and code not in ("AA", "CA") else None
    sentence = writer.text(first.text) if first and (not h.version or h.version < (2, 7)) else ""
    condition = _coded(writer, first.hl7) if first and (2, 3) <= h.version < (2, 5) else ""
    return writer.segment(["MSA", code, h.control_id, sentence, "", "", condition])


def _errors(writer: _Writer, issues: Sequence[Issue], correlation: str) -> list[str]:
    if not issues:
        return []
    version = writer.header.version
    if version and version < (2, 5):
        return [_old_error(writer, issues[:ERR_LIMIT])]
    found = [_error(writer, issue, correlation) for issue in issues[:ERR_LIMIT]]
    if len(issues) > ERR_LIMIT:
        more = f"{len(issues) - ERR_LIMIT} more issues are not shown."
        found.append(writer.segment(["ERR", "", "", _coded(writer, "207"), "I", "", "", "", writer.text(more)]))
    return found


def _error(writer: _Writer, issue: Issue, correlation: str) -> str:
    """ERR of 2.5 and later (S-33)."""
    diagnostics = "; ".join(part for part in (issue.hint, issue.rule, correlation) if part)
    own = writer.components(issue.code, issue.text, "99SEGUE")
    fields = ["ERR", "", _place(writer, issue.v2), _coded(writer, issue.hl7 or "0"), _MARK[issue.severity], own, ""]
    return writer.segment([*fields, writer.text(diagnostics), writer.text(issue.text)])


def _old_error(writer: _Writer, issues: Sequence[Issue]) -> str:
    """ERR of 2.4 and before: one segment whose ERR-1 repeats (S-34)."""
    places: list[str] = []
    for issue in issues:
        at = issue.v2
        code = _coded(writer, issue.hl7 or "0", mark=writer.subcomponent or " ")
        where = [at.segment, str(at.sequence), str(at.field or "")] if at else ["", "", ""]
        places.append(writer.component.join([*map(writer.text, where), code]))
    if not writer.repetition:
        places = places[:1]
    return writer.segment(["ERR", writer.repetition.join(places)])


def _place(writer: _Writer, at: Location | None) -> str:
    """ERR-2: segment, sequence, field, repetition, component, sub-component."""
    if at is None:
        return ""
    numbers = (at.sequence, at.field, at.repetition, at.component, at.subcomponent)
    return writer.components(at.segment, *("" if n is None else str(n) for n in numbers))


def _coded(writer: _Writer, code: str, mark: str | None = None) -> str:
    return writer.components(code, TEXTS.get(code, "Message accepted"), "HL70357", mark=mark)


def _codec(raw: bytes) -> str:
    """latin-1 gives every byte back; only where bytes are not safe to split is the real codec used."""
    head = raw[: 16 << 10]
    if head[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\x00" in head[:8]:
        return decode(head).codec
    line = re.split(rb"[\r\n]", head, maxsplit=1)[0]
    if line.isascii() and b"\x1b" not in line:
        return "latin-1"
    try:
        codec = decode(line).codec
    except Refusal:
        return "latin-1"
    return codec if _UNSAFE.search(codec) else "latin-1"
