"""Reading a request's body within its limits (A-22, A-70): size, compression and time.

The size counts decoded bytes, and a compressed body may grow only so far; what is over is refused before it is all
read.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Callable

from starlette.requests import ClientDisconnect, Request

from segue.http.refusal import RequestError
from segue.issues import Issue, issue

FREE_BYTES = 1 << 20  # a small body may be as compressible as it likes

Over = Callable[[bytearray], int | None]  # the cap that what has come so far exceeds


async def read(
    request: Request, cap_bytes: int, setting: str, *, ratio: int, wait_s: float, over: Over | None = None
) -> bytes:
    """The decoded body; raises RequestError."""
    length = request.headers.get("content-length", "")
    if length.isdigit() and int(length) > cap_bytes:
        raise RequestError(too_large(cap_bytes, setting))
    encoding = request.headers.get("content-encoding", "").strip().lower()
    if encoding in ("", "identity"):
        inflate = None
    elif encoding in ("gzip", "x-gzip"):
        inflate = _Inflater(cap_bytes, ratio, setting)
    else:
        raise RequestError(
            issue("request.media-type", hint="Content-Encoding may be gzip."), headers={"Accept-Encoding": "gzip"}
        )
    body = bytearray()
    while True:
        try:
            async with asyncio.timeout(wait_s):
                message = await request.receive()
        except TimeoutError:
            raise RequestError(issue("request.timeout"), headers={"Connection": "close"}) from None
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        chunk: bytes = message.get("body", b"")
        body += inflate.feed(chunk) if inflate is not None else chunk
        cap = cap_bytes if len(body) > cap_bytes else over(body) if over is not None else None
        if cap is not None:
            raise RequestError(too_large(cap, setting))
        if not message.get("more_body", False):
            break
    if inflate is not None:
        inflate.close()
    return bytes(body)


def too_large(cap_bytes: int, setting: str) -> Issue:
    """Names the cap and where it is set."""
    return issue("message.too-large", hint=f"The limit is {cap_bytes} bytes, decoded ({setting}).")


class _Inflater:
    """gzip, one or more members, bounded in size and growth."""

    def __init__(self, cap_bytes: int, ratio: int, setting: str) -> None:
        self._cap_bytes, self._ratio, self._setting = cap_bytes, ratio, setting
        self._read = self._made = 0
        self._stream = zlib.decompressobj(31)

    def feed(self, chunk: bytes) -> bytes:
        out = bytearray()
        self._read += len(chunk)
        rest = chunk
        try:
            while rest:
                if self._stream.eof:
                    self._stream = zlib.decompressobj(31)
                out += self._stream.decompress(rest, self._room() + 1)
                if len(out) > self._room():
                    raise RequestError(too_large(self._cap_bytes, f"{self._setting}, limits.gzip_ratio"))
                rest = self._stream.unconsumed_tail or self._stream.unused_data
        except zlib.error:
            raise RequestError(issue("request.body", hint="The body is not gzip.")) from None
        self._made += len(out)
        return bytes(out)

    def close(self) -> None:
        if self._read and not self._stream.eof:
            raise RequestError(issue("request.body", hint="The gzip body ends too early."))

    def _room(self) -> int:
        """How much more may come out now."""
        return max(0, min(self._cap_bytes, max(FREE_BYTES, self._ratio * self._read)) - self._made)
