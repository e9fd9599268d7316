"""What an answer means: class by status, Retry-After, entries, message responses, OperationOutcomes (S-60, S-62)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import aiohttp
import orjson
import pytest
from aiohttp.client_reqrep import ConnectionKey

from segue.delivery.reply import Reply, failure, retry_after_s, unanswered
from segue.delivery.target import DeliveryError

from .conftest import entries

KEY = ConnectionKey("fhir.example.org", 443, True, True, None, None, None)


def failed(status: int, body: Any = b"", **headers: str) -> DeliveryError:
    content = body if isinstance(body, bytes) else orjson.dumps(body)
    found = failure(Reply(status, headers, content), entries=True)
    assert found is not None
    return found


def outcome(*issues: dict[str, Any]) -> dict[str, Any]:
    return {"resourceType": "OperationOutcome", "issue": list(issues)}


@pytest.mark.parametrize(
    ("statuses", "reason", "transient"),
    [
        ((408, 425, 429, 502, 503, 504), "busy", True),
        ((500, 501, 507, 301), "server-fault", True),
        ((409, 412), "conflict", True),
        ((401, 403), "credentials", True),
        ((400, 404, 410, 413, 415, 422), "refused", False),
    ],
)
def test_S60_class_by_status(statuses: tuple[int, ...], reason: str, transient: bool) -> None:
    for status in statuses:
        found = failed(status)
        assert (found.reason, found.transient, found.detail) == (reason, transient, str(status))


@pytest.mark.parametrize(
    ("error", "reason", "detail"),
    [
        (aiohttp.ClientConnectorDNSError(KEY, OSError("no host")), "unreachable", "ConnectError"),
        (aiohttp.ClientConnectorCertificateError(KEY, ValueError("whose?")), "unreachable", "ConnectError"),
        (aiohttp.ConnectionTimeoutError("late"), "unreachable", "ConnectTimeout"),
        (aiohttp.SocketTimeoutError("late"), "indeterminate", "ReadTimeout"),
        (aiohttp.ServerDisconnectedError("cut"), "indeterminate", "ServerDisconnectedError"),
        (aiohttp.ClientOSError("cut"), "indeterminate", "ClientOSError"),
        (aiohttp.ClientPayloadError("cut"), "indeterminate", "ClientPayloadError"),
    ],
)
def test_S60_no_answer(error: aiohttp.ClientError, reason: str, detail: str) -> None:
    found = unanswered(error)
    assert (found.reason, found.transient, found.detail) == (reason, True, detail)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("120", 120.0),
        ("Sun, 01 Mar 2026 12:00:30 GMT", 30.0),
        ("Sun, 01 Mar 2026 11:00:00 GMT", 0.0),
        ("soon", None),
        ("", None),
        ("-5", None),
    ],
)
def test_S60_retry_after(text: str, seconds: float | None) -> None:
    reply = Reply(503, {"Retry-After": text} if text else {}, b"")
    assert retry_after_s(reply, datetime(2026, 3, 1, 12, tzinfo=UTC)) == seconds


def test_a_refusal_has_no_time_to_wait_for() -> None:
    assert failed(400, **{"Retry-After": "5"}).retry_after_s is None


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not json",
        b"[]",
        b'{"entry": 5}',
        b'{"entry": ["x", {"response": 3}]}',
        entries("200", "201 Created", "304"),
    ],
)
def test_an_answer_that_tells_of_no_failure(body: bytes) -> None:
    assert failure(Reply(200, {}, body), entries=True) is None


def test_S62_entries_are_told_one_by_one() -> None:
    found = failed(200, entries("201", "422 Unprocessable", "503", "nonsense"))
    assert [(i.code, i.fhirpath) for i in found.issues] == [
        ("delivery.refused", "Bundle.entry[1]"),
        ("delivery.transient", "Bundle.entry[2]"),
        ("delivery.transient", "Bundle.entry[3]"),
    ]
    assert (found.transient, found.reason, found.detail) == (False, "refused", "entries")


def test_S62_entries_that_may_pass_later() -> None:
    found = failed(200, entries("200", "409 Conflict"))
    assert (found.transient, found.reason) == (True, "conflict")


def test_S62_the_outcome_of_an_entry_says_which_code() -> None:
    told = outcome({"severity": "warning", "code": "value"}, {"severity": "error", "code": "duplicate"})
    body = {"resourceType": "Bundle", "entry": [{"response": {"status": "400", "outcome": told}}]}
    assert [(i.fhirpath, i.hint) for i in failed(200, body).issues] == [
        ("Bundle.entry[0]", "The receiver says: duplicate.")
    ]


def test_S62_the_outcome_of_the_whole_says_where() -> None:
    told = outcome({"severity": "error", "code": "required", "expression": ["Bundle.entry[2].resource.ofType"]})
    assert [(i.fhirpath, i.hint) for i in failed(422, told).issues] == [
        ("Bundle.entry[2].resource.ofType", "The receiver says: required.")
    ]


@pytest.mark.parametrize(
    ("code", "expected"),
    [("ok", None), ("transient-error", ("busy", True)), ("fatal-error", ("refused", False))],
)
def test_the_answer_to_a_message_Bundle(code: str, expected: tuple[str, bool] | None) -> None:
    header = {"resourceType": "MessageHeader", "response": {"identifier": "x", "code": code}}
    body = orjson.dumps({"resourceType": "Bundle", "type": "message", "entry": [{"resource": header}]})
    found = failure(Reply(200, {}, body), entries=True)
    assert (found and (found.reason, found.transient)) == expected


def test_O21_only_codes_and_places_of_a_bounded_form_are_passed_on() -> None:
    told = outcome(
        {"severity": "error", "code": "Marlow Ines", "diagnostics": "Marlow", "location": ["/f:Patient Marlow"]}
    )
    found = failed(400, told)
    assert "Marlow" not in repr((found, found.issues))
