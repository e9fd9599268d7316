"""uvicorn as a part of our process: one worker, httptools, no log of requests, our signals (P-30)."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Generator
from socket import socket

import uvicorn
from starlette.types import ASGIApp


class HttpServer(uvicorn.Server):
    """Serves on sockets that are bound already; leaves signals to whoever runs it."""

    def __init__(self, app: ASGIApp, *, grace_s: float) -> None:
        config = uvicorn.Config(
            app,
            loop="asyncio",
            http="httptools",
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            date_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=max(1, round(grace_s)),
        )
        super().__init__(config)
        self.listening = asyncio.Event()

    async def startup(self, sockets: list[socket] | None = None) -> None:
        await super().startup(sockets)
        self.listening.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        yield

    async def run_on(self, sockets: list[socket]) -> None:
        await self.serve(sockets=sockets)
