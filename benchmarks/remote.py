"""A terminology server that is down: once the breaker is open, a message costs what it costs without a server (T-35)."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import httpx

from benchmarks.rounds import Case, Row, interleaved, timed
from segue.conversion import Conversion
from segue.convert import Converter
from segue.delivery.resolution import resolved
from segue.terminology.remote import Resolver, Server, Translations
from segue.terminology.remote.cache import Cache
from segue.terminology.remote.translations import Local

LOINC, LAB = "http://loinc.org", "https://north.example.org/lab"
RESULTS = "".join(f"OBX|{n}|NM|T{n}^Test {n}^L||{n}.5|mg/dL|||||F\r" for n in range(1, 21))
MESSAGE = (
    "MSH|^~\\&|LAB|NORTH|||20240310101500-0500||ORU^R01^ORU_R01|M1|P|2.5.1\rPID|1||7^^^&2.999.1&ISO^MR||Novak^Ada||1980|F\r"
    f"OBR|1|P1|F1|24331-1^Panel^LN|||20240310|||||||||||||||||||F\r{RESULTS}"
).encode()


def measure(rounds: int) -> list[Row]:
    alone = Converter()
    translations = Translations(Cache(None, "https://tx"), {Local("", "L"): LAB})
    beside = Converter(translator=translations)
    loop = asyncio.new_event_loop()
    first = time.perf_counter()
    resolver = loop.run_until_complete(_opened(translations, beside))
    first = time.perf_counter() - first

    def case(converter: Converter, asks: Resolver | None) -> Any:
        async def convert() -> tuple[Conversion, bytes]:
            made = converter.convert(MESSAGE)
            return made, made.json()

        return lambda _: loop.run_until_complete(resolved(convert, asks))

    turns = {"alone": Case(case(alone, None), 4), "beside": Case(case(beside, resolver), 4)}
    found = interleaved(turns, rounds * 16)  # short turns: the difference is a few hundredths
    loop.run_until_complete(resolver.close())
    loop.close()
    return [
        timed("remote", "20 unknown codes, no server", found["alone"]),
        timed(
            "remote",
            "the same, server down, breaker open",
            found["beside"],
            ratio=found["beside"].median_us / found["alone"].median_us,
            against="with / without",
            bound="<= 1.15 (T-35)",
        ),
    ]


async def _opened(translations: Translations, converter: Converter) -> Resolver:
    """A resolver whose server has been found dead."""

    def refuse(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    client = httpx.AsyncClient(transport=httpx.MockTransport(refuse))
    resolver = Resolver(Server("https://tx", targets=(LOINC,), dialect="r4", client=client), translations)
    asked = [question for one in converter.convert(MESSAGE).unmapped if (question := resolver.question(one))]
    await resolver.settle(asked)
    if not resolver._server.breaker.is_open:  # pyright: ignore[reportPrivateUsage]
        raise SystemExit("benchmarks/remote.py: the breaker did not open")
    return resolver
