"""A terminology server over HTTP: one question, one answer, within a bounded time (T-32, T-33, T-36).

A pool of connections, a time limit, a second try after a pause of chance, a breaker. Only code and system leave. What the
server says in words stays out of logs. Redirects are not followed: they would carry codes to another host.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Literal, cast

import httpx
from tenacity import AsyncRetrying, retry_if_exception, stop_after_attempt, wait_random

from segue import log
from segue.terminology.remote.breaker import Breaker
from segue.terminology.remote.dialect import Dialect, NonsenseError, answer, dialect_of, display, looked_up, parameters
from segue.terminology.remote.question import LOOKUP, Answer, Kind, Question
from segue.terminology.translation import APPLIED

POOL = 8
LARGEST_BYTES = 256 << 10
LARGEST_STATEMENT_BYTES = 8 << 20
PAUSE_S = 0.25  # longest pause before another try
JSON = "application/fhir+json"
BUSY = frozenset((408, 425, 429))
UNKNOWN = frozenset((400, 404, 422))  # what servers say of a code or a system they do not have

Sleep = Callable[[float], Awaitable[None]]


class AwayError(Exception):
    """The server could not be asked; `reason` is a bounded word for logs."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Server:
    """The base URL of a FHIR server that knows ConceptMap/$translate and CodeSystem/$lookup. For one event loop."""

    def __init__(
        self,
        url: str,
        *,
        targets: Sequence[str],
        map_url: str | None = None,
        dialect: Dialect | Literal["auto"] = "auto",
        applied: frozenset[str] = APPLIED,
        token: str | None = None,
        timeout_s: float = 2.0,
        tries: int = 2,
        breaker: Breaker | None = None,
        client: httpx.AsyncClient | None = None,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self.url = url.rstrip("/")
        self.breaker = breaker or Breaker()
        self._targets, self._map, self._applied, self._tries, self._sleep = targets, map_url, applied, tries, sleep
        self._dialect: Dialect | None = None if dialect == "auto" else dialect
        self._timeout_s = timeout_s
        self._said_away = False
        headers = {"Accept": JSON, "Accept-Encoding": "identity"} | (
            {"Authorization": f"Bearer {token}"} if token else {}
        )
        self._client = client or httpx.AsyncClient(
            timeout=timeout_s, limits=httpx.Limits(max_connections=POOL, max_keepalive_connections=POOL)
        )
        self._client.headers.update(headers)

    async def ask(self, question: Question) -> Answer:
        """The answer; of kind ERROR for one that cannot be used. Raises AwayError when the server cannot be asked."""
        if not self.breaker.admits():
            raise AwayError("breaker-open")
        tries = AsyncRetrying(
            stop=stop_after_attempt(self._tries),
            wait=wait_random(0, PAUSE_S),
            retry=retry_if_exception(lambda fault: isinstance(fault, AwayError) and not self.breaker.is_open),
            sleep=self._sleep,
            reraise=True,
        )
        try:
            made = cast("Answer", await tries(self._counted, question))
        except AwayError as fault:
            self._told(fault.reason)
            raise
        except NonsenseError as fault:
            self._told(fault.reason)
            return Answer(Kind.ERROR)
        if self._said_away:
            self._said_away = False
            log.get().info("terminology.back")
        return made

    async def close(self) -> None:
        await self._client.aclose()

    def _told(self, reason: str) -> None:
        if self.breaker.is_open and not self._said_away:
            self._said_away = True
            log.get().warning("terminology.away", reason=reason)

    async def _counted(self, question: Question) -> Answer:
        """One try; the breaker learns of each, since tries that time out are far apart."""
        try:
            made = await self._once(question)
        except BaseException:  # a cancelled probe must not stay out for ever
            self.breaker.failed()
            raise
        self.breaker.succeeded()
        return made

    async def _once(self, question: Question) -> Answer:
        if question.target == LOOKUP:
            status, said = await self._send("POST", "/CodeSystem/$lookup", looked_up(question), LARGEST_BYTES)
            if status in UNKNOWN:
                return Answer(Kind.NEGATIVE)
            return display(said, question) if status == 200 else Answer(Kind.ERROR)
        dialect = self._dialect or await self._asked_dialect()
        body = parameters(question, dialect, self._map)
        status, said = await self._send("POST", "/ConceptMap/$translate", body, LARGEST_BYTES)
        if status != 200:
            return Answer(Kind.ERROR)
        return answer(said, question, self._targets, self._applied)

    async def _asked_dialect(self) -> Dialect:
        status, said = await self._send("GET", "/metadata", None, LARGEST_STATEMENT_BYTES)
        if status != 200:
            raise NonsenseError("no-metadata")
        self._dialect = dialect_of(said)
        return self._dialect

    async def _send(self, method: str, path: str, body: bytes | None, limit_bytes: int) -> tuple[int, bytes]:
        """Status and body of a reply; the whole exchange within the time limit, however slowly it trickles."""
        headers = {"Content-Type": JSON} if body is not None else {}
        try:
            async with asyncio.timeout(self._timeout_s):
                async with self._client.stream(
                    method, self.url + path, content=body, headers=headers, follow_redirects=False
                ) as reply:
                    if reply.status_code >= 500 or reply.status_code in BUSY:
                        raise AwayError(f"status-{reply.status_code}")
                    if reply.status_code != 200:
                        return reply.status_code, b""
                    if "json" not in reply.headers.get("content-type", "").lower():
                        raise NonsenseError("content-type")
                    out = bytearray()
                    async for chunk in reply.aiter_bytes():
                        out += chunk
                        if len(out) > limit_bytes:
                            raise NonsenseError("too-large")
                    return reply.status_code, bytes(out)
        except TimeoutError:
            raise AwayError("timeout") from None
        except httpx.DecodingError:
            raise NonsenseError("encoding") from None
        except httpx.HTTPError as error:
            raise AwayError(type(error).__name__) from None
