"""What a door learns of a message: converted and delivered before it is accepted (S-20, S-24, S-26)."""

from __future__ import annotations

from typing import Any

import pytest

from segue.convert import Converter
from segue.delivery.conversions import Conversions
from segue.delivery.intake import Peer, Pipeline, Receipt
from segue.delivery.target import DeliveryError, Parcel
from segue.issues import issue

PEER = Peer("adt", "192.0.2.1")
ADT = b"MSH|^~\\&|LAB|NORTH|EHR|HOSP|20260301||ADT^A08|M1|P|2.5\rPID|1||77^^^NORTH^MR||Marlow^Ines\r"


@pytest.fixture(scope="module")
def converter() -> Converter:
    return Converter()


class Sink:
    """A target that keeps or fails."""

    def __init__(self, failure: DeliveryError | None = None) -> None:
        self.failure = failure
        self.parcels: list[Parcel] = []

    async def deliver(self, parcel: Parcel) -> None:
        if self.failure is not None:
            raise self.failure
        self.parcels.append(parcel)

    async def close(self) -> None: ...


async def asked(converter: Any, raw: bytes = ADT, sink: Sink | None = None, **options: Any) -> Receipt:
    return await Pipeline(Conversions(converter, default=options), sink)(raw, PEER)


@pytest.mark.parametrize("inline_bytes", [0, 1 << 20])
async def test_S20_accepted_means_delivered(converter: Converter, inline_bytes: int) -> None:
    sink = Sink()
    receipt = await Pipeline(Conversions(converter, inline_bytes=inline_bytes), sink)(ADT, PEER)
    assert (receipt.outcome, receipt.event) == ("accepted", "ADT^A08")
    (parcel,) = sink.parcels
    assert (parcel.control_id, parcel.body) == ("M1", converter.convert(ADT).json())


async def test_options_reach_the_converter(converter: Converter) -> None:
    sink = Sink()
    await asked(converter, sink=sink, bundle="batch")
    assert b'"type":"batch"' in sink.parcels[0].body


async def test_without_a_target_accepted_means_converted(converter: Converter) -> None:
    assert (await asked(converter)).outcome == "accepted"


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (ADT.replace(b"ADT^A08", b"ZZZ^Z01"), "message.event-unsupported"),
        (b"hello", "message.unreadable"),
        (b"", "message.unreadable"),
    ],
)
async def test_S24_S26_what_is_not_for_us_is_rejected(converter: Converter, raw: bytes, code: str) -> None:
    receipt = await asked(converter, raw)
    assert (receipt.outcome, receipt.event) == ("rejected", "other")
    assert receipt.issues[0].code in (code, "message.type-unsupported")


@pytest.mark.parametrize(("transient", "outcome"), [(True, "transient"), (False, "error")])
async def test_S24_a_failed_delivery_is_not_accepted(converter: Converter, transient: bool, outcome: str) -> None:
    failure = DeliveryError(transient, issue("delivery.transient"), reason="503")
    assert (await asked(converter, sink=Sink(failure))).outcome == outcome


async def test_S24_a_bug_is_an_error_without_its_text() -> None:
    class Broken:
        def convert(self, raw: bytes, **_options: Any) -> Any:
            raise RuntimeError(raw.decode())

    receipt = await asked(Broken())
    assert receipt == Receipt("error", (issue("internal"),))
