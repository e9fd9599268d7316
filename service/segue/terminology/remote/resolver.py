"""Asks the server what conversions lacked, outside of the conversion: merged, bounded in time, again later (T-33, T-35).

    convert ▸ unmapped ▸ questions ▸ in flight already? wait with the others : ask ▸ Translations ▸ convert again

What could not be asked is pending: it is asked again in the background, the first of them as the breaker's probe.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import suppress

from segue.terminology.remote.question import Answer, Kind, Question
from segue.terminology.remote.server import AwayError, Server
from segue.terminology.remote.translations import Translations
from segue.terminology.translation import Unmapped

WAIT_S = 2.5
RETRY_S = 5.0
MOST_PENDING = 10_000


class Resolver:
    """One server and what it has answered. For one event loop."""

    def __init__(self, server: Server, translations: Translations, *, wait_s: float = WAIT_S) -> None:
        self.translations = translations
        self._server, self._wait_s = server, wait_s
        self._flying: dict[Question, asyncio.Task[None]] = {}
        self._pending: dict[Question, None] = {}
        self._retrying: asyncio.Task[None] | None = None

    def question(self, one: Unmapped) -> Question | None:
        """What the server can be asked about an unmapped code; None for units and systems without a URI."""
        if one.table == "UCUM":
            return None
        return self.translations.question(one.system, one.code, None, one.sender)

    async def settle(self, questions: Iterable[Question]) -> bool:
        """Asks what is not yet known, no longer than `wait_s`; True when an answer came that translates.

        What is not answered by then goes on and serves the next message.
        """
        wanted = [one for one in dict.fromkeys(questions) if self.translations.is_open(one)]
        if self._server.breaker.is_open:
            self.translations.away = True
            self._pend(wanted)
            return False
        tasks = [self._asking(one) for one in wanted]
        if tasks:
            await asyncio.wait(tasks, timeout=self._wait_s)
        return any(self._translates(one) for one in wanted)

    def unanswered(self, questions: Iterable[Question]) -> list[Question]:
        """Those that the server has not answered for good: it could not be reached, or said nothing usable."""
        return [one for one in questions if not self._answered(one)]

    def start(self) -> None:
        """Begins to ask pending questions again, until `close`."""
        if self._retrying is None:
            self._retrying = asyncio.get_running_loop().create_task(self._retry())

    async def close(self) -> None:
        tasks = [*self._flying.values(), *([self._retrying] if self._retrying else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._server.close()

    def _answered(self, question: Question) -> bool:
        held = self.translations.held(question)
        return held is not None and held.answer.kind is not Kind.ERROR and not self.translations.is_open(question)

    def _translates(self, question: Question) -> bool:
        held = self.translations.held(question)
        return held is not None and held.answer.kind is Kind.POSITIVE and not self.translations.is_open(question)

    def _asking(self, question: Question) -> asyncio.Task[None]:
        """The one request for a question, whoever asks."""
        task = self._flying.get(question)
        if task is None:
            task = self._flying[question] = asyncio.get_running_loop().create_task(self._ask(question))
            task.add_done_callback(lambda _: self._flying.pop(question, None))
        return task

    async def _ask(self, question: Question) -> None:
        try:
            answer = await self._server.ask(question)
        except AwayError:
            self.translations.away = self._server.breaker.is_open
            self._pend([question])
            answer = Answer(Kind.ERROR)
        else:
            self.translations.away = False
            if answer.kind is Kind.ERROR:
                self._pend([question])
            else:
                self._pending.pop(question, None)
        await asyncio.to_thread(self.translations.put, question, answer)

    def _pend(self, questions: Iterable[Question]) -> None:
        for one in questions:
            if len(self._pending) < MOST_PENDING:
                self._pending[one] = None

    async def _retry(self) -> None:
        while True:
            await asyncio.sleep(RETRY_S)
            with suppress(OSError):  # a full disk costs an answer, not the round
                await self.retry()

    async def retry(self) -> None:
        """One round over the pending questions: a single one while the breaker is open, since it is the probe.

        Displays that conversions lacked are among them; no message waits for these (T-38).
        """
        self._pend(self.translations.unnamed())
        waiting = [one for one in self._pending if self.translations.is_open(one)]
        if waiting and self._server.breaker.is_open:
            await asyncio.wait([self._asking(waiting[0])])
            if self._server.breaker.is_open:
                return
        for one in waiting:
            if self._server.breaker.is_open:
                return
            await asyncio.wait([self._asking(one)])
