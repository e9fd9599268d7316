"""A service to measure in a process and on a core of its own, and the load that many connections make.

A connection sends its next request when the answer to the last has come; the client runs on the other core.
"""

from __future__ import annotations

import asyncio
import os
import re
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import repeat
from typing import NamedTuple

from benchmarks.machine import cores
from benchmarks.rounds import Timing, p99


class Ports(NamedTuple):
    http: int
    mllp: int


@contextmanager
def service(*arguments: str) -> Iterator[Ports]:
    """`segue serve` on free ports."""
    command = [sys.executable, "-m", "segue.cli", "serve", "--http-port", "0", "--mllp-port", "0", *arguments]
    with process(command) as running:
        assert running.stderr is not None
        http = mllp = 0
        while not (http and mllp):
            line = running.stderr.readline()
            if not line:
                raise SystemExit(f"segue serve ended with {running.wait()}")
            if found := re.search(r"http://127\.0\.0\.1:(\d+)/", line):
                http = int(found[1])
            if found := re.search(r"--port (\d+)", line):
                mllp = int(found[1])
        _until_it_listens(http)
        yield Ports(http, mllp)


def _until_it_listens(port: int) -> None:
    give_up = time.perf_counter() + 10
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except ConnectionRefusedError:
            if time.perf_counter() > give_up:
                raise SystemExit(f"segue serve does not listen on {port}") from None


@contextmanager
def process(command: list[str]) -> Iterator[subprocess.Popen[str]]:
    """A process on the server's core, stopped at once in the end; this process moves to the client's core."""
    before = os.sched_getaffinity(0)
    server, client = cores()
    running = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    os.sched_setaffinity(running.pid, server)
    os.sched_setaffinity(0, client)
    try:
        yield running
    finally:
        os.sched_setaffinity(0, before)
        running.kill()
        running.communicate()


@contextmanager
def on_server_core() -> Iterator[None]:
    """For what is compared with the service: the same core."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores()[0])
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


class Load(NamedTuple):
    """What a load of many connections found. The rate is of all together, the times are of each request."""

    per_second: float
    times: Timing


class Connection(asyncio.Protocol):
    """Sends the next request when the last was answered, and times each answer; `complete` tells whether the bytes are a whole one."""

    def __init__(self, requests: Iterator[bytes], complete: Callable[[bytearray], bool], until: float) -> None:
        self.requests, self.complete, self.until = requests, complete, until
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.spent: list[float] = []
        self.buffer = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self._send()

    def _send(self) -> None:
        request = next(self.requests)
        self.begin = time.perf_counter()
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        if not self.complete(self.buffer):
            return
        now = time.perf_counter()
        self.spent.append((now - self.begin) * 1e6)
        self.buffer.clear()
        if now < self.until:
            self._send()
        else:
            self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.done.set_result(None)


class Paced(Connection):
    """Sends when its time has come, not when it suits the service: what waited because the last answer was late counts as waiting."""

    def __init__(
        self,
        requests: Iterator[bytes],
        complete: Callable[[bytearray], bool],
        until: float,
        *,
        first_at: float,
        every_s: float,
    ) -> None:
        super().__init__(requests, complete, until)
        self.due, self.every_s = first_at, every_s

    def _send(self) -> None:
        wait_s = self.due - time.perf_counter()
        if wait_s > 0:
            asyncio.get_running_loop().call_later(wait_s, self._send_due)
        else:
            self._send_due()

    def _send_due(self) -> None:
        self.begin, self.due = self.due, self.due + self.every_s
        self.transport.write(next(self.requests))


def load(port: int, request: bytes, complete: Callable[[bytearray], bool], connections: int, seconds: float) -> Load:
    """So many connections for so long."""
    return asyncio.run(_load(port, request, complete, connections, seconds))


async def _load(
    port: int, request: bytes, complete: Callable[[bytearray], bool], connections: int, seconds: float
) -> Load:
    loop = asyncio.get_running_loop()
    begin = time.perf_counter()
    made = [
        (
            await loop.create_connection(
                lambda: Connection(repeat(request), complete, begin + seconds), "127.0.0.1", port
            )
        )[1]
        for _ in range(connections)
    ]
    await asyncio.gather(*(one.done for one in made))
    spent = [value for one in made for value in one.spent]
    if not spent:
        raise SystemExit("the service closed every connection")
    return Load(len(spent) / (time.perf_counter() - begin), Timing(statistics.median(spent), p99(spent), len(spent)))
