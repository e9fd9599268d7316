"""Several targets: filters, required and optional ones, and what their failures come to (S-63, S-64)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from segue.delivery.route import ASIDE, Route, Routes, takes
from segue.delivery.target import DeliveryError, Parcel
from segue.issues import issue
from segue.settings.targets import Filter, Folder

from .conftest import parcel


class Sink:
    """A target that keeps, or fails as it is told."""

    def __init__(self, *failures: DeliveryError) -> None:
        self.failures = list(failures)
        self.got: list[Parcel] = []
        self.closed = False
        self.gate: asyncio.Event | None = None

    async def deliver(self, parcel: Parcel) -> None:
        if self.gate is not None:
            await self.gate.wait()
        if self.failures:
            raise self.failures.pop(0)
        self.got.append(parcel)

    async def close(self) -> None:
        self.closed = True


def route(sink: Sink, name: str = "t", told: Any = lambda *_: None, **more: Any) -> Route:
    node = Folder.model_validate({"name": name, "kind": "folder", "path": "x", **more})
    return Route(node, sink, told)


def fails(reason: str = "busy", transient: bool = True, wait_s: float | None = None) -> DeliveryError:
    code = "delivery.transient" if transient else "delivery.refused"
    return DeliveryError(transient, issue(code), reason=reason, retry_after_s=wait_s)


@pytest.mark.parametrize(
    ("chosen", "fits"),
    [
        ({}, True),
        ({"messages": ["ADT"]}, True),
        ({"messages": ["ORU", "ADT^A01"]}, True),
        ({"messages": ["ADT^A08", "ORU"]}, False),
        ({"senders": ["LAB|NORTH"]}, True),
        ({"senders": ["*|NORTH"]}, True),
        ({"senders": ["LAB|*"]}, True),
        ({"senders": ["LAB|SOUTH"]}, False),
        ({"sites": ["north"]}, True),
        ({"sites": ["south"]}, False),
        ({"messages": ["ADT"], "senders": ["*|SOUTH"]}, False),
        ({"messages": ["ADT"], "senders": ["*|NORTH"], "sites": ["north"]}, True),
    ],
)
def test_S64_a_message_has_to_fit_every_list(chosen: dict[str, list[str]], fits: bool) -> None:
    sent = parcel(event="ADT^A01", sender=("LAB", "NORTH"), site="north")
    assert takes(Filter.model_validate(chosen), sent) is fits


def test_a_filter_never_guesses() -> None:
    with pytest.raises(ValueError, match="event"):
        takes(Filter(messages=("ADT",)), parcel())


async def test_S64_a_message_goes_to_all_targets_that_take_it() -> None:
    all_of_them, results, admissions = Sink(), Sink(), Sink()
    routes = Routes(
        [
            route(all_of_them, "all"),
            route(results, "oru", filter={"messages": ["ORU"]}),
            route(admissions, "adt", filter={"messages": ["ADT"]}),
        ]
    )
    await routes.deliver(parcel(event="ORU^R01"))
    assert [len(sink.got) for sink in (all_of_them, results, admissions)] == [1, 1, 0]
    await routes.close()
    assert all(sink.closed for sink in (all_of_them, results, admissions))


async def test_S64_a_message_that_no_target_takes_is_told(logged: Callable[[], list[dict[str, Any]]]) -> None:
    await Routes([route(Sink(), filter={"messages": ["ORU"]})]).deliver(parcel(event="ADT^A01"))
    assert [(entry["event"], entry["type"]) for entry in logged()] == [("delivery.no-target", "ADT^A01")]


async def test_S64_every_required_target_decides() -> None:
    good = Sink()
    routes = Routes(
        [route(Sink(fails("refused", False)), "a"), route(good, "b"), route(Sink(fails("busy", wait_s=9)), "c")]
    )
    with pytest.raises(DeliveryError) as caught:
        await routes.deliver(parcel())
    assert (caught.value.transient, caught.value.reason, caught.value.retry_after_s) == (True, "busy", 9)
    assert [i.code for i in caught.value.issues] == ["delivery.refused", "delivery.transient"]
    assert len(good.got) == 1
    with pytest.raises(DeliveryError) as caught:
        await Routes([route(Sink(fails("refused", False)))]).deliver(parcel())
    assert not caught.value.transient


async def test_S64_optional_targets_never_block(logged: Callable[[], list[dict[str, Any]]]) -> None:
    slow, bad, good = Sink(), Sink(fails("refused", False)), Sink()
    slow.gate = asyncio.Event()
    routes = Routes([route(slow, "slow", required=False), route(bad, "bad", required=False), route(good, "good")])
    await routes.deliver(parcel())
    assert len(good.got) == 1
    while not logged():
        await asyncio.sleep(0)
    assert [(entry["event"], entry["target"], entry["reason"]) for entry in logged()] == [
        ("delivery.optional-failed", "bad", "refused")
    ]
    await routes.close()
    assert slow.got == []


async def test_S64_optional_sends_are_bounded(logged: Callable[[], list[dict[str, Any]]]) -> None:
    slow = Sink()
    slow.gate = asyncio.Event()
    routes = Routes([route(slow, required=False)])
    for _ in range(ASIDE + 2):
        await routes.deliver(parcel())
    assert [entry["event"] for entry in logged()] == ["delivery.optional-left-out"] * 2
    slow.gate.set()
    while len(slow.got) < ASIDE:
        await asyncio.sleep(0)
    await routes.close()


async def test_S63_an_open_breaker_spends_no_attempt_and_is_told() -> None:
    told: list[tuple[Any, ...]] = []
    sink = Sink(*(fails("unreachable") for _ in range(9)))
    one = route(sink, "fhir", lambda *facts: told.append(facts), breaker={"failures": 2, "pause_s": 60})
    for _ in range(2):
        with pytest.raises(DeliveryError):
            await one.deliver(parcel())
    for _ in range(3):
        with pytest.raises(DeliveryError) as caught:
            await one.deliver(parcel())
        assert caught.value.reason == "breaker-open"
    assert len(sink.failures) == 7
    assert told == [("fhir", False, "unreachable")]


async def test_S63_a_probe_that_is_cancelled_leaves_the_breaker_usable() -> None:
    sink = Sink(fails("unreachable"))
    one = route(sink, breaker={"failures": 1, "pause_s": 1e-9})
    with pytest.raises(DeliveryError):
        await one.deliver(parcel())
    sink.gate = asyncio.Event()
    probe = asyncio.create_task(one.deliver(parcel()))
    await asyncio.sleep(0)
    probe.cancel()
    await asyncio.wait({probe})
    sink.gate = None
    await one.deliver(parcel())
    assert len(sink.got) == 1


async def test_a_bug_of_a_target_is_not_taken_for_its_answer() -> None:
    class Broken(Sink):
        async def deliver(self, parcel: Parcel) -> None:
            raise RuntimeError("bug")

    with pytest.raises(RuntimeError):
        await Routes([route(Broken())]).deliver(parcel())
