"""An MLLP listener elsewhere that takes each message as it was received (S-30).

One message is in flight on a connection; a message whose acknowledgement is late, foreign or missing is of unknown
outcome, its connection is closed, and the same bytes go again. Connections stay open between messages. What an answer
means is the receiver's code and the table 0357 codes of its ERR (S-24).
"""

from __future__ import annotations

import asyncio
from urllib.parse import urlsplit

from segue.delivery.target import BUSY, FAULT, INDETERMINATE, REFUSED, UNREACHABLE, DeliveryError, Parcel
from segue.issues import issue
from segue.mllp.client import Client, Reply, ReplyError
from segue.settings.targets import Mllp as Settings
from segue.tls import client_tls

PORT = 2575
# Codes of table 0357 that say "not now": record locked, internal error. All others tell of the message.
PASSING = frozenset(("206", "207"))


class MllpPeer:
    """The listener. Raises TlsError when made. Without `answered` a message counts as taken when it is written."""

    def __init__(self, settings: Settings, *, answered: bool = True) -> None:
        self._answered = answered
        parts = urlsplit(settings.url)
        self._host, self._port = parts.hostname or "", parts.port or PORT
        self._tls = client_tls(settings.tls, settings.name) if parts.scheme == "mllps" else None
        self._settings = settings
        self._idle: asyncio.LifoQueue[Client] = asyncio.LifoQueue()
        self._clients = [self._made() for _ in range(settings.connections)]
        for client in self._clients:
            self._idle.put_nowait(client)

    async def deliver(self, parcel: Parcel) -> None:
        if not parcel.raw:
            raise ValueError("a parcel for MLLP needs its message")
        client = await self._idle.get()
        try:
            failed = await self._sent(client, parcel.raw)
        except BaseException:
            await client.close()  # what the other end thinks is not known
            raise
        finally:
            self._idle.put_nowait(client)
        if failed is not None:
            raise failed

    async def close(self) -> None:
        for client in self._clients:
            await client.close()

    async def _sent(self, client: Client, raw: bytes) -> DeliveryError | None:
        if not client.usable:
            await client.close()
            if self._tls is not None:
                client.context = self._tls.context
            try:
                await client.open()
            except (OSError, TimeoutError) as error:
                raise _failed(UNREACHABLE, type(error).__name__) from error
        try:
            if not self._answered:
                await client.tell(raw)
                return None
            return _refused(await client.send(raw))
        except ReplyError as error:
            raise _failed(INDETERMINATE, "no-acknowledgement") from error

    def _made(self) -> Client:
        s = self._settings
        return Client(self._host, self._port, s.timeout_s, connect_s=s.connect_s)


def _refused(reply: Reply) -> DeliveryError | None:
    """None where the message was taken; an answer about the message is final, one about the moment is not."""
    if reply.accepted:
        return None
    about_message = bool(set(reply.errors) - PASSING)
    if reply.code in ("AE", "CR") and not (reply.errors and not about_message):
        return _final(reply.code)
    if reply.code in ("AR", "CE") and about_message:
        return _final(reply.code)
    if reply.code in ("AE", "AR", "CE", "CR"):
        return _failed(BUSY if reply.code == "CE" else FAULT, reply.code)
    return _failed(FAULT, "acknowledgement-unknown")


def _final(code: str) -> DeliveryError:
    return DeliveryError(False, issue("delivery.refused"), reason=REFUSED, detail=code)


def _failed(reason: str, detail: str) -> DeliveryError:
    return DeliveryError(True, issue("delivery.transient"), reason=reason, detail=detail)
