"""Documents in OBX-5: ED and RP to Attachment (R-ATT)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re

from segue.hl7.message import Repetition, Segment

from ..context import Context
from ..records import Json
from ..times import moment
from . import conversion, function
from .texts import code_words

MAGIC = (
    (b"%PDF", "application/pdf"), (b"{\\rtf", "application/rtf"), (b"\xff\xd8\xff", "image/jpeg"), (b"\x89PNG", "image/png"),
    (b"GIF8", "image/gif"), (b"II*\x00", "image/tiff"), (b"MM\x00*", "image/tiff"), (b"<?xml", "application/xml"),
    (b"<html", "text/html"), (b"<!DOCTYPE html", "text/html"),
)  # fmt: skip
NAMED = {
    "PDF": "application/pdf", "RTF": "application/rtf", "HTML": "text/html", "XML": "application/xml", "JPEG": "image/jpeg",
    "JPG": "image/jpeg", "GIF": "image/gif", "TIFF": "image/tiff", "PNG": "image/png", "DICOM": "application/dicom", "BASIC": "audio/basic",
    "TEXT": "text/plain", "TX": "text/plain", "FT": "text/plain", "PLAIN": "text/plain", "OCTET-STREAM": "application/octet-stream",
    "X-HL7-CDA-LEVEL-ONE": "application/hl7-cda+xml",
}  # fmt: skip
MIME = re.compile(r"[a-z]+/[a-z0-9.+-]+", re.IGNORECASE)
BLANKS = re.compile(r"\s+")


def content_type(data: bytes | None, kind: str | None, subtype: str | None) -> tuple[str | None, bool]:
    """By the first bytes, else by what the message says (R-ATT-1); True when the two disagree."""
    said: str | None = None
    for text in (subtype, kind):
        plain = (text or "").strip()
        if MIME.fullmatch(plain):
            said = plain
            break
        if plain.upper() in NAMED:
            said = NAMED[plain.upper()]
            break
    if said is None and kind and subtype and MIME.fullmatch(f"{kind.strip()}/{subtype.strip()}"):
        said = f"{kind.strip()}/{subtype.strip()}".lower()
        said = said if said.split("/")[0] in ("application", "image", "text", "audio", "video") else None
    if data is not None:
        if data[128:132] == b"DICM":
            return "application/dicom", said not in (None, "application/dicom")
        for magic, found in MAGIC:
            if data[: len(magic)].lower() == magic.lower():
                if found == "application/xml" and said is not None and (said.endswith("xml") or said == "text/xml"):
                    return said, False
                return found, said not in (None, found)
    return said, False


@conversion("ED", "Attachment", "node")
def encapsulated(ctx: Context, node: Repetition) -> Json | None:
    """ED: source 1, type 2, subtype 3, encoding 4, data 5."""
    return embedded(ctx, [node])


def embedded(ctx: Context, nodes: list[Repetition]) -> Json | None:
    """One document from one ED, or from the pieces of several (R-ATT-3)."""
    node = nodes[0]
    T = ctx.text
    texts = [T(node.components[n]) if len(node.components) > n and n != 5 else None for n in range(5)]
    raw = "".join(n.components[5] for n in nodes if len(n.components) > 5)
    if not raw.strip():
        return None
    encoding = (texts[4] or "").strip().upper()
    text: str | None = None
    data: bytes | None
    if encoding == "BASE64" or (encoding == "" and looks_base64(raw)):
        data = decoded(raw, ctx)
        if len(nodes) > 1:  # pieces that were encoded one by one carry their own padding
            parts = [decoded(n.components[5], ctx) for n in nodes if len(n.components) > 5]
            data = b"".join(p for p in parts if p is not None) if None not in parts else data
    elif encoding == "HEX":
        try:
            data = bytes.fromhex(BLANKS.sub("", raw))
        except ValueError:
            data = None
    else:
        text = T(raw) or ""
        data = text.encode()
    out: Json = {}
    if data is None:
        ctx.report("value.base64-broken", node, 5, rule="R-ATT-2")
        data = (T(raw) or raw).encode()
        out["contentType"] = "text/plain"
    else:
        kind, conflict = content_type(data, texts[2], texts[3])
        if conflict:
            ctx.report("value.content-type-conflict", node, 3, rule="R-ATT-1")
        out["contentType"] = kind or ("text/plain" if text is not None else "application/octet-stream")
    out["data"] = base64.b64encode(data).decode("ascii")
    out["size"] = len(data)
    out["hash"] = base64.b64encode(hashlib.sha1(data, usedforsecurity=False).digest()).decode("ascii")
    for each in nodes:
        each.used |= 0b111100
    return out


def decoded(raw: str, ctx: Context) -> bytes | None:
    plain = BLANKS.sub("", raw.replace("\\.br\\", "") if "\\" in raw else raw)
    try:
        return base64.b64decode(plain, validate=True)
    except (binascii.Error, ValueError):
        return None


def looks_base64(raw: str) -> bool:
    plain = BLANKS.sub("", raw)
    return len(plain) > 16 and len(plain) % 4 == 0 and re.fullmatch(r"[A-Za-z0-9+/]+={0,2}", plain) is not None


@conversion("RP", "Attachment", "node")
def pointer(ctx: Context, node: Repetition) -> Json | None:
    """RP: pointer 1, application 2, type 3, subtype 4; never fetched (R-ATT-7)."""
    T = ctx.text
    texts = [T(node.components[n]) if len(node.components) > n else None for n in range(5)]
    if texts[1] is None:
        return None
    url = texts[1].strip()
    out: Json = {}
    kind, _ = content_type(None, texts[3], texts[4])
    if kind is not None:
        out["contentType"] = kind
        node.used |= 0b11000
    if not re.match(r"[A-Za-z][A-Za-z0-9+.-]*:", url):
        ctx.report("value.url-relative", node, 1, rule="R-ATT-7")
    out["url"] = BLANKS.sub("%20", url)
    node.used |= 0b10
    return out


def is_document(obx: Segment) -> bool:
    """A document or a pointer to one: ED with data, RP with a pointer."""
    needed = {"ED": 5, "RP": 1}.get(obx.raw(2).strip())
    if needed is None:
        return False
    return any(len(r.components) > needed and r.components[needed].strip('" ') for r in obx.repetitions(5))


def attachments(ctx: Context, obx: Segment) -> list[Json]:
    """The documents of one OBX (and of the pieces that continue it), titled and dated (R-ATT-4)."""
    kind = obx.raw(2).strip()
    pieces = [r for each in ctx.runs.get(obx.position, [obx]) for r in each.repetitions(5) if r.raw]
    if kind == "ED" and len(pieces) > 1 and not all(begins(ctx, p) for p in pieces[1:]):
        found = [embedded(ctx, pieces)]
    elif kind == "ED":
        found = [embedded(ctx, [p]) for p in pieces]
    else:
        found = [pointer(ctx, p) for p in pieces]
    title = code_words(ctx, obx, 3)
    when = obx.leaf(14)
    created = moment(when, ctx.zone).datetime if when else None
    out: list[Json] = []
    for attachment in found:
        if attachment is None:
            continue
        if title:
            attachment["title"] = title
        if created:
            attachment["creation"] = created
            obx.used |= 1 << 14
        out.append(attachment)
    return out


def begins(ctx: Context, node: Repetition) -> bool:
    """True when an ED decodes by itself and its bytes say what it is: a document, not the middle of one."""
    if len(node.components) < 6:
        return False
    data = decoded(node.components[5], ctx)
    return data is not None and content_type(data, None, None)[0] is not None


@function("attachments", "segment", "Attachment", many=True)
def segment_attachments(ctx: Context, obx: Segment) -> list[Json] | None:
    return (attachments(ctx, obx) or None) if is_document(obx) else None


@function("is_document", "segment", "boolean", "text")
def document_test(ctx: Context, obx: Segment) -> bool | None:
    return is_document(obx) or None
