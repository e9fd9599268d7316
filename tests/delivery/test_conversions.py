"""What a listener's options make of a message, and where it is converted (P-34, T-62)."""

from __future__ import annotations

from typing import Any

import pytest

from segue.convert import Converter
from segue.delivery.children import Children
from segue.delivery.conversions import Conversions, conversions_of
from segue.settings import Settings

ADT = b"MSH|^~\\&|LAB|NORTH|EHR|HOSP|20260301||ADT^A08|M1|P|2.5\rPID|1||77^^^NORTH^MR||Marlow^Ines\r"


@pytest.fixture(scope="module")
def converter() -> Converter:
    return Converter()


async def test_options_are_those_of_the_listener_else_of_the_service(converter: Converter) -> None:
    settings = Settings.model_validate(
        {
            "bundle": "batch",
            "narrative": True,
            "timezone": "Europe/Zurich",
            "listeners": [
                {"name": "adt", "timezone": "America/Toronto", "charset": "latin-1"},
                {"name": "lab", "port": 1},
            ],
        }
    )
    made = conversions_of(settings, converter)
    common = {"bundle": "batch", "residue": "report", "narrative": True}
    assert made.options("adt") == {**common, "timezone": "America/Toronto", "charset": "latin-1"}
    assert made.options("lab") == made.options("http") == {**common, "timezone": "Europe/Zurich"}


async def test_S62_a_parcel_says_what_a_filter_asks(converter: Converter) -> None:
    parcel = (await Conversions(converter).convert(ADT, "adt")).parcel(ADT, "ab" * 32)
    assert (parcel.event, parcel.sender, parcel.site) == ("ADT^A08", ("LAB", "NORTH"), "")
    assert (parcel.control_id, parcel.raw, parcel.body) == ("M1", ADT, converter.convert(ADT).json())


async def test_T62_a_message_is_counted_when_it_is_accepted_not_when_it_is_converted(converter: Converter) -> None:
    class Counted:
        messages = 0

        def note(self, *_: Any) -> None:
            self.messages += 1

    counted = Counted()
    conversions = Conversions(converter, unknown=counted)
    made = await conversions.convert(ADT, "adt")
    assert counted.messages == 0
    conversions.note(made, "adt")
    assert counted.messages == 1


@pytest.mark.parametrize(("processes", "size", "elsewhere"), [(0, 10, False), (2, 10, True), (2, 10_000, False)])
def test_P34_who_converts_beside_the_door(converter: Converter, processes: int, size: int, elsewhere: bool) -> None:
    """A large message has a process to itself, in which it may have to wait."""
    conversions = Conversions(converter, inline_bytes=1000, children=Children(processes, ("none",)))
    assert conversions.elsewhere(bytes(size)) is elsewhere
