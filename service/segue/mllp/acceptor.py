"""The front of an MLLP listener: who is let in, in which order of cheapness (S-71, S-83 to S-85).

    accept ▸ address allowed? ▸ under the cap of its source? ▸ a seat free? ▸ TLS ▸ certificate named? ▸ Connection
              no: closed          no: closed       no: it waits, and all others in the backlog

One connection is taken at a time, so a full listener leaves new ones to the kernel. The TLS context is asked for at
each connection: a renewed certificate counts for the next one. Refusals are logged with a reason; no handshake of one
sender keeps another waiting.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from contextlib import suppress

from segue import log
from segue.mllp.connection import Connection
from segue.mllp.floor import Floor
from segue.tls import Tls

BACKLOG = 128
PAUSE_S = 1.0  # after an accept that failed for lack of files or memory

_MEANINGS = {
    "wrong-version-number": "the sender does not speak TLS",
    "http-request": "the sender speaks HTTP",
    "peer-did-not-return-a-certificate": "the sender shows no certificate",
    "unsupported-protocol": "the sender speaks TLS older than 1.2",
}


class Acceptor:
    """Takes the connections of a bound socket from `start` to `stop`."""

    def __init__(self, floor: Floor, sock: socket.socket, tls: Tls | None) -> None:
        self._floor = floor
        self.sock = sock
        self._tls = tls
        self._accepting: asyncio.Task[None] | None = None
        self._serving: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        self.sock.setblocking(False)
        self.sock.listen(BACKLOG)
        self._accepting = asyncio.get_running_loop().create_task(self._accept())

    def stop(self) -> None:
        """Takes no more; connections that stand go on, handshakes under way are given up."""
        if self._accepting is not None:
            self._accepting.cancel()
        self.sock.close()
        for task in self._serving:
            task.cancel()

    async def _accept(self) -> None:
        loop, floor = asyncio.get_running_loop(), self._floor
        while True:
            try:
                taken, address = await loop.sock_accept(self.sock)
            except OSError as error:
                floor.log.error("mllp.accept-failed", errno=error.errno)
                await asyncio.sleep(PAUSE_S)
                continue
            try:
                await self._admit(taken, str(address[0]))
            except BaseException as error:
                taken.close()
                if not isinstance(error, Exception):
                    raise
                floor.log.error("mllp.bug", **log.fault(error))  # one sender's, and no reason to be deaf to the rest

    async def _admit(self, taken: socket.socket, source: str) -> None:
        reason = self._floor.unwelcome(source)
        if reason is not None:
            self._floor.log.warning("mllp.refused", source=source, reason=reason)
            taken.close()
            return
        await self._floor.seat(source)
        task = asyncio.get_running_loop().create_task(self._serve(taken, source))
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)

    async def _serve(self, taken: socket.socket, source: str) -> None:
        """From the accepted socket to a connection; its seat is given back when that ends."""
        loop, floor = asyncio.get_running_loop(), self._floor
        connection: Connection | None = None
        try:
            if self._tls is None:
                _, connection = await loop.connect_accepted_socket(lambda: Connection(floor), taken)
            else:
                _, connection = await loop.connect_accepted_socket(
                    lambda: Connection(floor),
                    taken,
                    ssl=self._tls.context,
                    ssl_handshake_timeout=floor.listener.handshake_s,
                    ssl_shutdown_timeout=1.0,
                )
        except OSError as error:
            reason = _reason(error)
            meaning = {"meaning": _MEANINGS[reason]} if reason in _MEANINGS else {}
            floor.log.warning("mllp.refused", source=source, reason=reason, **meaning)
        except Exception as error:
            floor.log.error("mllp.bug", **log.fault(error))
        finally:
            if connection is None:
                floor.leave(source)
                with suppress(OSError):
                    taken.close()
            else:
                connection.closed.add_done_callback(lambda _: floor.leave(source))


def _reason(error: OSError) -> str:
    """A handshake's failure in one bounded word."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"certificate: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return (error.reason or "tls").lower().replace("_", "-")
    if isinstance(error, ConnectionAbortedError):
        return "handshake-time-out"
    return "connection-lost"
