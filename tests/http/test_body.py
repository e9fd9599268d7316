"""Reading bodies within their limits (A-22, A-70)."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Iterable

import pytest
from starlette.requests import ClientDisconnect, Request
from starlette.types import Message

from segue.http.body import FREE_BYTES, read
from segue.http.refusal import RequestError


def request(chunks: Iterable[bytes], **headers: str) -> Request:
    parts = list(chunks)
    messages: list[Message] = [
        {"type": "http.request", "body": part, "more_body": n + 1 < len(parts)} for n, part in enumerate(parts)
    ]

    async def receive() -> Message:
        return messages.pop(0)

    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return Request({"type": "http", "method": "POST", "path": "/", "headers": raw}, receive)


async def taken(chunks: Iterable[bytes], cap_bytes: int = 1000, ratio: int = 100, **headers: str) -> bytes:
    return await read(request(chunks, **headers), cap_bytes, "limits.x", ratio=ratio, wait_s=5)


async def refused(chunks: Iterable[bytes], cap_bytes: int = 1000, ratio: int = 100, **headers: str) -> tuple[int, str]:
    with pytest.raises(RequestError) as caught:
        await taken(chunks, cap_bytes, ratio, **headers)
    return caught.value.status, caught.value.issues[0].hint


async def test_A70_the_limit_to_the_byte() -> None:
    assert len(await taken([b"x" * 600, b"x" * 400])) == 1000
    status, hint = await refused([b"x" * 600, b"x" * 401])
    assert status == 413
    assert "1000 bytes" in hint
    assert "limits.x" in hint


async def test_A80_a_length_over_the_limit_costs_no_upload() -> None:
    assert (await refused([], content_length="1001"))[0] == 413


@pytest.mark.parametrize("size", [1, 7, 10_000])
async def test_A22_gzip_in_any_chunks(size: int) -> None:
    packed = gzip.compress(b"MSH|" * 100) + gzip.compress(b"second member")
    chunks = [packed[at : at + size] for at in range(0, len(packed), size)]
    assert await taken(chunks, content_encoding="gzip") == b"MSH|" * 100 + b"second member"


async def test_A70_the_limit_counts_decoded_bytes() -> None:
    assert (await refused([gzip.compress(b"x" * 1001)], content_encoding="gzip"))[0] == 413


async def test_A70_a_bomb_is_stopped_by_its_growth() -> None:
    bomb = gzip.compress(b"\x00" * (4 * FREE_BYTES))
    status, hint = await refused([bomb], cap_bytes=1 << 30, ratio=100, content_encoding="gzip")
    assert status == 413
    assert "gzip_ratio" in hint


@pytest.mark.parametrize("body", [b"not gzip", gzip.compress(b"x" * 500)[:-4]], ids=["no gzip", "cut"])
async def test_A22_broken_gzip(body: bytes) -> None:
    assert (await refused([body], content_encoding="gzip"))[0] == 400


async def test_A22_other_encodings_are_refused_with_the_list() -> None:
    assert await refused([b"x"], content_encoding="br") == (415, "Content-Encoding may be gzip.")


async def test_A70_a_body_that_does_not_come() -> None:
    async def never() -> Message:
        await asyncio.Event().wait()
        return {}

    with pytest.raises(RequestError) as caught:
        await read(Request({"type": "http", "headers": []}, never), 10, "x", ratio=1, wait_s=0.01)
    assert caught.value.status == 408


async def test_a_caller_who_leaves() -> None:
    async def gone() -> Message:
        return {"type": "http.disconnect"}

    with pytest.raises(ClientDisconnect):
        await read(Request({"type": "http", "headers": []}, gone), 10, "x", ratio=1, wait_s=5)
