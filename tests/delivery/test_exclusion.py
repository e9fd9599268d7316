"""Sends of several processes that share a key take turns (S-61a)."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field

import pytest

from segue.delivery.exclusion import Exclusion, shared
from segue.delivery.keys import Claim
from segue.delivery.target import DeliveryError


@dataclass
class World:
    """What all processes see."""

    owners: dict[int, Locks] = field(default_factory=dict)
    wishes: Counter[int] = field(default_factory=Counter)


@dataclass(eq=False)
class Locks:
    """Locks of one process, kept in memory; answers as late as a server does."""

    world: World
    epoch: int = 0
    sure: bool = True
    away: bool = False

    async def confirm(self) -> None:
        self.sure = True

    async def take(self, keys: Collection[int]) -> list[int]:
        await asyncio.sleep(0)
        if self.away:
            raise OSError("away")
        taken = [key for key in keys if self.world.owners.get(key, self) is not self]
        if not taken:
            self.world.owners |= dict.fromkeys(keys, self)
        return taken

    def give(self, keys: Collection[int]) -> None:
        for key in keys:
            assert self.world.owners.pop(key) is self

    def wish(self, keys: Collection[int]) -> None:
        self.world.wishes.update(keys)

    def unwish(self, keys: Collection[int]) -> None:
        self.world.wishes.subtract(keys)

    async def wanted(self, keys: Collection[int]) -> set[int]:
        await asyncio.sleep(0)
        return {key for key in keys if self.world.wishes[key]}

    async def close(self) -> None: ...


def test_S61a_keys_that_processes_share() -> None:
    registry, own = Claim(b"", True, True), Claim(b"", False, False)
    claims = {"Patient?a": own, "Encounter?b": own, "Device?c": registry, "Patient/d": own}
    assert shared(claims) == ["Patient?a", "Device?c", "Patient/d"]
    assert shared({"Encounter?b": own}) == ["Encounter?b"]


async def test_S61a_never_at_the_same_time() -> None:
    world = World()
    processes = [Exclusion(Locks(world), "t", slice_s=0.005) for _ in range(3)]
    busy = [Counter[str]() for _ in processes]
    turns: list[int] = []

    async def sends(who: int, chain: int) -> None:
        for n in range(6):
            keys = [f"Patient?{who}-{chain}-{n}", f"Practitioner?{n % 2}", "Organization?o"]
            async with processes[who].alone(keys):
                busy[who].update(keys)
                assert not any(other[key] for other in busy if other is not busy[who] for key in keys)
                turns.append(who)
                await asyncio.sleep(0.002)
                busy[who].subtract(keys)

    async with asyncio.timeout(20):
        await asyncio.gather(*(sends(who, chain) for who in range(3) for chain in range(4)))
    assert sorted(turns) == sorted([0, 1, 2] * 24)
    assert not world.owners
    assert not +world.wishes
    assert [len(one) for one in processes] == [0, 0, 0]


async def test_S61a_who_waits_has_its_turn_while_another_never_stops() -> None:
    world = World()
    busy, other = (Exclusion(Locks(world), "t", slice_s=0.005) for _ in range(2))
    served = asyncio.Event()
    running = 0

    async def chain() -> None:
        """Never lets go by itself: the next send begins before the last has ended."""
        nonlocal running
        while not served.is_set():
            async with busy.alone(["Organization?o"]):
                running += 1
                until = running + 2
                while running < until and not served.is_set():
                    await asyncio.sleep(0.001)
                    if busy._held and next(iter(busy._held.values())).closing:  # pyright: ignore[reportPrivateUsage]
                        break

    chains = [asyncio.create_task(chain()) for _ in range(4)]
    async with asyncio.timeout(20):
        while running < 8:
            await asyncio.sleep(0.001)
        async with other.alone(["Organization?o"]):
            served.set()
        await asyncio.gather(*chains)


async def test_S61a_sends_of_one_process_run_side_by_side() -> None:
    one = Exclusion(Locks(World()), "t")
    async with one.alone(["Organization?o"]), one.alone(["Organization?o", "Patient?p"]):
        assert len(one) == 2
    assert len(one) == 0


async def test_S61a_what_takes_too_long_is_put_off_and_loses_nothing() -> None:
    world = World()
    one, two = Exclusion(Locks(world), "t"), Exclusion(Locks(world), "t", patience_s=0.05)
    async with one.alone(["Organization?o"]):
        with pytest.raises(DeliveryError) as caught:
            async with two.alone(["Organization?o", "Patient?p"]):
                pass
        assert (caught.value.transient, caught.value.reason) == (True, "key-held")
        async with two.alone(["Patient?p"]), Exclusion(Locks(world), "other").alone(["Organization?o"]):
            pass  # another key, another target
    assert not +world.wishes


async def test_S61a_locks_out_of_reach_put_off() -> None:
    with pytest.raises(DeliveryError) as caught:
        async with Exclusion(Locks(World(), away=True), "t").alone(["Patient?p"]):
            pass
    assert caught.value.reason == "key-held"


async def test_S61a_locks_that_were_lost_are_taken_again() -> None:
    world = World()
    locks = Locks(world)
    one = Exclusion(locks, "t")
    async with one.alone(["Organization?o"]):
        world.owners.clear()
        locks.epoch, locks.sure = 1, False
        async with one.alone(["Organization?o"]):
            assert len(world.owners) == 1
        assert len(world.owners) == 1  # the first is not through
    assert not world.owners
