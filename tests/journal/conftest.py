"""A journal on each database, and messages for it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from segue.convert import Converter
from segue.delivery.route import Route, Routes
from segue.delivery.target import DeliveryError, Parcel
from segue.issues import issue
from segue.journal import metadata
from segue.journal.arrivals import Entered
from segue.journal.journal import Journal
from segue.journal.transitions import Claim, Step
from segue.settings.targets import Folder

Open = Callable[..., Awaitable[Journal]]


def adt(
    control_id: str = "M1",
    mrn: str = "77",
    *,
    name: str = "Marlow^Ines",
    event: str = "A08",
    more: str = "",
    sequence: str = "",
) -> bytes:
    head = f"MSH|^~\\&|LAB|NORTH|EHR|HOSP|20260301||ADT^{event}|{control_id}|P|2.5|{sequence}"
    numbers = "~".join(f"{one}^^^NORTH^MR" for one in mrn.split())
    return f"{head}\rPID|1||{numbers}||{name}||19800102|F\r{more}".encode()


@pytest.fixture(scope="session")
def converter() -> Converter:
    return Converter()


@pytest.fixture(params=["sqlite", "postgresql"])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty journal, on each database (S-93)."""
    if request.param == "sqlite":
        return str(tmp_path / "journal.db")
    return request.getfixturevalue("cluster").database()


@pytest.fixture
async def opened() -> AsyncIterator[Open]:
    """Opens journals and closes them in the end."""
    async with AsyncExitStack() as stack:

        async def build(where: str, **settings: Any) -> Journal:
            journal = await Journal.open(where, **settings)
            stack.push_async_callback(journal.close)
            return journal

        yield build


@pytest.fixture
async def journal(where: str, opened: Open) -> Journal:
    return await opened(where)


async def ready(journal: Journal, limit: int) -> list[Claim]:
    """Claims of messages whose turn it is; what is only to be converted is taken as that, and given back."""
    claims = await journal.take(limit)
    for claim in claims:
        if not claim.first:
            assert await journal.move(Step(claim.id, claim.fence, "converted"))
    return [claim for claim in claims if claim.first] or (await ready(journal, limit) if claims else [])


async def receive(journal: Journal, raw: bytes, **settings: Any) -> Entered:
    return await journal.receive(raw, metadata.read(raw), **{"listener": "adt", **settings})


class Sink:
    """A target that keeps, fails or waits as it is told."""

    def __init__(self) -> None:
        self.parcels: list[Parcel] = []
        self.failures: list[DeliveryError] = []
        self.always: DeliveryError | None = None
        self.gate: asyncio.Event | None = None

    @property
    def ids(self) -> list[str]:
        return [parcel.control_id for parcel in self.parcels]

    async def deliver(self, parcel: Parcel) -> None:
        if self.gate is not None:
            await self.gate.wait()
        if self.failures:
            raise self.failures.pop(0)
        if self.always is not None:
            raise self.always
        self.parcels.append(parcel)

    async def close(self) -> None: ...


def failure(reason: str = "busy", *, transient: bool = True, retry_after_s: float | None = None) -> DeliveryError:
    code = "delivery.transient" if transient else "delivery.refused"
    return DeliveryError(transient, issue(code), reason=reason, retry_after_s=retry_after_s)


def route(name: str, sink: Sink, told: Any = lambda *_: None, **settings: Any) -> Route:
    """A target by this name; its breaker opens late unless the settings say more."""
    node = {"kind": "folder", "path": "x", "name": name, "breaker": {"failures": 1000}, **settings}
    return Route(Folder.model_validate(node), sink, told)


def routes(*given: Sink | Route) -> Routes | None:
    """These targets, none without one."""
    found = [one if isinstance(one, Route) else route("sink", one) for one in given]
    return Routes(found) if found else None
