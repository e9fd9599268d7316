"""A FHIR server that takes each Bundle as a transaction, batch or message.

The answer is read entry by entry: a 200 with a failing entry is a failure (S-62). Sends go one after the other, so
two Bundles with a common conditional key never race (S-61a), and in the order of arrival; a conflict is tried again
at once, a little later each time. What the server says in words stays out of logs and issues: it may quote the
patient (O-21).
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Any, cast

import httpx
import orjson

from segue.delivery.target import DeliveryError, Parcel
from segue.issues import Issue, issue

TYPE = "application/fhir+json"
CONFLICT = frozenset((409, 412))
CONFLICT_TRIES = 5
REFUSED = frozenset((400, 404, 405, 406, 410, 413, 415, 422))
TIMEOUT_S = 30.0

Sleep = Callable[[float], Awaitable[None]]


class FhirServer:
    """The base URL of a FHIR R4 server."""

    def __init__(self, url: str, *, client: httpx.AsyncClient | None = None, sleep: Sleep = asyncio.sleep) -> None:
        self.url = url.rstrip("/")
        self._client = client or httpx.AsyncClient(timeout=TIMEOUT_S)
        self._sleep = sleep
        self._lock = asyncio.Lock()

    async def deliver(self, parcel: Parcel) -> None:
        path = self.url
        if orjson.loads(parcel.body)["type"] == "message":
            path += "/$process-message"
        async with self._lock:
            status, entries = await self._post(path, parcel.body)
            for attempt in range(1, CONFLICT_TRIES):
                if status not in CONFLICT:
                    break
                await self._sleep(random.uniform(0, 0.05 * 2**attempt))
                status, entries = await self._post(path, parcel.body)
        _judge(status, entries)

    async def close(self) -> None:
        await self._client.aclose()

    async def _post(self, path: str, body: bytes) -> tuple[int, list[Any]]:
        try:
            reply = await self._client.post(path, content=body, headers={"Content-Type": TYPE, "Accept": TYPE})
        except httpx.HTTPError as error:
            raise DeliveryError(True, issue("delivery.transient"), reason=type(error).__name__) from error
        return reply.status_code, _entries(reply) if reply.is_success else []


def _entries(reply: httpx.Response) -> list[Any]:
    try:
        body: Any = orjson.loads(reply.content)
    except orjson.JSONDecodeError:
        return []
    found: Any = cast("dict[str, Any]", body).get("entry") if isinstance(body, dict) else None
    return cast("list[Any]", found) if isinstance(found, list) else []


def _judge(status: int, entries: list[Any]) -> None:
    if 200 <= status < 300:
        failed = [found for index, entry in enumerate(entries) if (found := _failure(index, entry)) is not None]
        if failed:
            raise DeliveryError(all(transient for transient, _ in failed), *(i for _, i in failed), reason="entries")
        return
    if status in REFUSED:
        raise DeliveryError(False, issue("delivery.refused"), reason=str(status))
    raise DeliveryError(True, issue("delivery.transient"), reason=str(status))


def _failure(index: int, entry: Any) -> tuple[bool, Issue] | None:
    """Of one entry of the answer: whether it may pass later, and where it stands."""
    status = ""
    if isinstance(entry, dict):
        response: Any = cast("dict[str, Any]", entry).get("response")
        if isinstance(response, dict):
            status = str(cast("dict[str, Any]", response).get("status", ""))
    if not status or status[0] in "23":
        return None  # an entry of a message's answer has no status
    code = int(status[:3]) if status[:3].isdigit() else 500
    transient = code not in REFUSED
    return transient, issue(
        "delivery.transient" if transient else "delivery.refused", fhirpath=f"Bundle.entry[{index}]"
    )
