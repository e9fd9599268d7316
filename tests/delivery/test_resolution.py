"""A message converted with a terminology server that knows, does not know, or is not there (T-31, T-35)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
import orjson
import pytest

from segue.conversion import Conversion
from segue.convert import Converter
from segue.delivery.conversions import Conversions
from segue.delivery.intake import Peer, Pipeline
from segue.delivery.resolution import resolved
from segue.terminology.remote import Resolver, Server, Translations
from segue.terminology.remote.cache import Cache
from segue.terminology.remote.translations import Local

LOINC, LAB = "http://loinc.org", "https://north.example.org/lab"
MESSAGE = (
    b"MSH|^~\\&|LAB|NORTH|||20240310101500-0500||ORU^R01^ORU_R01|M1|P|2.5.1\rPID|1||7^^^&2.999.1&ISO^MR||Novak^Ada||1980|F\r"
    b"OBR|1|P1|F1|24331-1^Lipids^LN|||20240310|||||||||||||||||||F\r"
    b"OBX|1|NM|GLU^Glucose^L||5.5|mmol/L|||||F\rOBX|2|NM|SECRET^Something^L||5.5|mmol/L|||||F\r"
)

Asked = list[str]


def reply(request: httpx.Request) -> httpx.Response:
    asked = {p["name"]: p for p in orjson.loads(request.content)["parameter"]}
    known = asked["code"]["valueCode"] == "GLU"
    concept = {"system": LOINC, "code": "14749-6", "display": "Glucose [Moles/volume] in Serum or Plasma"}
    match = {
        "name": "match",
        "part": [{"name": "equivalence", "valueCode": "equivalent"}, {"name": "concept", "valueCoding": concept}],
    }
    parts = [{"name": "result", "valueBoolean": known}, *([match] if known else [])]
    return httpx.Response(200, json={"resourceType": "Parameters", "parameter": parts})


def down(_: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("refused")


class Setting:
    """A converter with a server that answers by a function."""

    def __init__(self, says: Callable[[httpx.Request], httpx.Response]) -> None:
        self.says = says
        self.asked = 0
        self.converted = 0
        self.translations = Translations(Cache(None, "https://tx"), {Local("LAB|NORTH", "L"): LAB})
        self.converter = Converter(translator=self.translations)
        client = httpx.AsyncClient(transport=httpx.MockTransport(self._reply))
        server = Server("https://tx", targets=(LOINC,), dialect="r4", client=client, sleep=self._no_pause)
        self.resolver = Resolver(server, self.translations)

    async def _no_pause(self, _: float) -> None:
        return None

    def _reply(self, request: httpx.Request) -> httpx.Response:
        self.asked += 1
        return self.says(request)

    async def convert(self) -> tuple[Conversion, bytes]:
        self.converted += 1
        made = self.converter.convert(MESSAGE)
        return made, made.json()


def first_code(body: bytes) -> list[Any]:
    entries = orjson.loads(body)["entry"]
    found = next(e["resource"] for e in entries if e["resource"]["resourceType"] == "Observation")
    return found["code"]["coding"]


async def test_T31_what_the_server_knows_stands_first_and_what_was_sent_stays() -> None:
    setting = Setting(reply)
    made, body, pending = await resolved(setting.convert, setting.resolver)
    first, sent = first_code(body)
    assert (first["system"], first["code"]) == (LOINC, "14749-6")
    assert (sent["code"], sent["display"], sent["userSelected"]) == ("GLU", "Glucose", True)
    assert [one.code for one in made.unmapped] == ["SECRET"]
    assert pending == frozenset()  # the server does not know it: that is an answer
    codes = [one.code for one in made.issues]
    assert "terminology.remote" in codes
    assert "terminology.unreachable" not in codes


async def test_T31_the_second_message_is_converted_once_and_nobody_is_asked() -> None:
    setting = Setting(reply)
    one = await resolved(setting.convert, setting.resolver)
    before = (setting.asked, setting.converted)
    assert before == (2, 2)
    two = await resolved(setting.convert, setting.resolver)
    assert (setting.asked, setting.converted) == (2, 3)
    assert two.body == one.body


async def test_T35_while_the_server_is_away_conversion_goes_on_and_says_so() -> None:
    setting = Setting(down)
    for _ in range(4):
        made, body, pending = await resolved(setting.convert, setting.resolver)
        assert [coding["code"] for coding in first_code(body)] == ["GLU"]
        assert {one.code for one in pending} == {"GLU", "SECRET"}
        (told,) = [one for one in made.issues if one.code == "terminology.unreachable"]
        assert (told.severity, told.rule, told.value) == ("warning", "T-35", None)


async def test_T35_with_the_breaker_open_a_message_costs_no_request_and_no_second_conversion() -> None:
    setting = Setting(down)
    for _ in range(4):
        await resolved(setting.convert, setting.resolver)
    before = (setting.asked, setting.converted)
    for _ in range(10):
        await resolved(setting.convert, setting.resolver)
    assert (setting.asked, setting.converted) == (before[0], before[1] + 10)


async def test_T31_without_a_server_nothing_changes() -> None:
    setting = Setting(down)
    made, body, pending = await resolved(setting.convert, None)
    assert (setting.asked, setting.converted, pending) == (0, 1, frozenset())
    assert body == Converter().convert(MESSAGE).json()
    assert "terminology.unreachable" not in [one.code for one in made.issues]


async def test_A03_the_door_of_MLLP_asks_too() -> None:
    setting = Setting(reply)

    class Kept:
        bodies: list[bytes] = []  # noqa: RUF012

        async def deliver(self, parcel: Any) -> None:
            self.bodies.append(parcel.body)

        async def close(self) -> None: ...

    target = Kept()
    pipeline = Pipeline(Conversions(setting.converter, resolver=setting.resolver), target)
    receipts = await asyncio.gather(*(pipeline(MESSAGE, Peer("mllp", "127.0.0.1")) for _ in range(8)))
    assert {one.outcome for one in receipts} == {"accepted"}
    assert {first_code(body)[0]["code"] for body in target.bodies} == {"14749-6"}
    assert setting.asked == 2


@pytest.mark.parametrize("says", [reply, down])
async def test_T35_no_message_is_lost(says: Any) -> None:
    setting = Setting(says)
    pipeline = Pipeline(Conversions(setting.converter, resolver=setting.resolver), None)
    receipts = await asyncio.gather(*(pipeline(MESSAGE, Peer("mllp", "127.0.0.1")) for _ in range(50)))
    assert [one.outcome for one in receipts] == ["accepted"] * 50
