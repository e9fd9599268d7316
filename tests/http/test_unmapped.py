"""The inbox over HTTP (T-64 to T-67)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from segue.convert import Converter
from segue.http.app import create_app
from segue.inbox.desk import Desk
from segue.inbox.sighting import added_up, line
from segue.inbox.store import Inbox
from segue.settings import Settings
from segue.terminology import Unmapped

GLU = Unmapped("LAB|NORTH", "OBX-3", "L", "GLU", "mg/dL", "Glucose")
NA = Unmapped("LAB|SOUTH", "OBX-3", "L", "NA", "", "Sodium")
MAPPED = {"action": "map", "targetSystem": "http://loinc.org", "targetCode": "2345-7", "by": "ada"}


@pytest.fixture(scope="module")
def converter() -> Converter:
    return Converter()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "terminology"


@pytest.fixture
def client(tmp_path: Path, folder: Path, converter: Converter) -> httpx.AsyncClient:
    inbox = Inbox(tmp_path / "inbox.db")
    inbox.record(added_up([line([GLU], [], f"M{n}", 1_700_000_000.0 + n) for n in range(3)]))
    inbox.record(added_up([line([NA], [NA], "M9", 1_800_000_000.0)]))
    desk = Desk(inbox, folder, lambda: converter.terminology)
    transport = httpx.ASGITransport(create_app(converter, Settings(), desk=desk))
    return httpx.AsyncClient(transport=transport, base_url="http://test")


@pytest.fixture
def id_of(client: httpx.AsyncClient) -> Callable[[str], Any]:
    async def find(code: str) -> str:
        found = (await client.get("/v1/unmapped")).json()["entries"]
        return next(one["id"] for one in found if one["code"] == code)

    return find


async def test_T67_entries_by_number_of_messages(client: httpx.AsyncClient) -> None:
    first, second = (await client.get("/v1/unmapped")).json()["entries"]
    assert {key: first[key] for key in ("sender", "field", "system", "code", "unit", "count", "state", "waiting")} == {
        "sender": "LAB|NORTH", "field": "OBX-3", "system": "L", "code": "GLU", "unit": "mg/dL", "count": 3,
        "state": "open", "waiting": 0,
    }  # fmt: skip
    assert first["texts"] == [{"text": "Glucose", "count": 3}]
    assert first["samples"] == ["M2", "M1", "M0"]
    assert first["firstSeen"] == "2023-11-14T22:13:20.000Z"
    assert second["state"] == "pending"


@pytest.mark.parametrize(
    ("asked", "codes"),
    [
        ({"sender": "LAB|SOUTH"}, ["NA"]),
        ({"state": "open"}, ["GLU"]),
        ({"since": "2026-01-01T00:00:00Z"}, ["NA"]),
        ({"since": "2020-01-01"}, ["GLU", "NA"]),
    ],
)
async def test_T67_chosen(client: httpx.AsyncClient, asked: dict[str, str], codes: list[str]) -> None:
    found = (await client.get("/v1/unmapped", params=asked)).json()["entries"]
    assert [one["code"] for one in found] == codes


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"state": "opne"}, "request.parameter-value"),
        ({"since": "yesterday"}, "request.parameter-value"),
        ({"sendr": "x"}, "request.parameter-unknown"),
    ],
)
async def test_A04_a_wrong_parameter(client: httpx.AsyncClient, asked: dict[str, str], code: str) -> None:
    answer = await client.get("/v1/unmapped", params=asked)
    assert answer.status_code == 400
    assert answer.json()["issues"][0]["code"] == code


async def test_T67_a_sheet_out_and_back(client: httpx.AsyncClient, folder: Path) -> None:
    answer = await client.get("/v1/unmapped", headers={"Accept": "text/csv"})
    assert answer.headers["content-type"].startswith("text/csv")
    sheet = answer.text.replace("mg/dL,,,,", "mg/dL,LN,2345-7,,")
    tried = await client.post("/v1/unmapped?dry-run=true", content=sheet, headers={"Content-Type": "text/csv"})
    assert tried.json()["accepted"][0]["seen"] == 3
    assert not folder.exists()
    done = await client.post("/v1/unmapped", content=sheet, headers={"Content-Type": "text/csv"})
    assert done.status_code == 200
    (accepted,) = done.json()["accepted"]
    assert (accepted["map"], accepted["row"]["target_code"]) == ("lab-north.csv", "2345-7")
    assert "GLU" in (folder / "maps" / "lab-north.csv").read_text()


async def test_T64_map_and_undo(client: httpx.AsyncClient, folder: Path, id_of: Any) -> None:
    path = f"/v1/unmapped/{await id_of('GLU')}"
    tried = await client.post(f"{path}?dry-run=true", json=MAPPED)
    assert (tried.json()["entry"]["state"], tried.json()["effect"]["seen"]) == ("open", 3)
    done = await client.post(path, json=MAPPED)
    assert done.json()["entry"]["state"] == "mapped"
    assert done.json()["entry"]["decided"]["by"] == "ada"
    undone = await client.post(path, json={"action": "undo", "reason": "unit"})
    assert (undone.json()["entry"]["state"], undone.json()["removed"]) == ("open", True)
    assert "GLU" not in (folder / "maps" / "lab-north.csv").read_text()


async def test_T65_ignore_and_reopen(client: httpx.AsyncClient, id_of: Any) -> None:
    path = f"/v1/unmapped/{await id_of('GLU')}"
    done = await client.post(path, json={"action": "ignore", "reason": "noise"})
    assert done.json()["entry"]["state"] == "ignored"
    assert (await client.post(path, json={"action": "reopen"})).json()["entry"]["state"] == "open"


async def test_T66_a_version_that_has_changed_is_409(client: httpx.AsyncClient, id_of: Any) -> None:
    path = f"/v1/unmapped/{await id_of('GLU')}"
    tag = (await client.get(path)).headers["etag"]
    assert (await client.post(path, json={"action": "ignore"}, headers={"If-Match": tag})).status_code == 200
    late = await client.post(path, json=MAPPED, headers={"If-Match": tag})
    assert (late.status_code, late.json()["issues"][0]["code"]) == (409, "inbox.conflict")


async def test_T63_an_entry_has_suggestions_and_choices(client: httpx.AsyncClient, id_of: Any) -> None:
    await client.post(f"/v1/unmapped/{await id_of('GLU')}", json=MAPPED)
    found = (await client.get(f"/v1/unmapped/{await id_of('NA')}")).json()
    assert (found["suggestions"], found["choices"]) == ([], [])


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"{", 400, "request.body"),
        (b"[]", 400, "request.body"),
        (b"{}", 400, "request.parameter-value"),
        (b'{"action": "mpa"}', 400, "request.parameter-value"),
        (b'{"action": "map", "target": "x"}', 400, "request.parameter-unknown"),
        (b'{"action": "map", "targetCode": 1}', 400, "request.parameter-value"),
        (b'{"action": "map"}', 422, "inbox.decision"),
        (b'{"action": "map", "targetSystem": "NOPE", "targetCode": "1"}', 422, "inbox.decision"),
        (b'{"action": "undo"}', 422, "inbox.decision"),
        (b'{"action": "reopen"}', 422, "inbox.decision"),
    ],
)
async def test_A30_what_cannot_be_done(
    client: httpx.AsyncClient, id_of: Any, body: bytes, status: int, code: str
) -> None:
    answer = await client.post(f"/v1/unmapped/{await id_of('GLU')}", content=body)
    assert (answer.status_code, answer.json()["issues"][0]["code"]) == (status, code)


async def test_A34_a_fault_of_a_sheet_names_its_line_and_no_path(client: httpx.AsyncClient, tmp_path: Path) -> None:
    answer = await client.post("/v1/unmapped", content=b"a,b\n", headers={"Content-Type": "text/csv"})
    assert answer.status_code == 422
    assert "Line 1" in answer.json()["detail"]
    assert str(tmp_path) not in answer.text
    assert (await client.post("/v1/unmapped", json={})).status_code == 415


async def test_T67_an_unknown_id_and_no_inbox(client: httpx.AsyncClient, converter: Converter) -> None:
    assert (await client.get("/v1/unmapped/none")).status_code == 404
    without = httpx.ASGITransport(create_app(converter, Settings()))
    async with httpx.AsyncClient(transport=without, base_url="http://test") as other:
        answer = await other.get("/v1/unmapped")
    assert (answer.status_code, answer.json()["issues"][0]["code"]) == (404, "inbox.off")


async def test_A02_stateless_conversions_are_not_counted(client: httpx.AsyncClient) -> None:
    raw = b"MSH|^~\\&|LAB|WEST|||20240310||ADT^A08^ADT_A01|M1|P|2.5.1\rPID|1||7||Novak^Ada||1980|X9\r"
    assert (await client.post("/v1/convert", content=raw)).status_code == 200
    found = (await client.get("/v1/unmapped")).json()["entries"]
    assert {one["sender"] for one in found} == {"LAB|NORTH", "LAB|SOUTH"}
