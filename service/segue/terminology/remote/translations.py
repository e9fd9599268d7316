"""What terminology servers have answered, at hand for conversion: a Translator that never waits (T-31, T-34, T-37, T-38).

    conversion ──▶ memory ──▶ disk ──▶ nothing        asked again by `Resolver`, outside of the conversion

A look-up that hits memory costs a dict access. The name of a local coding system stands for a URI only where the settings
give it one for that sender: two senders' `L` are never one system.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from segue.terminology.remote.cache import Cache, Held
from segue.terminology.remote.question import LOOKUP, Answer, Kind, Question, is_uri
from segue.terminology.translation import Found

MOST = 65_536  # answers in memory; it starts anew when full
MOST_UNNAMED = 1_000  # displays noted; the rest is noted by later messages
LOOKED_S = 1.0  # how long "not on disk" is believed: another process may have asked meanwhile

REMOTE, STALE = "remote", "remote-stale"


class Local(NamedTuple):
    """A local coding system of a sender; sender "" is every sender."""

    sender: str
    name: str


class Translations:
    """Answers by question. Safe to share between threads."""

    def __init__(
        self,
        cache: Cache,
        systems: Mapping[Local, str],
        *,
        target: str = "",
        displays: bool = False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._cache, self._systems, self._target, self._clock = cache, dict(systems), target, clock
        self._displays = displays
        self._unnamed: dict[Question, None] = {}
        self._noting = threading.Lock()
        self._memory: dict[Question, Held] = {}
        self._absent: dict[Question, float] = {}
        self._away = False
        self.generation = 0  # see `Translator`

    @property
    def away(self) -> bool:
        """Told by who asks the server: while it is away, answers past their time serve."""
        return self._away

    @away.setter
    def away(self, away: bool) -> None:
        if away and not self._away:
            self.generation += 1
        self._away = away

    def question(self, system: str, code: str, target: str | None = None, sender: str = "") -> Question | None:
        """What a server could be asked; None where the system has no URI."""
        uri = self._systems.get(Local(sender, system)) or self._systems.get(Local("", system))
        if uri is None:
            if not is_uri(system):
                return None
            uri = system
        return Question(uri, code, target or self._target)

    def translate(self, system: str, code: str, *, target: str | None = None, sender: str = "") -> Found | None:
        """See `Translator`."""
        question = self.question(system, code, target, sender)
        if question is None:
            return None
        held = self.held(question)
        if held is None or held.answer.kind is not Kind.POSITIVE:
            return None
        stale = held.until <= self._clock()
        if stale and not self.away:
            return None
        return Found(held.answer.targets, held.answer.equivalence, STALE if stale else REMOTE)

    def display(self, system: str, code: str) -> str | None:
        """See `Translator`. One past its time serves on: a name that was right is not wrong now."""
        if not self._displays or not is_uri(system):
            return None
        question = Question(system, code, LOOKUP)
        held = self.held(question)
        if held is None or held.until <= self._clock():
            self.want((question,))
        return held.answer.targets[0].display if held is not None and held.answer.targets else None

    def want(self, questions: Iterable[Question]) -> None:
        """Notes displays that the server is to be asked for."""
        with self._noting:
            for one in questions:
                if len(self._unnamed) < MOST_UNNAMED:
                    self._unnamed[one] = None

    def unnamed(self) -> tuple[Question, ...]:
        """What was noted since the last call."""
        if not self._unnamed:
            return ()
        with self._noting:
            noted, self._unnamed = tuple(self._unnamed), {}
        return noted

    def held(self, question: Question) -> Held | None:
        """The answer at hand, also past its time."""
        found = self._memory.get(question)
        if found is not None and found.until > self._clock():
            return found
        if self._absent.get(question, 0.0) > time.monotonic():
            return found
        fresh = self._cache.get(question)
        if fresh is not None:
            self._remember(question, fresh)
            if fresh.until > self._clock():
                return fresh
        if len(self._absent) >= MOST:
            self._absent.clear()
        self._absent[question] = time.monotonic() + LOOKED_S
        return fresh or found

    def is_open(self, question: Question) -> bool:
        """Whether the server is still to be asked: no answer, or one past its time."""
        held = self.held(question)
        return held is None or held.until <= self._clock()

    def put(self, question: Question, answer: Answer) -> None:
        """Takes an answer of the server."""
        held = self._cache.put(question, answer)
        before = self._memory.get(question)
        if answer.kind is Kind.ERROR and before is not None and before.answer.kind is Kind.POSITIVE:
            return  # as in the cache: it may serve while the server is away
        self._absent.pop(question, None)
        self._remember(question, held)

    def _remember(self, question: Question, held: Held) -> None:
        if len(self._memory) >= MOST:
            self._memory.clear()
        self._memory[question] = held
        if held.answer.kind is Kind.POSITIVE:
            self.generation += 1
