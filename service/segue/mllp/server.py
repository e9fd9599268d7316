"""An MLLP listener: opens, drains and ends its connections (S-78, S-79)."""

from __future__ import annotations

import asyncio
import socket
from time import monotonic
from typing import cast

from segue.delivery.intake import Intake
from segue.mllp.acceptor import Acceptor
from segue.mllp.answers import Answers
from segue.mllp.connection import Connection
from segue.mllp.floor import QUIET_S, SILENT_S, Floor
from segue.settings import Drain, Listener
from segue.tls import server_tls


class MllpServer:
    """One listener. `await start()`, then `port`; `await drain()` answers what is in hand and ends.

    Raises TlsError when its certificate cannot be used.
    """

    def __init__(
        self,
        intake: Intake,
        listener: Listener,
        drain: Drain | None = None,
        *,
        quiet_s: float = QUIET_S,
        silent_s: float = SILENT_S,
        show_control_ids: bool = False,
    ) -> None:
        self.listener = listener
        self.limits = drain or Drain()
        answers = Answers(intake, listener, show_control_ids=show_control_ids)
        self._floor = Floor(listener, answers, answers.log, quiet_s, silent_s)
        self._tls = server_tls(listener.tls, listener.name) if listener.tls is not None else None
        self._acceptor: Acceptor | None = None

    async def start(self, sock: socket.socket | None = None) -> None:
        """Listens on a bound socket, else on the address of its settings."""
        if sock is None:
            family = socket.AF_INET6 if ":" in self.listener.host else socket.AF_INET
            sock = socket.create_server((self.listener.host, self.listener.port), family=family)
        self._acceptor = Acceptor(self._floor, sock, self._tls)
        self._acceptor.start()

    @property
    def port(self) -> int:
        """The port in use, which is not the one of the settings where that is 0."""
        if self._acceptor is None:
            raise RuntimeError("the listener is not started")
        return self._acceptor.sock.getsockname()[1]

    @property
    def connections(self) -> frozenset[Connection]:
        return frozenset(cast("set[Connection]", self._floor.connections))

    @property
    def held_bytes(self) -> int:
        """Bytes of unfinished and unanswered frames."""
        return self._floor.held_bytes

    async def drain(self) -> None:
        """Stops listening, answers frames in hand, refuses later ones, closes silent connections (S-78)."""
        self._floor.draining = True
        self._stop()
        deadline = monotonic() + self.limits.grace_s
        for connection in self.connections:
            connection.leave_when_silent(self.limits.silence_s)
        while self.connections and monotonic() < deadline:
            await asyncio.wait([c.closed for c in self.connections], timeout=max(0.0, deadline - monotonic()))
        self.abort()

    def abort(self) -> None:
        """Cuts every connection at once."""
        self._stop()
        for connection in self.connections:
            connection.cut()

    def _stop(self) -> None:
        if self._acceptor is not None:
            self._acceptor.stop()
