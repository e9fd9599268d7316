"""The FHIR target on a real socket: what it sends, how often, and which sends overlap (S-60 to S-62, S-61a)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import orjson
import pytest

from segue.delivery.fhir import CONFLICT_TRIES, FhirServer
from segue.delivery.target import DeliveryError, Parcel
from segue.settings.targets import Fhir

from .conftest import CUT, Answer, Request, Web, entries, parcel

Open = Callable[..., FhirServer]
DONE = Answer(200, entries("201 Created"))


@pytest.fixture
async def fhir(web: Web) -> AsyncIterator[Open]:
    made: list[FhirServer] = []

    async def no_wait(_seconds: float) -> None:
        await asyncio.sleep(0)

    def open_target(**settings: Any) -> FhirServer:
        made.append(FhirServer(Fhir(name="fhir", url=f"{web.url}/", **settings), sleep=no_wait))
        return made[-1]

    yield open_target
    for target in made:
        await target.close()


async def failure(target: FhirServer) -> DeliveryError:
    with pytest.raises(DeliveryError) as caught:
        await target.deliver(parcel())
    return caught.value


def patient(number: int, more: str = "") -> list[dict[str, Any]]:
    found = [{"request": {"method": "PUT", "url": f"Patient?identifier=s|{number}"}}]
    if more:
        found.append({"request": {"method": "POST", "url": "Practitioner", "ifNoneExist": f"identifier=s|{more}"}})
    return found


async def test_a_transaction_is_posted_to_the_base(web: Web, fhir: Open) -> None:
    web.answers(Answer(200, entries("201 Created", "200", "304")))
    sent = parcel()
    await fhir().deliver(sent)
    (request,) = web.seen
    assert (request.method, request.path, request.body) == ("POST", "/r4", sent.body)
    assert request.headers["content-type"] == "application/fhir+json"
    assert request.headers["prefer"] == "return=minimal"


async def test_a_message_is_processed(web: Web, fhir: Open) -> None:
    await fhir().deliver(parcel("message"))
    assert web.seen[0].path == "/r4/$process-message"


async def test_S61_the_same_bytes_have_the_same_idempotency_key_and_others_another(web: Web, fhir: Open) -> None:
    target = fhir()
    for control_id in ("M1", "M1", "M2"):
        await target.deliver(parcel(control_id=control_id))
    first, again, other = (request.headers["idempotency-key"] for request in web.seen)
    assert first == again != other
    assert first[0] == first[-1] == '"'


async def test_S60_a_server_that_is_not_there(fhir: Open, web: Web) -> None:
    target = fhir()
    await web.stop()
    found = await failure(target)
    assert (found.transient, found.reason, found.detail) == (True, "unreachable", "ConnectError")


async def test_S60_a_reset_after_the_request_leaves_the_outcome_open(web: Web, fhir: Open) -> None:
    web.answers(CUT)
    found = await failure(fhir())
    assert (found.transient, found.reason) == (True, "indeterminate")


async def test_S61_a_server_that_commits_and_does_not_answer_gets_the_same_again(web: Web, fhir: Open) -> None:
    web.answers(CUT, DONE)
    target = fhir()
    await failure(target)
    await target.deliver(parcel())
    assert web.seen[0].body == web.seen[1].body
    assert web.seen[0].headers["idempotency-key"] == web.seen[1].headers["idempotency-key"]


async def test_S60_a_server_that_hangs(web: Web, fhir: Open) -> None:
    async def hang(_request: Request) -> Answer:
        await asyncio.Event().wait()
        return DONE

    web.behaviour = hang
    found = await failure(fhir(timeout_s=0.05))
    assert (found.transient, found.reason, found.detail) == (True, "indeterminate", "ReadTimeout")


async def test_S60_retry_after_reaches_the_caller(web: Web, fhir: Open) -> None:
    web.answers(Answer(429, headers={"retry-after": "7"}))
    found = await failure(fhir())
    assert (found.transient, found.reason, found.retry_after_s) == (True, "busy", 7.0)


async def test_S62_a_failing_entry_of_a_200_is_a_failure(web: Web, fhir: Open) -> None:
    web.answers(Answer(200, entries("201", "422 Unprocessable")))
    found = await failure(fhir())
    assert not found.transient
    assert [i.fhirpath for i in found.issues] == ["Bundle.entry[1]"]


async def test_S61a_a_conflict_is_tried_again_with_the_same_bytes(web: Web, fhir: Open) -> None:
    web.answers(Answer(409), Answer(412), DONE)
    await fhir().deliver(parcel())
    assert len(web.seen) == 3
    assert {request.body for request in web.seen} == {parcel().body}


async def test_S60_conflicts_without_end_are_given_up_for_now(web: Web, fhir: Open) -> None:
    web.answers(Answer(409))
    found = await failure(fhir())
    assert (found.transient, found.reason) == (True, "conflict")
    assert len(web.seen) == CONFLICT_TRIES


async def test_S61a_sends_with_a_common_key_never_overlap_and_others_do(web: Web, fhir: Open) -> None:
    """40 sends of 20 patients and four practitioners; the server sees every request with what is under way beside it."""
    flying: set[str] = set()
    clashes: list[str] = []

    async def watch(request: Request) -> Answer:
        keys = {key for key in ("1", "2", "3", "4") if f'"identifier=s|p{key}"'.encode() in request.body}
        clashes.extend(flying & keys)
        flying.update(keys)
        for _ in range(5):
            await asyncio.sleep(0)
        flying.difference_update(keys)
        return DONE

    web.behaviour = watch
    target = fhir(parallel=4)
    await asyncio.gather(*(target.deliver(parcel(entry=patient(n % 20, f"p{n % 4 + 1}"))) for n in range(40)))
    assert clashes == []
    assert web.most == 4  # as many practitioners, and as many requests as allowed
    assert len(web.seen) == 40


async def test_S61a_what_every_message_names_alike_makes_no_single_line(web: Web, fhir: Open) -> None:
    """The device of the sender stands in each Bundle; once it is there, Bundles of different patients run together."""
    device = {"resourceType": "Device", "id": "d"}
    changed = {**device, "status": "active"}

    def bundle(number: int, resource: dict[str, str]) -> Parcel:
        named = {"request": {"method": "PUT", "url": "Device/d"}, "resource": resource}
        return parcel(entry=[*patient(number), named])

    async def slow(_request: Request) -> Answer:
        for _ in range(20):
            await asyncio.sleep(0)
        return DONE

    web.behaviour = slow
    target = fhir(parallel=8)
    for resource in (device, changed):
        web.most = 0
        await asyncio.gather(*(target.deliver(bundle(number, resource)) for number in range(8)))
        assert web.most == 7  # the first alone, then the rest together


async def test_parallel_bounds_requests_and_connections_are_kept(web: Web, fhir: Open) -> None:
    async def slow(_request: Request) -> Answer:
        for _ in range(5):
            await asyncio.sleep(0)
        return DONE

    web.behaviour = slow
    target = fhir(parallel=3)
    await asyncio.gather(*(target.deliver(parcel(entry=patient(n))) for n in range(30)))
    assert web.most == 3
    assert web.connections == 3


async def test_O21_the_server_s_words_stay_out(web: Web, fhir: Open) -> None:
    told = {"severity": "error", "code": "Marlow", "diagnostics": "Patient Marlow", "expression": ["Patient Marlow"]}
    web.answers(Answer(422, orjson.dumps({"resourceType": "OperationOutcome", "issue": [told]})))
    found = await failure(fhir())
    assert "Marlow" not in repr((found, found.issues, found.reason, found.detail))
