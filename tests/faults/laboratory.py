"""Real processes under load, their deaths, and the checker that holds what the sender and the receiver saw.

    senders ──MLLP──▶ segue serve (killed again and again) ──HTTP──▶ stub that keeps a log
        │ acked                        │ journal                        │ taken
        └──────────────▶ checker ◀─────┴────────────────────────────────┘

Every sender has patients of its own and sends their messages one by one, the next when the last was answered, and
the same again when it was not. So the order of the control ids of a patient is the order that has to arrive.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import re
import signal
import socket
import sys
from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic

from segue.journal.journal import Journal, balance
from segue.journal.search import Query, found
from segue.mllp.client import Client, ReplyError

ROOT = Path(__file__).parents[2]
QUICK = {"SEGUE__DRAIN__DELAY_S": "0", "SEGUE__DRAIN__SILENCE_S": "0", "SEGUE__JOURNAL__LEASE_S": "4"}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def message(patient: str, n: int, merged: str = "") -> bytes:
    """Number `n` of a patient; its control id says both."""
    more = f"MRG|{merged}^^^NORTH^MR\r" if merged else ""
    event = "A40" if merged else "A08"
    return (
        f"MSH|^~\\&|LAB|NORTH|EHR|HOSP|2026030112{n % 60:02}||ADT^{event}|{patient}-{n:05}|P|2.5\r"
        f"EVN|{event}|20260301\rPID|1||{patient}^^^NORTH^MR||Marlow^Ines||19800102|F\r{more}PV1|1|I\r"
    ).encode()


@dataclass(slots=True)
class Service:
    """One `segue serve`, started, killed and started again on the same port."""

    journal: str
    deliver: str
    port: int = field(default_factory=free_port)
    environment: dict[str, str] = field(default_factory=dict[str, str])
    log: Path | None = None
    process: asyncio.subprocess.Process | None = None
    starts: int = 0

    async def start(self) -> None:
        command = [
            sys.executable, "-m", "segue.cli", "serve", "--http-port", "0", "--mllp-port", str(self.port),
            "--journal", self.journal, "--deliver", self.deliver,
        ]  # fmt: skip
        out = self.log.open("ab") if self.log else asyncio.subprocess.DEVNULL
        try:
            self.process = await asyncio.create_subprocess_exec(
                *command,
                env=os.environ | QUICK | self.environment,
                stdout=out,
                stderr=asyncio.subprocess.PIPE,
                cwd=ROOT,
            )
        finally:
            if not isinstance(out, int):
                out.close()
        assert self.process.stderr is not None
        seen: list[str] = []
        async with asyncio.timeout(60):
            while not seen or "send" not in seen[-1]:
                line = await self.process.stderr.readline()
                assert line, seen
                seen.append(line.decode())
        self.starts += 1

    async def kill(self) -> None:
        """Without a word, at whatever it is doing."""
        if self.process is not None and self.process.returncode is None:
            self.process.kill()
            await self.process.wait()

    async def stop(self) -> int:
        """As a careful operator does."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(60):
            await self.process.communicate()
        return self.process.returncode or 0

    def freeze(self, frozen: bool) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP if frozen else signal.SIGCONT)

    def memory_bytes(self) -> int:
        assert self.process is not None
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.findall(r"VmRSS:\s+(\d+)", status)[0]) << 10


@dataclass(slots=True)
class Sender:
    """Sends the messages of its patients until told to stop, each until it is answered with AA."""

    patients: Sequence[str]
    ports: Sequence[int]
    chance: random.Random
    acked: list[str] = field(default_factory=list[str])
    refused: int = 0
    resends: int = 0
    pause_s: float = 0.0

    async def run(self, stopping: asyncio.Event, limit: int = 1 << 30) -> None:
        client: Client | None = None
        counts = dict.fromkeys(self.patients, 0)
        sent = 0
        while not stopping.is_set() and sent < limit:
            patient = self.chance.choice(list(self.patients))
            raw = message(patient, counts[patient])
            while True:
                try:
                    if client is None or not client.connected:
                        client = Client("127.0.0.1", self.chance.choice(list(self.ports)), timeout_s=40)
                        await client.open()
                    reply = await client.send(raw)
                    if reply.accepted:
                        break
                    self.refused += 1
                    assert reply.code == "AR", reply.raw
                except (ReplyError, OSError, TimeoutError):
                    if client is not None:
                        await client.close()
                    client = None
                    self.resends += 1
                if stopping.is_set():
                    await asyncio.sleep(0.2)
                await asyncio.sleep(0.1)
            self.acked.append(f"{patient}-{counts[patient]:05}")
            counts[patient] += 1
            sent += 1
            if self.pause_s:
                await asyncio.sleep(self.pause_s)
        if client is not None:
            await client.close()


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the checker found; good when nothing is lost, reordered, in doubt or out of balance."""

    acked: int
    taken: int
    repeats: int
    lost: tuple[str, ...]
    reordered: tuple[str, ...]
    altered: tuple[str, ...]
    wrong: tuple[str, ...]

    @property
    def good(self) -> bool:
        return not (self.lost or self.reordered or self.altered or self.wrong)


def taken(log: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []


async def judge(acked: Sequence[str], log: Path, where: str) -> Verdict:
    """acked ⊆ delivered or visible; per patient the first arrivals in order, and a repeat only of the newest; one
    message, one content, one row, one state."""
    journal = await Journal.open(where)
    try:
        rows = await journal.look(lambda connection: found(connection, Query(limit=10_000_000)))
        wrong = await journal.look(balance)
    finally:
        await journal.close()
    states: dict[str, list[str]] = defaultdict(list)
    for row in rows:
        states[row["controlId"]].append(row["state"])
    wrong += [f"{id} stands {len(found)} times in the journal" for id, found in states.items() if len(found) > 1]
    lines = taken(log)
    digests: dict[str, set[str]] = defaultdict(set)
    newest: dict[str, str] = {}
    reordered: list[str] = []
    for line in lines:
        id = line["id"]
        patient = id.rpartition("-")[0]
        digests[id].add(line["digest"])
        if id < newest.get(patient, ""):
            reordered.append(f"{id} after {newest[patient]}")
        newest[patient] = max(id, newest.get(patient, ""))
    held = {id for id, found in states.items() if found[0] not in ("delivered",)}
    lost = [id for id in acked if id not in digests and id not in held]
    wrong += [
        f"{id} is delivered and never arrived"
        for id, found in states.items()
        if found[0] == "delivered" and id not in digests
    ]
    return Verdict(
        len(acked),
        len(digests),
        len(lines) - len(digests),
        tuple(lost),
        tuple(reordered),
        tuple(id for id, found in digests.items() if len(found) > 1),
        tuple(wrong),
    )


async def quiet(where: str, *, within_s: float = 60.0) -> None:
    """Waits until nothing is open any more."""
    journal = await Journal.open(where)
    try:
        until = monotonic() + within_s
        while True:
            counts = await journal.counts()
            if not counts["received"] + counts["converted"] + counts["retrying"]:
                return
            assert monotonic() < until, counts
            await asyncio.sleep(0.1)
    finally:
        await journal.close()


class Stub:
    """The FHIR server of the laboratory."""

    def __init__(self, folder: Path, **options: float) -> None:
        self.log = folder / "taken.jsonl"
        self.port = free_port()
        self._folder = folder
        self._options = options
        self._process: asyncio.subprocess.Process | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/fhir"

    async def start(self) -> None:
        options = [word for name, value in self._options.items() for word in (f"--{name}", str(value))]
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, str(Path(__file__).with_name("stub.py")), str(self._folder / "port"), str(self.log),
            "--port", str(self.port), *options,
        )  # fmt: skip
        async with asyncio.timeout(20):
            while not (self._folder / "port").exists():
                await asyncio.sleep(0.1)

    async def stop(self) -> None:
        (self._folder / "port").unlink(missing_ok=True)
        if self._process is not None and self._process.returncode is None:
            with suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()


async def kills(
    services: Sequence[Service], stub: Stub, where: str, *, count: int, seed: int, senders: int = 6
) -> tuple[Verdict, list[Sender]]:
    """So many deaths under load, at random instants, of one service after the other."""
    chance = random.Random(seed)
    stopping = asyncio.Event()
    loads = [
        Sender([f"P{s}{p}" for p in range(3)], [one.port for one in services], random.Random(seed * 100 + s))
        for s in range(senders)
    ]
    await asyncio.gather(*(one.start() for one in services))
    running = [asyncio.create_task(one.run(stopping)) for one in loads]
    try:
        for n in range(count):
            service = services[n % len(services)]
            before = sum(len(one.acked) for one in loads)
            await asyncio.sleep(chance.random() * 0.4)
            until = monotonic() + 20  # each life has to get something done, or nothing is proved
            while sum(len(one.acked) for one in loads) == before and monotonic() < until:
                await asyncio.sleep(0.01)
            await asyncio.sleep(chance.random() * 0.05)
            await service.kill()
            await service.start()
        stopping.set()
        async with asyncio.timeout(60):
            await asyncio.gather(*running)
        await quiet(where)
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
    for service in services:
        assert await service.stop() == 0
    acked = [id for one in loads for id in one.acked]
    return await judge(acked, stub.log, where), loads
