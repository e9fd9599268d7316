"""Keys that several processes share: while one of them sends a Bundle that names a key, no other does (S-61a).

    process 1   Organization?…O   ■■■■■■■■■■■──────────── ■■■■      its own sends run side by side on a key,
    process 2   Organization?…O               ■■■■■■■■■■            and stop when another process wants it

`Turns` keep the order inside a process; this is between processes. A process takes all keys of a send or none, and
waits holding nothing, so that nobody waits in a circle. A key stays with its process while its sends overlap; when it
has had it for a while and another process wants it, no further send begins under it until it was given away.
Keys are those of patients and of registry resources: what else a Bundle holds belongs to its patient.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncGenerator, Collection, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from hashlib import blake2b
from time import monotonic
from typing import Protocol

from segue.delivery.keys import Claim
from segue.delivery.target import HELD, DeliveryError
from segue.issues import issue

SLICE_S = 0.1  # that a process may keep a key which others want
PAUSE_S = (0.004, 0.02)  # between two tries, by chance
PATIENCE_S = 30.0  # then the send is put off


class Locks(Protocol):
    """Locks of a process over numbers, which end with it. Raises OSError where they are out of reach."""

    @property
    def epoch(self) -> int:
        """Another number once all locks were lost."""
        ...

    @property
    def sure(self) -> bool:
        """Whether what was taken is held still, without asking."""
        ...

    async def confirm(self) -> None:
        """Asks whether it is: afterwards it is sure, or another epoch."""
        ...

    async def take(self, keys: Collection[int]) -> list[int]:
        """All of them or none; those that another process has."""
        ...

    def give(self, keys: Collection[int]) -> None: ...

    def wish(self, keys: Collection[int]) -> None:
        """Lets who has them know that they are wanted."""
        ...

    def unwish(self, keys: Collection[int]) -> None: ...

    async def wanted(self, keys: Collection[int]) -> set[int]:
        """Those of our keys that others wait for."""
        ...

    async def close(self) -> None: ...


@dataclass(slots=True)
class _Held:
    """A key of this process."""

    epoch: int
    since: float
    sends: int = 0
    closing: bool = False


def shared(claims: Mapping[str, Claim]) -> list[str]:
    """The keys of a Bundle under which sends of different processes may meet."""
    found = [key for key, claim in claims.items() if claim.registry or key.startswith(("Patient?", "Patient/"))]
    return found or list(claims)


class Exclusion:
    """The keys of one target."""

    def __init__(self, locks: Locks, target: str, *, slice_s: float = SLICE_S, patience_s: float = PATIENCE_S) -> None:
        self._locks = locks
        self._target = target
        self._slice_s = slice_s
        self._patience_s = patience_s
        self._held: dict[int, _Held] = {}
        self._resting: dict[int, float] = {}  # given away, and until when this process leaves them alone
        self._wishes = Counter[int]()
        self._taking = asyncio.Lock()
        self._looked_at = monotonic()

    def __len__(self) -> int:
        """Keys of this process."""
        return len(self._held)

    @asynccontextmanager
    async def alone(self, keys: Iterable[str]) -> AsyncGenerator[None]:
        """No other process sends under these keys meanwhile; raises DeliveryError where that cannot be had."""
        numbers = sorted({self._number(key) for key in keys})
        await self._entered(numbers)
        try:
            yield
        finally:
            self._leave(numbers)

    def _number(self, key: str) -> int:
        text = f"{self._target}\x1f{key}".encode("utf-8", "surrogatepass")
        return int.from_bytes(blake2b(text, digest_size=8).digest(), "big", signed=True)

    async def _entered(self, numbers: list[int]) -> None:
        """Waits until every key is this process's."""
        wished: set[int] = set()
        until = monotonic() + self._patience_s
        try:
            while not await self._enter(numbers, wished):
                if monotonic() >= until:
                    raise _put_off("another-process")
                await asyncio.sleep(random.uniform(*PAUSE_S))
        except OSError as error:
            raise _put_off(type(error).__name__) from error
        finally:
            self._unwish(wished)

    async def _enter(self, numbers: list[int], wished: set[int]) -> bool:
        if not self._locks.sure:
            await self._locks.confirm()
        await self._look()
        if all(self._has(number) for number in numbers):
            if not self._open(numbers):
                return False
            self._count(numbers)
            return True
        async with self._taking:
            if not self._open(numbers):
                return False
            had = [number for number in numbers if self._has(number)]
            missing = [number for number in numbers if number not in had]
            self._count(had)  # so that none of them is given away meanwhile
            try:
                taken = await self._locks.take(missing) if missing else []
            except BaseException:
                self._leave(had)
                raise
            if taken:
                self._leave(had)
                self._wish(taken, wished)
                return False
            now = monotonic()
            for number in missing:
                before = self._held.get(number)  # of an epoch that is over
                self._held[number] = _Held(self._locks.epoch, now, before.sends if before is not None else 0)
            self._count(missing)
            return True

    def _count(self, numbers: list[int]) -> None:
        for number in numbers:
            self._held[number].sends += 1

    def _open(self, numbers: list[int]) -> bool:
        """Whether none of the keys is being given away."""
        now = monotonic()
        for number in numbers:
            if number in self._held and self._held[number].closing:
                return False
            if number in self._resting:
                if now < self._resting[number]:
                    return False
                del self._resting[number]
        return True

    def _has(self, number: int) -> bool:
        held = self._held.get(number)
        return held is not None and held.epoch == self._locks.epoch

    def _leave(self, numbers: list[int]) -> None:
        gone: list[int] = []
        for number in numbers:
            held = self._held[number]
            held.sends -= 1
            if not held.sends:
                del self._held[number]
                if held.closing:
                    self._resting[number] = monotonic() + 2 * PAUSE_S[1]  # who waits looks at least once meanwhile
                if held.epoch == self._locks.epoch:
                    gone.append(number)
        if gone:
            self._locks.give(gone)

    def _wish(self, taken: Collection[int], wished: set[int]) -> None:
        new = [number for number in taken if number not in wished]
        wished.update(new)
        for number in new:
            self._wishes[number] += 1
        if first := [number for number in new if self._wishes[number] == 1]:
            self._locks.wish(first)

    def _unwish(self, wished: Collection[int]) -> None:
        for number in wished:
            self._wishes[number] -= 1
        if last := [number for number in wished if not self._wishes[number]]:
            for number in last:
                del self._wishes[number]
            self._locks.unwish(last)

    async def _look(self) -> None:
        """Now and then: which keys have been here for long, and does anybody want them?"""
        now = monotonic()
        if now - self._looked_at < self._slice_s:
            return
        self._looked_at = now
        long = [number for number, held in self._held.items() if now - held.since > self._slice_s and not held.closing]
        if long:
            for number in await self._locks.wanted(long):
                if number in self._held:
                    self._held[number].closing = True


def _put_off(detail: str) -> DeliveryError:
    return DeliveryError(True, issue("delivery.transient"), reason=HELD, detail=detail)
