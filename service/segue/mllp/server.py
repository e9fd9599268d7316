"""An MLLP listener: opens, drains and ends its connections (S-71, S-78, S-79)."""

from __future__ import annotations

import asyncio
import socket
from time import monotonic

from segue.delivery.intake import Intake
from segue.mllp.answers import Answers
from segue.mllp.connection import QUIET_S, Connection, Floor
from segue.settings import Drain, Listener


class MllpServer:
    """One listener. `await start()`, then `port`; `await drain()` answers what is in hand and ends."""

    def __init__(
        self,
        intake: Intake,
        listener: Listener,
        drain: Drain | None = None,
        *,
        quiet_s: float = QUIET_S,
        show_control_ids: bool = False,
    ) -> None:
        self.listener = listener
        self.limits = drain or Drain()
        answers = Answers(intake, listener, show_control_ids=show_control_ids)
        self._floor = Floor(listener, answers, answers.log, quiet_s)
        self._server: asyncio.Server | None = None

    async def start(self, sock: socket.socket | None = None) -> None:
        loop = asyncio.get_running_loop()
        if sock is not None:
            self._server = await loop.create_server(lambda: Connection(self._floor), sock=sock)
        else:
            host, port = self.listener.host, self.listener.port
            self._server = await loop.create_server(lambda: Connection(self._floor), host, port)

    @property
    def port(self) -> int:
        """The port in use, which is not the one of the settings where that is 0."""
        if self._server is None:
            raise RuntimeError("the listener is not started")
        return self._server.sockets[0].getsockname()[1]

    @property
    def connections(self) -> frozenset[Connection]:
        return frozenset(self._floor.connections)

    async def drain(self) -> None:
        """Stops listening, answers frames in hand, refuses later ones, closes silent connections (S-78)."""
        self._floor.draining = True
        if self._server is not None:
            self._server.close()
        deadline = monotonic() + self.limits.grace_s
        for connection in self.connections:
            connection.leave_when_silent(self.limits.silence_s)
        while self.connections and monotonic() < deadline:
            await asyncio.wait([c.closed for c in self.connections], timeout=max(0.0, deadline - monotonic()))
        self.abort()

    def abort(self) -> None:
        """Cuts every connection at once."""
        if self._server is not None:
            self._server.close()
        for connection in self.connections:
            connection.cut()
