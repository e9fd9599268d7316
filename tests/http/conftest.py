"""The application over one real converter, called in process."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any

import httpx
import pytest

from segue.convert import Converter
from segue.http.app import create_app
from segue.http.health import Health
from segue.settings import Settings

Client = Callable[..., httpx.AsyncClient]


@pytest.fixture(scope="session")
def converter() -> Converter:
    return Converter()


@pytest.fixture
async def client_for(converter: Converter) -> AsyncIterator[Client]:
    """Makes a client of an application with the settings given."""
    async with AsyncExitStack() as stack:
        made: list[httpx.AsyncClient] = []

        def build(with_converter: Any = None, health: Health | None = None, **settings: Any) -> httpx.AsyncClient:
            app = create_app(with_converter or converter, Settings.model_validate(settings), health)
            client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://segue")
            client.headers.clear()
            made.append(client)
            stack.push_async_callback(client.aclose)
            return client

        yield build


@pytest.fixture
def client(client_for: Client) -> httpx.AsyncClient:
    return client_for()


@pytest.fixture
def adt() -> Callable[..., bytes]:
    """A small message with an invented person."""

    def build(
        control_id: str = "M1", event: str = "ADT^A08", name: str = "Marlow^Ines", more: str = "", charset: str = ""
    ) -> bytes:
        head = f"MSH|^~\\&|LAB|NORTH|EHR|HOSP|20260301||{event}|{control_id}|P|2.5||||||{charset}"
        return f"{head}\rEVN|A08|20260301\rPID|1||77^^^NORTH^MR||{name}||19800102|F\rPV1|1|I\r{more}".encode()

    return build
