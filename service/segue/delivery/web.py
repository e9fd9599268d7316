"""What targets behind HTTP share: a bounded pool of connections, TLS that is renewed, proxies, credentials, time-outs.

Knows no FHIR; gives the answer, or the failure of a request that got none. The client is aiohttp, whose parser is compiled: sending
a Bundle costs a tenth of what it costs with httpx. It repeats nothing by itself: what was sent is told, and whoever knows decides.
"""

from __future__ import annotations

import asyncio
import io
import ssl
from collections.abc import Mapping
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp

from segue.delivery.credentials import credentials_for
from segue.delivery.reply import Reply, unanswered
from segue.delivery.target import INDETERMINATE, DeliveryError
from segue.issues import issue
from segue.settings.targets import Fhir, Webhook
from segue.tls import client_tls

LARGE = 1 << 20  # bytes of a body


class Web:
    """Requests to one target, at most `parallel` at once. Raises SecretError or TlsError when made."""

    def __init__(self, settings: Fhir | Webhook) -> None:
        self.settings = settings
        self._auth = credentials_for(settings.auth)
        self._tls = client_tls(settings.tls, settings.name)
        self._free = asyncio.Semaphore(settings.parallel)
        self._context: ssl.SSLContext | None = None
        self._client: aiohttp.ClientSession | None = None
        self._former: list[aiohttp.ClientSession] = []
        self._proxies: dict[str, str | None] = {}  # by address: a process does not change its environment

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Reply:
        """The whole answer; raises DeliveryError where none came in time."""
        async with self._free:
            client = self._current()
            try:
                async with asyncio.timeout(self.settings.connect_s + self.settings.timeout_s):
                    return await self._allowed(client, url, body, headers)
            except aiohttp.ClientError as error:
                raise unanswered(error) from error
            except TimeoutError:
                raise DeliveryError(
                    True, issue("delivery.transient"), reason=INDETERMINATE, detail="TimeoutError"
                ) from None

    async def close(self) -> None:
        """Ends every connection."""
        for client in (*self._former, *([self._client] if self._client is not None else [])):
            await client.close()

    def _current(self) -> aiohttp.ClientSession:
        """The client of the TLS context in force; requests under way keep the one they have."""
        context = self._tls.context
        if self._client is None or context is not self._context:
            if self._client is not None:
                self._former.append(self._client)
            self._context, self._client = context, self._made(context)
        return self._client

    def _made(self, context: ssl.SSLContext) -> aiohttp.ClientSession:
        s = self.settings
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=s.parallel, ssl=context),
            timeout=aiohttp.ClientTimeout(
                total=None, connect=s.connect_s, sock_connect=s.connect_s, sock_read=s.timeout_s
            ),
        )

    async def _allowed(self, client: aiohttp.ClientSession, url: str, body: bytes, headers: Mapping[str, str]) -> Reply:
        """The answer, after a second try with renewed credentials where the first were not taken."""

        async def send(to: str, content: bytes, more: Mapping[str, str]) -> Reply:
            if to not in self._proxies:
                self._proxies[to] = proxy_of(to)
            async with client.post(
                to, data=_sendable(content), headers=more, proxy=self._proxies[to], allow_redirects=False
            ) as answer:
                return Reply(answer.status, answer.headers, await answer.read())

        if self._auth is None:
            return await send(url, body, headers)
        own = await self._auth.headers(send)
        reply = await send(url, body, {**headers, **own})
        if reply.status not in (401, 403):
            return reply
        again = await self._auth.renewed(own, send)
        return reply if again is None else await send(url, body, {**headers, **again})


def _sendable(body: bytes) -> bytes | io.BytesIO:
    """A large body goes out in parts."""
    return body if len(body) < LARGE else io.BytesIO(body)


def proxy_of(url: str) -> str | None:
    """The proxy that the environment names for an address (HTTPS_PROXY, ALL_PROXY, NO_PROXY and their like)."""
    parts, known = urlsplit(url), getproxies()
    if not known or proxy_bypass(parts.netloc.rpartition("@")[2]):
        return None
    return known.get(parts.scheme) or known.get("all")
