"""The MLLP door: acknowledged messages a second, beside a bare echo of frames on the same core in the same run (P-45).

"delivered" appends each Bundle to a file and fsyncs before the acknowledgement leaves.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
from pathlib import Path

from benchmarks import messages
from benchmarks.rounds import Row
from benchmarks.serving import Load, load, process, service

CONNECTIONS = 8
FRAME = b"\x0b" + messages.ADT + b"\x1c\r"


def measure(rounds: int) -> list[Row]:
    echo: list[Load] = []
    converted: list[Load] = []
    delivered: list[Load] = []
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(rounds):
            with process([sys.executable, "-m", "benchmarks.mllp"]) as running:
                assert running.stderr is not None
                port = int(running.stderr.readline())
                echo.append(load(port, FRAME, _whole, CONNECTIONS, 1))
            with service() as ports:
                load(ports.mllp, FRAME, _accepted, CONNECTIONS, 1)
                converted.append(load(ports.mllp, FRAME, _accepted, CONNECTIONS, 2))
            with service("--deliver", str(Path(folder) / "bundles.ndjson")) as ports:
                load(ports.mllp, FRAME, _accepted, CONNECTIONS, 1)
                delivered.append(load(ports.mllp, FRAME, _accepted, CONNECTIONS, 2))
    bare = statistics.median(one.per_second for one in echo)
    return [
        _row(f"echo of frames, {CONNECTIONS} connections", echo),
        _row("converted, then AA", converted),
        _row("converted, delivered to a file with fsync, then AA", delivered)._replace(
            ratio=statistics.median(one.per_second for one in delivered) / bare,
            against="delivered / echo",
            bound=">= 0.01 (P-45)",
        ),
    ]


def _row(name: str, found: list[Load]) -> Row:
    return Row(
        "mllp",
        name,
        statistics.median(one.times.median_us for one in found),
        statistics.median(one.times.p99_us for one in found),
        statistics.median(one.per_second for one in found),
    )


def _whole(answer: bytearray) -> bool:
    return answer.endswith(b"\x1c\r")


def _accepted(answer: bytearray) -> bool:
    if not answer.endswith(b"\x1c\r"):
        return False
    if b"MSA|AA|" not in answer:
        raise SystemExit(f"the service answered {bytes(answer[:300])!r}")
    return True


class _Echo(asyncio.Protocol):
    """Gives each frame back as it came."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.buffer = bytearray()

    def data_received(self, data: bytes) -> None:
        assert isinstance(self.transport, asyncio.Transport)
        self.buffer += data
        if (end := self.buffer.rfind(b"\x1c\r")) >= 0:
            self.transport.write(bytes(self.buffer[: end + 2]))
            del self.buffer[: end + 2]


async def _serve_echo() -> None:
    server = await asyncio.get_running_loop().create_server(_Echo, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], file=sys.stderr, flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve_echo())
