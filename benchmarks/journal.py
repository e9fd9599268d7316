"""From MLLP through the journal to a FHIR server: synced before AA, converted, delivered, all of it sustained (S-T24).

Every message has a control id and a patient of its own. Service, its conversion processes, the stub of a FHIR server and
the senders share the machine; beside them a bare echo of the same frames in the same run. A message counts when the stub
has it; the rate is that of the whole way, the times are those of the acknowledgement.

Twice: senders that send as soon as they are answered tell the rate, and as their times how long eight messages take that
stand in line; senders that keep to a clock at half of that rate tell what a hospital waits. There a time begins when the
message was due, so that one that is sent late is not told as quick.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from benchmarks import messages
from benchmarks.rounds import Row, p99
from benchmarks.serving import Connection, Paced

CONNECTIONS = 8
SECONDS = 5.0
WARM_S = 2.0
SETTLE_S = 120.0  # longest wait for what is behind
RUNS = ((0, "converted"), (1, "converted"), (2, "converted"), (0, "received"), (1, "received"))  # processes, `ack`
_OWN = re.compile(rb"NG20260311-000101|700412|NX-448213|ACC-90331|V-5500871|GU-3301|MB-448213-0\d|HM-99-118274")


def frames(start: int) -> Iterator[bytes]:
    """The admission again and again, each with a control id, a patient, a visit and a cover of its own."""
    parts = _OWN.split(messages.ADT)
    names = _OWN.findall(messages.ADT)
    assert len(names) > 7
    n = start
    while True:
        n += 1
        number = b"%d" % n
        own = b"".join(part + name[:3] + number for part, name in zip(parts, names, strict=False))
        yield b"\x0b" + own + parts[-1] + b"\x1c\r"


class Through(NamedTuple):
    """What a run found."""

    per_second: float
    median_us: float
    p99_us: float
    cpu_ms: float  # of the service and its processes, a message
    behind: int  # accepted and not yet delivered at the end
    half_per_second: float
    half_median_us: float
    half_p99_us: float


def measure(rounds: int) -> list[Row]:
    bare: list[Through] = []
    whole: dict[tuple[int, str], list[Through]] = {run: [] for run in RUNS}
    for turn in range(min(rounds, 3)):
        with _program([sys.executable, "-m", "benchmarks.mllp"]) as (running, line):
            bare.append(asyncio.run(_load(running.pid, int(line), None, turn)))
        for processes, ack in RUNS:
            whole[processes, ack].append(through(processes, ack=ack))
    echo = statistics.median(one.per_second for one in bare)
    rows = _rows(f"echo of frames, {CONNECTIONS} connections", bare)
    for (processes, ack), found in whole.items():
        where = "by the service itself" if not processes else f"in {processes} process{'es'[: 2 * (processes > 1)]}"
        cpu = statistics.median(one.cpu_ms for one in found)
        full, half = _rows(f"AA when {ack}, converted {where}; {cpu:.1f} ms of CPU each", found)
        rows += full._replace(ratio=statistics.median(one.per_second for one in found) / echo, against="of echo"), half
    return rows


def _rows(name: str, found: list[Through]) -> list[Row]:
    """Of a full load, and of half of it."""
    return [
        Row(
            "journal",
            name,
            statistics.median(one.median_us for one in found),
            statistics.median(one.p99_us for one in found),
            statistics.median(one.per_second for one in found),
        ),
        Row(
            "journal",
            "… at half of that rate",
            statistics.median(one.half_median_us for one in found),
            statistics.median(one.half_p99_us for one in found),
            statistics.median(one.half_per_second for one in found),
        ),
    ]


def through(processes: int, journal: str | None = None, seconds: float = SECONDS, ack: str = "converted") -> Through:
    """One run with a journal of its own, or in the one given."""
    with tempfile.TemporaryDirectory() as folder, _program([sys.executable, "-m", "benchmarks.journal"]) as (_, line):
        port = int(line)
        command = [
            sys.executable, "-m", "segue.cli", "serve", "--http-port", "0", "--mllp-port", "0",
            "--journal", journal or str(Path(folder) / "journal.db"), "--deliver", f"http://127.0.0.1:{port}/fhir",
        ]  # fmt: skip
        environment = {
            "SEGUE__LIMITS__PROCESSES": str(processes),
            "SEGUE__LISTENERS__0__ACK": ack,
            "SEGUE__LOG__LEVEL": "warning",
            "SEGUE__DRAIN__DELAY_S": "0",
        }
        with _program(command, r"--port (\d+)", environment) as (running, line):
            return asyncio.run(_load(running.pid, int(line), port, 0, seconds))


@contextmanager
def _program(
    command: list[str], wanted: str = r"^(\d+)$", environment: dict[str, str] | None = None
) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A program, and what it says of itself on its way up."""
    running = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=os.environ | (environment or {})
    )
    assert running.stderr is not None
    try:
        while not (found := re.search(wanted, line := running.stderr.readline())):
            if not line:
                raise SystemExit(f"{command[:4]} ended with {running.wait()}")
        yield running, found[1]
    finally:
        running.send_signal(signal.SIGTERM)
        try:
            running.communicate(timeout=30)
        except subprocess.TimeoutExpired:
            running.kill()
            running.communicate()


async def _load(pid: int, port: int, stub: int | None, turn: int, seconds: float = SECONDS) -> Through:
    source, complete = frames(turn * 10_000_000), _framed if stub is None else _acknowledged
    until = time.perf_counter() + WARM_S
    warm = [Connection(source, complete, until) for _ in range(CONNECTIONS)]
    await _all(warm, port)
    begin, taken, cpu = time.perf_counter(), await _taken(stub), _cpu_s(pid)
    senders = [Connection(source, complete, begin + seconds) for _ in range(CONNECTIONS)]
    await _all(senders, port)
    spent = [value for one in senders for value in one.spent]
    lasted = time.perf_counter() - begin
    done = await _taken(stub) - taken if stub is not None else len(spent)
    used = _cpu_s(pid) - cpu
    sent = len(spent) + sum(len(one.spent) for one in warm)
    behind = sent - await _taken(stub) if stub is not None else 0
    give_up = time.perf_counter() + SETTLE_S
    while stub is not None and await _taken(stub) < sent:  # what is behind would count against the half
        if time.perf_counter() > give_up:
            raise SystemExit(
                f"{sent - await _taken(stub)} messages were accepted and not delivered in {SETTLE_S:.0f} s"
            )
        await asyncio.sleep(0.05)
    every_s = CONNECTIONS * 2 * lasted / done
    begin = time.perf_counter()
    paced = [
        Paced(source, complete, begin + seconds, first_at=begin + every_s * n / CONNECTIONS, every_s=every_s)
        for n in range(CONNECTIONS)
    ]
    await _all(paced, port)
    waited = [value for one in paced for value in one.spent]
    return Through(
        done / lasted, statistics.median(spent), p99(spent), used / max(1, done) * 1000, behind,
        len(waited) / (time.perf_counter() - begin), statistics.median(waited), p99(waited),
    )  # fmt: skip


async def _all(senders: Sequence[Connection], port: int) -> None:
    loop = asyncio.get_running_loop()
    for one in senders:
        await loop.create_connection(lambda one=one: one, "127.0.0.1", port)
    await asyncio.gather(*(one.done for one in senders))


def _acknowledged(answer: bytearray) -> bool:
    """A whole frame that accepts; anything else ends the run."""
    if not answer.endswith(b"\x1c\r"):
        return False
    if b"MSA|AA|" not in answer:
        raise SystemExit(f"the service answered {bytes(answer[:300])!r}")
    return True


def _framed(answer: bytearray) -> bool:
    return answer.endswith(b"\x1c\r")


def _cpu_s(pid: int) -> float:
    """Of a process and the processes that it started."""
    ticks = 0
    for each in (pid, *_children(pid)):
        fields = Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def _children(pid: int) -> list[int]:
    return [
        int(word) for task in Path(f"/proc/{pid}/task").iterdir() for word in (task / "children").read_text().split()
    ]


async def _taken(stub: int | None) -> int:
    if stub is None:
        return 0
    reader, writer = await asyncio.open_connection("127.0.0.1", stub)
    writer.write(b"GET /taken HTTP/1.1\r\nContent-Length: 0\r\n\r\n")
    head = await reader.readuntil(b"\r\n\r\n")
    size = int(re.findall(rb"Content-Length: (\d+)", head)[0])
    found = json.loads(await reader.readexactly(size))
    writer.close()
    return found["taken"]


class _Stub(asyncio.Protocol):
    """The least that a FHIR server can be: takes transactions, counts them."""

    taken = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.buffer = bytearray()

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            head = bytes(self.buffer[:end]).lower()
            size = int(re.findall(rb"content-length: *(\d+)", head)[0])
            if len(self.buffer) < end + 4 + size:
                return
            del self.buffer[: end + 4 + size]
            if head.startswith(b"get"):
                answer = b'{"taken": %d}' % _Stub.taken
            else:
                _Stub.taken += 1
                answer = b'{"resourceType":"Bundle","type":"transaction-response"}'
            self.transport.write(
                b"HTTP/1.1 200 OK\r\nContent-Type: application/fhir+json\r\nContent-Length: %d\r\n\r\n%s" % (len(answer), answer)
            )  # fmt: skip


async def _serve_stub() -> None:
    server = await asyncio.get_running_loop().create_server(_Stub, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], file=sys.stderr, flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve_stub())
