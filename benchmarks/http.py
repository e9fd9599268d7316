"""The HTTP door with one worker and 32 connections, beside the engine's own rate on the same core and run (P-44)."""

from __future__ import annotations

import statistics

from benchmarks import messages
from benchmarks.rounds import Case, Row, interleaved
from benchmarks.serving import Load, load, on_server_core, service

CONNECTIONS = 32


def measure(rounds: int) -> list[Row]:
    from segue.convert import convert

    head = (
        "POST /v1/convert HTTP/1.1\r\nHost: localhost\r\nContent-Type: x-application/hl7-v2+er7\r\n"
        f"Content-Length: {len(messages.ADT)}\r\n\r\n"
    )
    request = head.encode() + messages.ADT
    engine: list[float] = []
    one: list[Load] = []
    many: list[Load] = []
    with service() as ports:
        load(ports.http, request, _complete, CONNECTIONS, 1)
        for _ in range(rounds):
            with on_server_core():
                found = interleaved({"engine": Case(lambda _: convert(messages.ADT).json(), 100)}, 1)
            engine.append(found["engine"].per_second)
            one.append(load(ports.http, request, _complete, 1, 1))
            many.append(load(ports.http, request, _complete, CONNECTIONS, 2))
    rate = statistics.median(engine)
    return [
        Row("http", "the engine on that core", per_second=rate),
        _row("1 connection", one),
        _row(f"{CONNECTIONS} connections", many)._replace(
            ratio=statistics.median(found.per_second for found in many) / rate,
            against="HTTP / engine",
            bound=">= 0.6 (P-44)",
        ),
    ]


def _row(name: str, found: list[Load]) -> Row:
    return Row(
        "http",
        name,
        statistics.median(one.times.median_us for one in found),
        statistics.median(one.times.p99_us for one in found),
        statistics.median(one.per_second for one in found),
    )


def _complete(answer: bytearray) -> bool:
    end = answer.find(b"\r\n\r\n")
    if end < 0:
        return False
    if not answer.startswith(b"HTTP/1.1 200"):
        raise SystemExit(f"the service answered {bytes(answer[:200])!r}")
    at = answer.lower().index(b"content-length:", 0, end + 2) + 15
    return len(answer) >= end + 4 + int(answer[at : answer.index(b"\r", at)])
