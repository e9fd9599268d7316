"""The FHIR target: classes of answers, entries read one by one, conflicts tried again (S-60 to S-62, S-61a)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import httpx
import orjson
import pytest

from segue.delivery.fhir import CONFLICT_TRIES, FhirServer
from segue.delivery.target import DeliveryError, Parcel

Answer = Callable[[httpx.Request], httpx.Response]


def parcel(kind: str = "transaction") -> Parcel:
    return Parcel(orjson.dumps({"resourceType": "Bundle", "type": kind}), "M1", "ab" * 32)


def entries(*statuses: str) -> bytes:
    listed = [{"response": {"status": status}} for status in statuses]
    return orjson.dumps({"resourceType": "Bundle", "type": "transaction-response", "entry": listed})


class Stub:
    """A server that answers in turn, the last answer for ever."""

    def __init__(self, *answers: httpx.Response | Exception) -> None:
        self.answers = list(answers)
        self.requests: list[httpx.Request] = []
        self.slept: list[float] = []
        client = httpx.AsyncClient(transport=httpx.MockTransport(self._answer))
        self.target = FhirServer("https://fhir.example.org/r4/", client=client, sleep=self._sleep)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)

    async def failure(self) -> DeliveryError:
        with pytest.raises(DeliveryError) as caught:
            await self.target.deliver(parcel())
        return caught.value


async def test_a_transaction_is_posted_to_the_base() -> None:
    stub = Stub(httpx.Response(200, content=entries("201 Created", "200", "304")))
    await stub.target.deliver(parcel())
    (request,) = stub.requests
    assert str(request.url) == "https://fhir.example.org/r4"
    assert request.headers["content-type"] == "application/fhir+json"
    assert request.content == parcel().body


async def test_a_message_is_processed() -> None:
    stub = Stub(httpx.Response(200, content=b""))
    await stub.target.deliver(parcel("message"))
    assert stub.requests[0].url.path == "/r4/$process-message"


@pytest.mark.parametrize(
    ("status", "transient"),
    [(s, True) for s in (408, 425, 429, 500, 501, 502, 503, 504, 401, 403)]
    + [(s, False) for s in (400, 404, 410, 413, 422)],
)
async def test_S60_class_by_status(status: int, transient: bool) -> None:
    failure = await Stub(httpx.Response(status)).failure()
    assert failure.transient is transient
    assert failure.reason == str(status)


@pytest.mark.parametrize(
    "error", [httpx.ConnectError("no host"), httpx.ReadTimeout("late"), httpx.RemoteProtocolError("cut")]
)
async def test_S60_a_server_out_of_reach_is_transient(error: Exception) -> None:
    failure = await Stub(error).failure()
    assert failure.transient
    assert failure.reason == type(error).__name__


async def test_S62_a_failing_entry_of_a_200_is_located() -> None:
    failure = await Stub(httpx.Response(200, content=entries("201", "422 Unprocessable", "503"))).failure()
    assert [(i.code, i.fhirpath) for i in failure.issues] == [
        ("delivery.refused", "Bundle.entry[1]"),
        ("delivery.transient", "Bundle.entry[2]"),
    ]
    assert not failure.transient


async def test_S61a_a_conflict_is_tried_again_with_the_same_bytes() -> None:
    stub = Stub(httpx.Response(409), httpx.Response(412), httpx.Response(200, content=entries("201")))
    await stub.target.deliver(parcel())
    assert {request.content for request in stub.requests} == {parcel().body}
    assert len(stub.slept) == 2


async def test_S60_conflicts_without_end_are_given_up() -> None:
    stub = Stub(httpx.Response(409))
    assert (await stub.failure()).transient
    assert len(stub.requests) == CONFLICT_TRIES


async def test_S61a_sends_do_not_overlap() -> None:
    busy = most = 0

    async def handle(_request: httpx.Request) -> httpx.Response:
        nonlocal busy, most
        busy += 1
        most = max(most, busy)
        await asyncio.sleep(0)
        busy -= 1
        return httpx.Response(200, content=entries("201"))

    target = FhirServer("http://x", client=httpx.AsyncClient(transport=httpx.MockTransport(handle)))
    await asyncio.gather(*(target.deliver(parcel()) for _ in range(5)))
    await target.close()
    assert most == 1


@pytest.mark.parametrize("body", [b"", b"not json", b"[]", b'{"entry": 5}', b'{"entry": ["x", {"response": 3}]}'])
async def test_an_answer_that_says_nothing_more_is_a_success(body: bytes) -> None:
    await Stub(httpx.Response(200, content=body)).target.deliver(parcel())


async def test_O21_the_server_s_words_stay_out() -> None:
    failure = await Stub(httpx.Response(422, content=b'{"issue":[{"diagnostics":"Patient Marlow"}]}')).failure()
    assert "Marlow" not in repr((failure, failure.issues, failure.reason))
