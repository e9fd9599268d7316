"""/v1/messages: taken, looked up, replayed (A-25 to A-29, O-51, S-43)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import httpx
import pytest

from segue.convert import Converter
from segue.delivery.conversions import conversions_of
from segue.http.app import create_app
from segue.journal import acknowledgements
from segue.journal.acknowledgements import Owed, Told
from segue.journal.clerk import Clerk
from segue.settings import Settings

ER7 = {"Accept": "application/hl7-v2"}
Adt = Callable[..., bytes]


@pytest.fixture
async def clerk(converter: Converter, tmp_path: Path) -> AsyncIterator[Clerk]:
    settings = Settings.model_validate(
        {"journal": {"url": str(tmp_path / "j.db"), "headroom_bytes": 0, "headroom_share": 0}}
    )
    made = await Clerk.open(settings, conversions_of(settings, converter), None)
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
async def web(converter: Converter, clerk: Clerk) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(converter, clerk.settings, clerk=clerk)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://segue") as client:
        yield client


async def test_A25_a_receipt_with_the_number_in_the_journal(web: httpx.AsyncClient, clerk: Clerk, adt: Adt) -> None:
    reply = await web.post("/v1/messages", content=adt())
    assert (reply.status_code, reply.headers["location"]) == (200, "/v1/messages/1")
    assert reply.json()["state"] == "converted"
    assert "MSA|AA|M1" in reply.json()["ack"]
    assert await clerk.journal.raw(1) == adt()


async def test_A28_received_only_is_202(web: httpx.AsyncClient, adt: Adt) -> None:
    reply = await web.post("/v1/messages?ack=received", content=adt())
    assert (reply.status_code, reply.json()["state"]) == (202, "received")
    async with asyncio.timeout(20):
        while (await web.get("/v1/messages/1")).json()["state"] != "delivered":
            await asyncio.sleep(0.01)


@pytest.mark.parametrize(("event", "code"), [("ADT^A08", "AA"), ("ADT^Z99", "AR")])
async def test_A26_an_acknowledgement_of_any_code_is_200(
    web: httpx.AsyncClient, adt: Adt, event: str, code: str
) -> None:
    reply = await web.post("/v1/messages", content=adt(event=event), headers=ER7)
    assert (reply.status_code, reply.headers["content-type"]) == (200, "application/hl7-v2")
    assert f"MSA|{code}|M1" in reply.text


async def test_S43_the_same_again_gets_the_same_answer(web: httpx.AsyncClient, adt: Adt) -> None:
    first = await web.post("/v1/messages", content=adt(), headers=ER7)
    assert (await web.post("/v1/messages", content=adt(), headers=ER7)).content == first.content
    assert (await web.post("/v1/messages", content=adt())).json()["duplicateOf"] == 1


async def test_A29_a_batch_gets_one_answer_for_each(web: httpx.AsyncClient, adt: Adt) -> None:
    body = b"BHS|^~\\&|A|B\r" + adt("M1") + adt("M2", event="ADT^Z99") + b"BTS|2\r"
    reply = await web.post("/v1/messages", content=body)
    assert [line.count('"state"') for line in reply.text.splitlines()] == [1, 1]
    acks = await web.post("/v1/messages", content=body, headers=ER7)
    assert acks.text.startswith("BHS|")
    assert ("MSA|AA|M1" in acks.text, "MSA|AR|M2" in acks.text) == (True, True)


async def test_O51_found_by_number_and_state(web: httpx.AsyncClient, adt: Adt) -> None:
    for n in range(3):
        await web.post("/v1/messages?ack=delivered", content=adt(f"M{n}"))
    found = (await web.get("/v1/messages?number=77&state=delivered&limit=2")).json()
    assert [row["controlId"] for row in found["messages"]] == ["M2", "M1"]
    assert (found["next"], found["states"]["total"]) == (2, 3)
    assert [row["id"] for row in (await web.get("/v1/messages?before=2")).json()["messages"]] == [1]
    assert (await web.get("/v1/messages?number=78")).json()["messages"] == []
    assert (await web.get("/v1/messages?since=2999-01-01")).json()["messages"] == []
    assert (await web.get("/v1/messages?until=2999-01-01&controlId=M0")).json()["messages"][0]["id"] == 1


async def test_one_message_and_its_contents_only_when_asked(web: httpx.AsyncClient, adt: Adt) -> None:
    await web.post("/v1/messages", content=adt())
    plain = await web.get("/v1/messages/1")
    assert "Marlow" not in plain.text
    whole = (await web.get("/v1/messages/1?include=raw,bundle")).json()
    assert whole["raw"] == adt().decode()
    assert whole["bundle"]["resourceType"] == "Bundle"


async def test_S68_a_replay_needs_a_reason_and_shows_its_difference(web: httpx.AsyncClient, adt: Adt) -> None:
    await web.post("/v1/messages?ack=delivered", content=adt())
    dry = (await web.post("/v1/messages/1/replay?dry-run=true")).json()
    assert (dry["converts"], dry["changes"]) == (True, [])
    assert (await web.post("/v1/messages/1/replay")).status_code == 400
    assert (await web.post("/v1/messages/1/replay?reason=map")).status_code == 202
    async with asyncio.timeout(20):
        while len((await web.get("/v1/messages/1")).json()["timeline"]) < 6:
            await asyncio.sleep(0.01)


async def test_S53_a_stale_replay_is_409(web: httpx.AsyncClient, adt: Adt) -> None:
    for n in range(2):
        await web.post("/v1/messages?ack=delivered", content=adt(f"M{n}"))
    assert (await web.post("/v1/messages/1/replay?reason=map")).status_code == 409
    assert (await web.post("/v1/messages/1/replay?reason=map&stale=apply")).status_code == 202


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/v1/messages?ack=soon", 400),
        ("POST", "/v1/messages", 400),
        ("GET", "/v1/messages/9", 404),
        ("GET", "/v1/messages/x", 404),
        ("GET", "/v1/messages?state=lost", 400),
        ("GET", "/v1/messages?since=soon", 400),
        ("GET", "/v1/messages?limit=many", 400),
        ("GET", "/v1/messages?stat=dead", 400),
        ("POST", "/v1/messages/9/replay?reason=x", 404),
        ("POST", "/v1/messages/9/resend", 400),
        ("POST", "/v1/messages/9/resend?reason=x", 400),
        ("POST", "/v1/messages/9/acknowledge", 400),
        ("POST", "/v1/messages/9/acknowledge?reason=x", 404),
    ],
)
async def test_what_cannot_be_answered(web: httpx.AsyncClient, method: str, path: str, status: int) -> None:
    assert (await web.request(method, path)).status_code == status


async def test_without_a_journal_nothing_is_accepted(converter: Converter, adt: Adt) -> None:
    transport = httpx.ASGITransport(create_app(converter, Settings()))
    async with httpx.AsyncClient(transport=transport, base_url="http://segue") as client:
        reply = await client.post("/v1/messages", content=adt())
    assert (reply.status_code, reply.json()["type"]) == (404, "urn:segue:issue:journal.absent")


async def test_S69_a_corrected_text_is_a_new_message(web: httpx.AsyncClient, clerk: Clerk, adt: Adt) -> None:
    await web.post("/v1/messages", content=adt(event="ADT^Z99"))
    path = "/v1/messages/1/resend?reason=wrong+event"
    assert (await web.post("/v1/messages/9/resend?reason=x", content=adt())).status_code == 404
    assert (await web.post(path, content=adt(event="ADT^Z99"))).status_code == 409
    assert (await web.post(path, content=b"hello")).status_code == 400
    reply = await web.post(f"{path}&by=Ada", content=adt())
    assert (reply.status_code, reply.headers["location"]) == (202, "/v1/messages/2")
    assert reply.json() == {"id": 2, "state": "received", "editedFrom": 1}
    async with asyncio.timeout(20):
        while (new := (await web.get("/v1/messages/2")).json())["state"] != "delivered":
            await asyncio.sleep(0.01)
    assert new["editedFrom"] == 1
    assert any("Ada (127.0.0.1): wrong event" in one.get("reason", "") for one in new["timeline"])
    old = (await web.get("/v1/messages/1")).json()
    assert old["state"] == "refused"
    assert "edited and sent again as 2, Ada" in old["timeline"][-1]["reason"]
    assert await clerk.journal.raw(1) == adt(event="ADT^Z99")


async def test_S23_an_acknowledgement_that_was_given_up_is_sent_again(
    web: httpx.AsyncClient, clerk: Clerk, adt: Adt
) -> None:
    await web.post("/v1/messages", content=adt(event="ADT^Z99"))
    owed = Owed("http", "callback", "AL", "converted")
    await clerk.journal.call(lambda connection, now: acknowledgements.owe(connection, now, [(1, owed)]))
    await clerk.journal.call(lambda connection, now: acknowledgements.due(connection, now, {1: "refused"}))
    await clerk.journal.call(
        lambda connection, now: acknowledgements.tell(connection, now, [Told(1, "dead", b"ACK", "refused AE")])
    )
    reply = await web.post("/v1/messages/1/acknowledge?reason=repaired")
    assert (reply.status_code, reply.json()) == (202, {"id": 1, "acknowledgement": "again"})
    assert (await web.get("/v1/messages/1")).json()["acknowledgement"]["state"] == "ready"
