"""What targets behind HTTP share: a bounded pool of connections, TLS that is renewed, credentials, time-outs.

Knows no FHIR; gives the answer, or the failure of a request that got none.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import httpx

from segue.delivery.credentials import credentials_for
from segue.delivery.reply import unanswered
from segue.delivery.target import INDETERMINATE, DeliveryError
from segue.issues import issue
from segue.settings.targets import Fhir, Webhook
from segue.tls import client_tls


class Web:
    """Requests to one target, at most `parallel` at once. Raises SecretError or TlsError when made."""

    def __init__(self, settings: Fhir | Webhook, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self.settings = settings
        self._transport = transport
        self._auth = credentials_for(settings.auth)
        self._tls = client_tls(settings.tls, settings.name)
        self._free = asyncio.Semaphore(settings.parallel)
        self._context = self._tls.context
        self._client = self._made()
        self._former: list[httpx.AsyncClient] = []

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> httpx.Response:
        """The whole answer; raises DeliveryError where none came in time."""
        async with self._free:
            if self._tls.context is not self._context:  # requests under way keep the old one
                self._context = self._tls.context
                self._former.append(self._client)
                self._client = self._made()
            try:
                async with asyncio.timeout(self.settings.connect_s + self.settings.timeout_s):
                    return await self._client.post(url, content=body, headers=dict(headers))
            except httpx.HTTPError as error:
                raise unanswered(error) from error
            except TimeoutError:
                raise DeliveryError(
                    True, issue("delivery.transient"), reason=INDETERMINATE, detail="TimeoutError"
                ) from None

    async def close(self) -> None:
        for client in (*self._former, self._client):
            await client.aclose()

    def _made(self) -> httpx.AsyncClient:
        s = self.settings
        return httpx.AsyncClient(
            auth=self._auth,
            verify=self._context,
            timeout=httpx.Timeout(s.timeout_s, connect=s.connect_s),
            limits=httpx.Limits(max_connections=s.parallel, max_keepalive_connections=s.parallel),
            transport=self._transport,
        )
