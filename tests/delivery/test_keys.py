"""Keys of a Bundle, and turns: no overlap on a shared key, no overtaking, no wait for strangers (S-61a)."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segue.delivery.keys import Claim, Turns, claims


def test_S61a_keys_are_what_a_server_searches_by() -> None:
    put = {"request": {"method": "PUT", "url": "Patient?identifier=s|1"}, "resource": {"resourceType": "Patient"}}
    post = {
        "request": {"method": "POST", "url": "Device", "ifNoneExist": "identifier=s|1"},
        "resource": {"resourceType": "Device"},
    }
    plain = {"request": {"method": "POST", "url": "Observation"}, "resource": {"resourceType": "Observation"}}
    own = {"request": {"method": "PUT", "url": "Provenance/u1"}, "resource": {"resourceType": "Provenance", "id": "u1"}}
    message = {"resource": {"resourceType": "Location", "id": "u2"}}
    found = claims({"resourceType": "Bundle", "entry": [put, post, plain, own, message]})
    assert {key: (claim.creates, claim.registry) for key, claim in found.items()} == {
        "Patient?identifier=s|1": (False, False),
        "Device?identifier=s|1": (True, True),
        "Provenance/u1": (False, False),
        "Location/u2": (False, True),
    }
    assert claims({"resourceType": "Bundle"}) == {}
    assert not any(claim.registry for claim in claims({"type": "message", "entry": [message]}).values())


def put(text: str = "1", *, registry: bool = True) -> Claim:
    return Claim(text.encode(), False, registry)


CREATE = Claim(b"c", True, True)


@pytest.mark.parametrize(
    ("claim", "there", "changes"),
    [
        (put("1"), None, True),
        (put("1"), b"1", False),
        (put("1"), b"2", True),
        (put("1"), b"", True),
        (put("1", registry=False), b"1", True),
        (CREATE, None, True),
        (CREATE, b"", False),
        (CREATE, b"1", False),
    ],
)
def test_S61a_what_changes_a_resource(claim: Claim, there: bytes | None, changes: bool) -> None:
    assert claim.changes(there) is changes


def exclusive(*keys: str) -> dict[str, Claim]:
    return {key: put(registry=False) for key in keys}


async def spin(turns: int = 3) -> None:
    for _ in range(turns):
        await asyncio.sleep(0)


async def test_S61a_whoever_shares_a_key_waits_in_line_and_nobody_else_does() -> None:
    turns = Turns()
    trace: list[str] = []
    release = asyncio.Event()

    async def send(name: str, *keys: str) -> None:
        async with turns.turn(exclusive(*keys)):
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
        async with turns.turn(exclusive("A")):
            first.set()
            await release.wait()

    async def waits(event: asyncio.Event) -> None:
        async with turns.turn(exclusive("A")):
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


class Server:
    """Sends under the key X that are told one by one: what they write, and whether they arrive."""

    def __init__(self) -> None:
        self.turns = Turns()
        self.running: list[str] = []
        self.gates: dict[str, asyncio.Future[bool]] = {}
        self.tasks: list[asyncio.Task[None]] = []

    def send(self, name: str, claim: Claim, **more: Claim) -> None:
        self.gates[name] = asyncio.get_running_loop().create_future()
        self.tasks.append(asyncio.create_task(self._send(name, {"X": claim, **more})))

    async def _send(self, name: str, wanted: dict[str, Claim]) -> None:
        async with self.turns.turn(wanted) as turn:
            self.running.append(name)
            if await self.gates[name]:
                turn.arrived()
            self.running.remove(name)

    async def end(self, name: str, *, arrives: bool = True) -> list[str]:
        """Ends one send; gives those that run then."""
        self.gates[name].set_result(arrives)
        await spin(8)
        return sorted(self.running)

    async def close(self) -> None:
        await asyncio.gather(*self.tasks)
        assert len(self.turns) == 0


async def test_S61a_sends_that_change_nothing_run_side_by_side_after_the_one_they_count_on() -> None:
    server = Server()
    for name in "abc":
        server.send(name, put("1"))
    server.send("d", CREATE)
    server.send("W", put("2"))
    server.send("e", put("2"))
    server.send("V", put("1"))
    await spin()
    assert server.running == ["a"]
    assert await server.end("a") == ["b", "c", "d"]
    assert await server.end("b") == ["c", "d"]
    await server.end("c")
    assert await server.end("d") == ["W"]
    assert await server.end("W") == ["e"]
    assert await server.end("e") == ["V"]
    await server.end("V")
    server.send("f", put("1"))
    server.send("g", put("1"))
    await spin()
    assert server.running == ["f", "g"]
    await server.end("f")
    await server.end("g")
    await server.close()


async def test_S61a_when_the_send_they_count_on_fails_sharers_write_one_after_the_other() -> None:
    server = Server()
    for name in "abcd":
        server.send(name, put("1"))
    await spin()
    assert await server.end("a", arrives=False) == ["b"]
    assert await server.end("b", arrives=False) == ["c"]
    assert await server.end("c") == ["d"]
    await server.end("d")
    await server.close()


async def test_S61a_whether_an_unanswered_write_arrived_is_not_known() -> None:
    server = Server()
    server.send("a", put("1"))
    await spin()
    await server.end("a")
    server.send("W", put("2"))
    await spin()
    await server.end("W", arrives=False)
    server.send("b", put("1"))
    server.send("c", put("1"))
    await spin()
    assert server.running == ["b"]
    assert await server.end("b") == ["c"]
    await server.end("c")
    await server.close()


async def test_memory_of_what_is_held_is_bounded() -> None:
    turns = Turns(limit=3)
    for number in range(10):
        async with turns.turn({str(number): put()}) as turn:
            turn.arrived()
    assert list(turns._held) == ["7", "8", "9"]


plans = st.dictionaries(st.sampled_from("ABCDE"), st.sampled_from(["1", "2", "create", "own"]), max_size=3)


@settings(max_examples=150, deadline=None)
@given(st.lists(plans, max_size=14), st.data())
def test_S61a_no_mix_of_sends_writes_a_key_twice_at_once(sends: list[dict[str, str]], data: st.DataObject) -> None:
    """A model server: whoever would change what stands there must be alone on the key, in the order of arrival."""
    lengths = [data.draw(st.integers(0, 4)) for _ in sends]
    arrives = [data.draw(st.booleans()) for _ in sends]
    given_up = data.draw(st.sets(st.integers(0, max(len(sends) - 1, 0)), max_size=3))
    kinds = {"1": put("1"), "2": put("2"), "create": CREATE, "own": put("own", registry=False)}

    async def run() -> None:
        turns = Turns()
        store: dict[str, str] = {}
        flying: dict[str, set[int]] = {key: set() for key in "ABCDE"}
        writers: set[tuple[str, int]] = set()
        begun: list[int] = []

        async def send(number: int, plan: dict[str, str]) -> None:
            async with turns.turn({key: kinds[kind] for key, kind in plan.items()}) as turn:
                begun.append(number)
                for key, kind in plan.items():
                    changes = kind == "own" or (key not in store if kind == "create" else store.get(key) != kind)
                    if changes:
                        writers.add((key, number))
                    others = flying[key]
                    assert not changes or not any((key, other) in writers for other in others)
                    assert not any((key, other) in writers and not changes for other in others) or kind != "own"
                    flying[key].add(number)
                await spin(lengths[number])
                for key, kind in plan.items():
                    flying[key].discard(number)
                    writers.discard((key, number))
                    if arrives[number] and not (kind == "create" and key in store):
                        store[key] = kind
                if arrives[number]:
                    turn.arrived()

        tasks = [asyncio.create_task(send(number, plan)) for number, plan in enumerate(sends)]
        await spin(1)
        for number in given_up & set(range(len(tasks))):
            if number not in begun:
                tasks[number].cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for task in tasks:
            if not task.cancelled() and (error := task.exception()) is not None:
                raise error
        for key in "ABCDE":
            own = [number for number in begun if sends[number].get(key) == "own"]
            assert own == sorted(own)
        await spin()
        assert len(turns) == 0

    asyncio.run(run())
