"""A FHIR server that takes each Bundle as a transaction, batch or message.

Bundles go in parallel, but never two that write under one key: servers do not make conditional verbs atomic (S-61a).
With locks that holds over all processes of a journal.
A conflict is tried again at once, a little later each time, with the same bytes.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from typing import Any

import orjson

from segue.delivery.exclusion import Exclusion, Locks, shared
from segue.delivery.keys import Turns, Writes, claims
from segue.delivery.reply import failure
from segue.delivery.target import CONFLICT, DeliveryError, Parcel
from segue.delivery.web import Web
from segue.settings.targets import Fhir

TYPE = "application/fhir+json"
CONFLICT_TRIES = 5

Sleep = Callable[[float], Awaitable[None]]


class FhirServer:
    """A FHIR R4 server by its base URL. Raises SecretError or TlsError when made."""

    def __init__(self, settings: Fhir, *, sleep: Sleep = asyncio.sleep, locks: Locks | None = None) -> None:
        self._base = settings.url.rstrip("/")
        self._web = Web(settings)
        self._sleep = sleep
        self._turns = Turns()
        self._exclusion = Exclusion(locks, f"{settings.name} {self._base}") if locks is not None else None

    async def deliver(self, parcel: Parcel) -> None:
        found = parcel.writes
        if found is None:  # a Bundle from the journal: its body tells
            bundle: dict[str, Any] = orjson.loads(parcel.body)
            found = Writes(bundle["type"], claims(bundle))
        url = f"{self._base}/$process-message" if found.type == "message" else self._base
        alone = self._exclusion.alone(shared(found.claims)) if self._exclusion is not None else nullcontext()
        async with self._turns.turn(found.claims) as turn, alone:
            failed = await self._sent(url, parcel)
            for attempt in range(1, CONFLICT_TRIES):
                if failed is None or failed.reason != CONFLICT:
                    break
                await self._sleep(random.uniform(0, 0.05 * 2**attempt))
                failed = await self._sent(url, parcel)
            if failed is None:
                turn.arrived()
        if failed is not None:
            raise failed

    async def close(self) -> None:
        await self._web.close()

    async def _sent(self, url: str, parcel: Parcel) -> DeliveryError | None:
        headers = {
            "Content-Type": TYPE,
            "Accept": TYPE,
            "Prefer": "return=minimal",
            "Idempotency-Key": f'"{parcel.key}"',
        }
        return failure(await self._web.post(url, parcel.body, headers), entries=True)
