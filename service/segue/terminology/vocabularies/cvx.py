"""CVX: what the CDC publishes, cvx.txt (pipes, UTF-16 or UTF-8, codes padded with blanks, no header) or its XML.

The display is the short description, which is what CVX codes are known by; the full name is a further one. Codes that were
never active are inactive. The version is the date of the latest change, as FHIR asks for it.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from datetime import datetime
from xml.etree import ElementTree

from segue.terminology.vocabularies.part import Part
from segue.terminology.vocabularies.release import Lines, Member, Release, VocabularyError

NAME, SYSTEM = "cvx", "http://hl7.org/fhir/sid/cvx"
LARGEST_BYTES = 16 << 20  # the real file has 100 KB
WIDTH = 7  # code, short description, full name, notes, status, non-vaccine, date
INACTIVE = frozenset(("Never Active", "Pending"))
_CODE = re.compile(r"\d{2,4}")
_BARE_AND = re.compile(r"&(?!#?\w+;)")  # the CDC's XML does not always escape it


def stages(release: Release) -> tuple[Member, ...] | None:
    found = release.find(r"cvx.*\.(txt|xml)")
    if found is None and len(release.members) == 1 and b"<CVXInfo" in release.head(release.members[0]):
        found = release.members[0]
    return (found,) if found else None


def version(_: Release, __: tuple[Member, ...]) -> str:
    return ""


def read(_: int, lines: Lines, start: int, out: Part) -> Iterator[None]:
    """Takes the whole file at once: it is small, and may be UTF-16."""
    if start:
        return
    text = _decoded(lines.rest(LARGEST_BYTES))
    for code, short, full, status, date in _xml(text) if text.lstrip().startswith("<") else _pipes(text):
        if not _CODE.fullmatch(code):
            raise VocabularyError(f"{code[:20]!r} is not a CVX code")
        out.concept(code, status not in INACTIVE, {"status": status} if status else None)
        out.term(code, short, 1)
        out.term(code, full, 2)
        out.latest(_date(date))
        yield


def _decoded(content: bytes) -> str:
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return content.decode("utf-16")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("windows-1252", "replace")


def _pipes(text: str) -> Iterator[tuple[str, str, str, str, str]]:
    for number, line in enumerate(text.splitlines(), 1):
        cells = [cell.strip() for cell in line.split("|")]
        if cells == [""] or cells[0].casefold() == "cvx code":
            continue
        if len(cells) != WIDTH:
            raise VocabularyError(f"{len(cells)} cells instead of {WIDTH} in line {number}")
        yield cells[0], cells[1], cells[2], cells[4], cells[6]


def _xml(text: str) -> Iterator[tuple[str, str, str, str, str]]:
    body = _BARE_AND.sub("&amp;", re.sub(r"^\s*<\?xml[^>]*\?>", "", text))
    if "<!DOCTYPE" in body or "<!ENTITY" in body:
        raise VocabularyError("the XML declares a document type, which the CDC's does not")
    try:
        root = ElementTree.fromstring(body)
    except ElementTree.ParseError as fault:
        raise VocabularyError(f"not well-formed XML at line {fault.position[0]}") from None
    for info in root.iter("CVXInfo"):
        given = {child.tag.casefold(): (child.text or "").strip() for child in info}
        yield (
            given.get("cvxcode", ""),
            given.get("shortdescription", ""),
            given.get("fullvaccinename", ""),
            given.get("status", ""),
            given.get("lastupdated", ""),
        )


def _date(text: str) -> str:
    """YYYYMMDD; "" for what is no date."""
    for form in ("%Y/%m/%d", "%m/%d/%Y"):
        try:
            return datetime.strptime(text.partition(" ")[0], form).strftime("%Y%m%d")
        except ValueError:
            continue
    return ""
