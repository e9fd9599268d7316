"""Keys of a Bundle, and turns: no overlap on a shared key, no overtaking, no wait for strangers (S-61a)."""

from __future__ import annotations

import asyncio
from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from segue.delivery.keys import Turns, conditional_keys


def test_S61a_keys_are_what_a_server_searches_by() -> None:
    put = {"request": {"method": "PUT", "url": "Patient?identifier=s|1"}, "resource": {"resourceType": "Patient"}}
    post = {"request": {"method": "POST", "url": "Patient", "ifNoneExist": "identifier=s|1"}}
    plain = {"request": {"method": "POST", "url": "Observation"}, "resource": {"resourceType": "Observation"}}
    own = {"request": {"method": "PUT", "url": "Provenance/u1"}}
    message = {"resource": {"resourceType": "Location", "id": "u2"}}
    bundle = {"resourceType": "Bundle", "entry": [put, post, plain, own, message]}
    assert conditional_keys(bundle) == {"Patient?identifier=s|1", "Provenance/u1", "Location/u2"}
    assert conditional_keys({"resourceType": "Bundle"}) == frozenset()


async def spin(turns: int = 3) -> None:
    for _ in range(turns):
        await asyncio.sleep(0)


async def test_S61a_whoever_shares_a_key_waits_in_line_and_nobody_else_does() -> None:
    turns = Turns()
    trace: list[str] = []
    release = asyncio.Event()

    async def send(name: str, *keys: str) -> None:
        async with turns.turn(keys):
            trace.append(name)
            await release.wait()

    sends = [
        asyncio.create_task(send("1", "A", "X")),
        asyncio.create_task(send("2", "B")),
        asyncio.create_task(send("3", "B", "X")),
        asyncio.create_task(send("4", "C", "X")),
        asyncio.create_task(send("5", "D")),
        asyncio.create_task(send("6")),
    ]
    await spin()
    assert trace == ["1", "2", "5", "6"]
    release.set()
    await asyncio.gather(*sends)
    assert trace == ["1", "2", "5", "6", "3", "4"]
    assert len(turns) == 0


async def test_S61a_one_who_gives_up_holds_its_place_until_those_before_are_through() -> None:
    turns = Turns()
    first, release, third = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def holds() -> None:
        async with turns.turn("A"):
            first.set()
            await release.wait()

    async def waits(event: asyncio.Event) -> None:
        async with turns.turn("A"):
            event.set()

    one = asyncio.create_task(holds())
    await first.wait()
    two, three = asyncio.create_task(waits(asyncio.Event())), asyncio.create_task(waits(third))
    await spin()
    two.cancel()
    await asyncio.wait({two})
    await spin()
    assert not third.is_set()
    release.set()
    await asyncio.gather(one, three)
    assert third.is_set()
    assert len(turns) == 0


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sets(st.sampled_from("ABCDE"), max_size=3), max_size=14), st.data())
def test_S61a_any_mix_of_keys_runs_in_order_without_overlap(sends: list[set[str]], data: st.DataObject) -> None:
    lengths = [data.draw(st.integers(0, 4)) for _ in sends]
    given_up = data.draw(st.sets(st.integers(0, max(len(sends) - 1, 0)), max_size=3))

    async def run() -> None:
        turns = Turns()
        flying: Counter[str] = Counter()
        begun: list[int] = []

        async def send(number: int, keys: set[str]) -> None:
            async with turns.turn(keys):
                begun.append(number)
                flying.update(keys)
                assert all(flying[key] == 1 for key in keys)
                await spin(lengths[number])
                flying.subtract(keys)

        tasks = [asyncio.create_task(send(number, keys)) for number, keys in enumerate(sends)]
        await spin(1)
        for number in given_up & set(range(len(tasks))):
            if number not in begun:
                tasks[number].cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert all(task.cancelled() or task.exception() is None for task in tasks)
        for key in "ABCDE":
            order = [number for number in begun if key in sends[number]]
            assert order == sorted(order)
        await spin()
        assert len(turns) == 0

    asyncio.run(run())
