"""A body or file ▸ its messages: FHS/BHS batches and bare concatenations, one item for each MSH, in order (R-MSG-11).

    [FHS] ([BHS] (MSH …)* [BTS])* [FTS]            a line that begins with one of the five names and a separator cuts

Works on bytes, before any character set is known: line ends are line ends in all of them but UTF-16 and UTF-32, which
are cut as text and handed on as they came, each with a BOM. `Splitter` takes a file in pieces and holds no more than
one message and one piece. What stands before the first MSH and is no batch line stays with the first message, for the
reader to judge.
"""

from __future__ import annotations

import codecs
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from segue.issues import Issue, Location, issue

from .charset import unicode_width

_CUT = re.compile(
    rb"(?:^|(?<=[\r\n\x0b\x1c]))[ \t\x00\x0b\xef\xbb\xbf]{0,16}(MSH|FHS|BHS|BTS|FTS)(?=[^A-Za-z0-9_ ]|\Z)"
)
_LINE_END = re.compile(rb"[\r\n]")
_OVERLAP = 64  # bytes at the end of a piece that may hold the beginning of a cut
_BLANKS = b" \t\r\n\x00\x0b\x1c\xef\xbb\xbf"
_HEAD = 12  # bytes that tell the width of characters
_BOMS = {
    "utf-16-le": codecs.BOM_UTF16_LE,
    "utf-16-be": codecs.BOM_UTF16_BE,
    "utf-32-le": codecs.BOM_UTF32_LE,
    "utf-32-be": codecs.BOM_UTF32_BE,
}


@dataclass(slots=True)
class Batch:
    """The messages of a body; `headers` are its FHS and BHS lines as they stand."""

    messages: list[bytes]
    headers: list[bytes] = field(default_factory=list[bytes])
    issues: list[Issue] = field(default_factory=list[Issue])

    @property
    def is_batch(self) -> bool:
        return bool(self.headers)


def split_batch(raw: bytes) -> Batch:
    """Cuts a body into messages. A body without MSH is one item, for the reader to refuse; an empty batch has none."""
    if raw.startswith(b"MSH") and raw.find(b"MSH", 3) < 0 and b"BTS" not in raw and b"FTS" not in raw:
        return Batch([raw])
    splitter = Splitter()
    messages = [*splitter.feed(raw), *splitter.close()]
    if not splitter.headers and (not messages or (len(messages) == 1 and not splitter.trailers)):
        messages = [raw]
    return Batch(messages, splitter.headers, splitter.issues)


class Splitter:
    """Cuts a file that arrives in pieces; `headers` and `issues` grow on the way."""

    def __init__(self) -> None:
        self.headers: list[bytes] = []
        self.issues: list[Issue] = []
        self.trailers: Counter[str] = Counter()
        self._buffer = bytearray()
        self._scanned = 0  # no cut begins before this place
        self._open = False  # the buffer begins with a message
        self._messages = 0  # in this batch
        self._batches = 0  # in this file
        self._wide: codecs.IncrementalDecoder | None = None
        self._codec = ""
        self._undecided: bytes | None = b""

    def feed(self, piece: bytes) -> Iterator[bytes]:
        """The messages that end in this piece."""
        if self._undecided is not None:
            piece = self._undecided + piece
            if len(piece) < _HEAD:
                self._undecided = piece
                return
            self._decide(piece)
        self._buffer += self._narrowed(piece)
        yield from self._cut(final=False)

    def close(self) -> Iterator[bytes]:
        """The rest: the last message, where one is open."""
        if self._undecided is not None:
            piece = self._undecided
            self._decide(piece)
            self._buffer += self._narrowed(piece)
        yield from self._cut(final=True)
        if self._open or self._buffer.strip(_BLANKS):
            broken = self._wide.getstate()[0] if self._wide else b""
            yield self._message(len(self._buffer)) + broken

    def _decide(self, piece: bytes) -> None:
        self._undecided = None
        self._codec = unicode_width(piece[:_HEAD]) or ""
        if self._codec:
            self._wide = codecs.getincrementaldecoder(self._codec)("surrogatepass")

    def _narrowed(self, piece: bytes) -> bytes:
        if self._wide is None:
            return piece
        return self._wide.decode(piece).encode("utf-8", "surrogatepass")

    def _cut(self, *, final: bool) -> Iterator[bytes]:
        buffer = self._buffer
        while True:
            match = _CUT.search(buffer, self._scanned)
            if match is None or (match.end() == len(buffer) and not final):
                self._scanned = max(self._scanned, len(buffer) - _OVERLAP)
                return
            start, end, name = match.start(), match.end(), bytes(match[1])
            if self._open:
                yield self._message(start)
                end -= start
            elif not buffer[:start].strip(_BLANKS):
                del buffer[:start]
                end -= start
            elif name != b"MSH":  # no message, for the reader to say so
                yield self._message(start)
                end -= start
            if name == b"MSH":
                self._open = True
                self._scanned = end
                continue
            line_end = _LINE_END.search(buffer, end)
            if line_end is None and not final:
                self._scanned = max(0, end - _OVERLAP)
                return
            stop = line_end.start() if line_end else len(buffer)
            self._batch_line(name, bytes(buffer[end - 3 : stop]))
            del buffer[:stop]
            self._scanned = 0

    def _message(self, end: int) -> bytes:
        message = bytes(self._buffer[:end])
        del self._buffer[:end]
        self._open = False
        self._messages += 1
        if self._wide is None:
            return message
        return _BOMS[self._codec] + message.decode("utf-8", "surrogatepass").lstrip("\ufeff").encode(
            self._codec, "surrogatepass"
        )

    def _batch_line(self, name: bytes, line: bytes) -> None:
        if name in (b"FHS", b"BHS"):
            self.headers.append(line)
            if name == b"BHS":
                self._batches += 1
            self._messages = 0
            return
        segment = name.decode("ascii")
        self.trailers[segment] += 1
        if name == b"BTS":
            counted = self._messages
            self._batches = self._batches or 1
            self._messages = 0
        else:
            counted = self._batches or int(self._messages > 0)
            self._batches = 0
        said = line.split(line[3:4], 2)[1].strip() if len(line) > 3 else b""
        if said and not (said.isdigit() and len(said) < 10 and int(said) == counted):
            value = said[:20].decode("latin-1")
            self.issues.append(
                issue("batch.count", Location(segment, self.trailers[segment], 1), rule="R-MSG-11", value=value)
            )
