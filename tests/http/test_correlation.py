"""Correlation ids and the outermost net (A-34, A-75)."""

from __future__ import annotations

import httpx
import pytest
from starlette.types import Message, Receive, Scope, Send

from segue.http.correlation import Correlation


@pytest.mark.parametrize("given", ["abc-1", "A._-9", "x" * 64])
async def test_A75_an_id_of_the_right_form_is_echoed(client: httpx.AsyncClient, given: str) -> None:
    assert (await client.get("/livez", headers={"X-Request-Id": given})).headers["x-request-id"] == given


@pytest.mark.parametrize("given", ["", "a b", "x" * 65, "a\u00e9", "<script>"])
async def test_A75_any_other_is_replaced(client: httpx.AsyncClient, given: str) -> None:
    made = (await client.get("/livez", headers={"X-Request-Id": given.encode()})).headers["x-request-id"]
    assert made != given
    assert len(made) == 36


async def test_A75_a_trace_is_continued(client: httpx.AsyncClient) -> None:
    trace = "0af7651916cd43dd8448eb211c80319c"
    reply = await client.get("/nope", headers={"traceparent": f"00-{trace}-b7ad6b7169203331-01"})
    assert reply.headers["x-request-id"] == trace
    assert trace in reply.json()["instance"]


async def test_A34_half_an_answer_is_cut() -> None:
    async def breaks(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise RuntimeError("Marlow")

    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    scope = {"type": "http", "method": "GET", "path": "/", "headers": []}
    with pytest.raises(ConnectionAbortedError):
        await Correlation(breaks)(scope, receive, send)
    assert [message["type"] for message in sent] == ["http.response.start"]
