"""Conversions in processes of their own: the same result, and a death that costs one message (P-34, S-56, S-57)."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import orjson
import pytest

from segue.cli.children import children_of
from segue.convert import Converter
from segue.delivery.children import Children, CulpritError, made
from segue.delivery.keys import claims
from segue.settings import Settings
from segue.terminology.maprows import COLUMNS
from segue.terminology.remote.question import LOOKUP, Question

ADT = b"MSH|^~\\&|LAB|NORTH|EHR|HOSP|20260301||ADT^A08|M1|P|2.5\rPID|1||77^^^NORTH^MR||Marlow^Ines\rZZZ|1\r"

EXAMPLES = Path(__file__).parents[2] / "examples"

# A converter that dies of one word, eats memory at another and sleeps at a third.
ODD = """
import sys, time, os
from segue import log
from segue.delivery import children
log.configure("json", "error", sys.stderr)
class Odd:
    translator = None
    class pack: sites = {}
    def convert(self, raw, **options):
        if b"DIE" in raw: os.abort()
        if b"EAT" in raw: return bytearray(1 << 40)
        if b"SLEEP" in raw: time.sleep(60)
        raise ValueError("a bug")
children.first(sys.stdin.buffer)
children.serve(Odd(), sys.stdin.buffer, sys.stdout.buffer, 256 << 20)
"""

Make = Callable[..., Children]


@pytest.fixture
async def make() -> AsyncIterator[Make]:
    opened: list[Children] = []

    def build(wanted: int = 0, *, time_s: float = 20.0) -> Children:
        opened.append(Children(wanted, (sys.executable, "-c", ODD), time_s=time_s))
        return opened[-1]

    yield build
    for each in opened:
        await each.close()


async def test_P34_a_process_gives_what_the_service_would_give() -> None:
    """With the rules of the settings, in several at once, large ones apart."""
    children = children_of(Settings.model_validate({"limits": {"processes": 2}}))
    try:
        here = made(Converter(), ADT, {"bundle": "batch"})
        found = await asyncio.gather(*(children.convert(ADT, {"bundle": "batch"}, alone=n == 0) for n in range(6)))
    finally:
        await children.close()
    assert here.body is not None
    assert (here.event, here.sender, here.control_id) == ("ADT^A08", ("LAB", "NORTH"), "M1")
    assert any(one.v2 is not None and one.v2.segment == "ZZZ" for one in here.issues)
    assert found == [here] * 6


async def test_T38_a_process_tells_what_displays_it_lacked(tmp_path: Path) -> None:
    terminology = tmp_path / "terminology"
    (terminology / "maps").mkdir(parents=True)
    row = "LAB|NORTH,OBX-3,L,GLU,,,http://loinc.org,2345-7,,equivalent,,,"
    (terminology / "maps" / "north.csv").write_text(",".join(COLUMNS) + f"\n{row}\n")
    remote = {"url": "http://127.0.0.1:1/fhir", "displays": True, "cache": str(tmp_path / "cache.db")}
    settings = {"terminology": {"folder": str(terminology), "remote": remote}, "limits": {"processes": 1}}
    children = children_of(Settings.model_validate(settings))
    oru = ADT.replace(b"ADT^A08", b"ORU^R01") + b"OBR|1|||X^Y^L\rOBX|1|NM|GLU^Glucose^L||5\r"
    try:
        found = await children.convert(oru, {})
    finally:
        await children.close()
    assert found.unnamed == (Question("http://loinc.org", "2345-7", LOOKUP),)


@pytest.mark.parametrize(("word", "why"), [(b"DIE", "killed"), (b"EAT", "memory"), (b"SLEEP", "time")])
async def test_S57_a_message_that_ends_its_process_costs_itself(make: Make, word: bytes, why: str) -> None:
    children = make(1, time_s=1.0 if why == "time" else 20.0)
    with pytest.raises(CulpritError, match=why):
        await children.convert(word, {})
    assert [one.code for one in (await children.convert(b"next", {})).issues] == ["internal"]


async def test_a_process_that_cannot_be_started_is_told() -> None:
    children = Children(1, (sys.executable, "-c", "pass"))
    with pytest.raises(RuntimeError):
        await children.convert(ADT, {})


@pytest.mark.parametrize("bundle", ["transaction", "message"])
def test_S61a_what_a_conversion_says_it_writes_is_what_its_body_says(bundle: str) -> None:
    """One Bundle of a journal is read again, the next is sent as it was made: both stand in the same lines."""
    converter = Converter()
    for name in ("adt_a01_admission", "adt_a40_merge", "orm_o01_lab_order"):
        found = made(converter, (EXAMPLES / f"{name}.hl7").read_bytes(), {"bundle": bundle})
        assert found.body is not None
        assert found.writes is not None
        body = orjson.loads(found.body)
        assert found.writes.type == body["type"] == bundle
        assert found.writes.claims == claims(body)
        assert len(found.writes.claims) > 1
