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
import shutil
import signal
import socket
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
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
    """Number `n` of a patient, sent `n` seconds into a day; its control id says both."""
    more = f"MRG|{merged}^^^NORTH^MR\r" if merged else ""
    event = "A40" if merged else "A08"
    at = f"{n // 3600:02}{n // 60 % 60:02}{n % 60:02}"
    return (
        f"MSH|^~\\&|LAB|NORTH|EHR|HOSP|20260301{at}||ADT^{event}|{patient}-{n:05}|P|2.5\r"
        f"EVN|{event}|20260301\rPID|1||{patient}^^^NORTH^MR||Marlow^Ines||19800102|F\r{more}PV1|1|I\r"
    ).encode()


class Nursery:
    """Where services come from, without the seconds that each would take to read its rules; see nursery.py."""

    def __init__(self, folder: Path, preload: Path | None = None) -> None:
        """`preload`: a library that stands before those of the system in every service."""
        self._socket = folder / "nursery"
        self._environment = os.environ | ({"LD_PRELOAD": str(preload)} if preload is not None else {})
        self.preload = preload
        self._process: asyncio.subprocess.Process | None = None
        self._born: asyncio.Queue[int] = asyncio.Queue()
        self._ends: dict[int, asyncio.Future[int]] = {}
        self._reading: asyncio.Task[None] | None = None
        self._turn = asyncio.Lock()

    async def open(self) -> None:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            str(Path(__file__).with_name("nursery.py")),
            str(self._socket),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env=self._environment,
            cwd=ROOT,
        )
        assert self._process.stdout is not None
        async with asyncio.timeout(60):
            assert await self._process.stdout.readline()
        self._reading = asyncio.create_task(self._read(self._process.stdout))

    async def _read(self, lines: asyncio.StreamReader) -> None:
        async for line in lines:
            told = json.loads(line)
            if "pid" in told:
                self._ends[told["pid"]] = asyncio.get_running_loop().create_future()
                self._born.put_nowait(told["pid"])
            else:
                self._ends[told["ended"]].set_result(told["code"])

    async def start(self, words: Sequence[str], environment: Mapping[str, str], log: Path) -> int:
        assert self._process is not None
        assert self._process.stdin is not None
        asked = {"words": list(words), "environment": dict(environment), "log": str(log)}
        async with self._turn:
            self._process.stdin.write(json.dumps(asked).encode() + b"\n")
            await self._process.stdin.drain()
            return await self._born.get()

    async def ended(self, pid: int) -> int:
        return await asyncio.shield(self._ends[pid])

    async def close(self) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.close()
        await self._process.wait()
        if self._reading is not None:
            await self._reading


@dataclass(slots=True)
class Service:
    """One `segue serve`, started, killed and started again on the same port; alone, or from a nursery."""

    journal: str
    deliver: str
    log: Path
    nursery: Nursery | None = None
    port: int = field(default_factory=free_port)
    environment: dict[str, str] = field(default_factory=dict[str, str])
    pid: int = 0
    starts: int = 0
    _process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        words = ["serve", "--http-port", "0", "--mllp-port", str(self.port)]
        words += ["--journal", self.journal, *(["--deliver", self.deliver] if self.deliver else [])]
        environment = QUICK | self.environment
        if self.nursery is not None:
            self.pid = await self.nursery.start(words, environment, self.log)
        else:
            with self.log.open("ab") as out:
                self._process = await asyncio.create_subprocess_exec(
                    sys.executable, "-m", "segue.cli", *words, env=os.environ | environment, stdout=out, stderr=out, cwd=ROOT
                )  # fmt: skip
            self.pid = self._process.pid
        async with asyncio.timeout(60):
            while not await self._listens():
                await asyncio.sleep(0.02)
        self.starts += 1

    async def _listens(self) -> bool:
        assert not self._ended, self.log.read_text()[-2000:]
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", self.port)
        except OSError:
            return False
        writer.close()
        return True

    @property
    def _ended(self) -> bool:
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return True
        return self._process is not None and self._process.returncode is not None

    async def _end(self) -> int:
        async with asyncio.timeout(60):
            if self._process is not None:
                code = await self._process.wait()
            else:
                assert self.nursery is not None
                code = await self.nursery.ended(self.pid)
        self.pid = 0
        return code

    async def kill(self) -> None:
        """Without a word, at whatever it is doing."""
        if self.pid:
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
            await self._end()

    async def stop(self) -> int:
        """As a careful operator does."""
        os.kill(self.pid, signal.SIGTERM)
        return await self._end()

    def freeze(self, frozen: bool) -> None:
        os.kill(self.pid, signal.SIGSTOP if frozen else signal.SIGCONT)

    def memory_bytes(self) -> int:
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(re.findall(r"VmRSS:\s+(\d+)", status)[0]) << 10


@dataclass(slots=True)
class Sender:
    """Sends the messages of its patients until told to stop, each until it is answered with AA."""

    patients: Sequence[str]
    ports: Sequence[int]
    chance: random.Random
    acked: list[str] = field(default_factory=list[str])
    at: list[float] = field(default_factory=list[float])  # when each was acknowledged
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
            self.at.append(monotonic())
            counts[patient] += 1
            sent += 1
            if self.pause_s:
                await asyncio.sleep(self.pause_s)
        if client is not None:
            await client.close()


async def more(senders: Sequence[Sender], *, within_s: float = 40) -> None:
    """Waits until every sender got something accepted."""
    before = [len(one.acked) for one in senders]
    until = monotonic() + within_s
    while any(len(one.acked) <= n for one, n in zip(senders, before, strict=True)):
        assert monotonic() < until, [len(one.acked) for one in senders]
        await asyncio.sleep(0.02)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the checker found; good when nothing is lost, held, reordered, in doubt or out of balance."""

    acked: int
    taken: int
    repeats: int
    lost: tuple[str, ...]
    held: tuple[str, ...]  # accepted and visible, and never delivered: nothing in the laboratory is to be held
    reordered: tuple[str, ...]
    altered: tuple[str, ...]
    wrong: tuple[str, ...]

    @property
    def good(self) -> bool:
        return not (self.lost or self.held or self.reordered or self.altered or self.wrong)


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
        tuple(id for id in acked if id not in digests and id in held),
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


def compiled(source: str, to: Path) -> Path | None:
    """A library of this folder; None where no C compiler is on this machine."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        return None
    library = to / Path(source).with_suffix(".so").name
    file = Path(__file__).with_name(source)
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", library, file, "-ldl", "-lpthread"], check=True)
    return library


NO_COMPILER = "a C compiler is not on this machine: apt-get install gcc"


async def kills(
    services: Sequence[Service],
    stub: Stub,
    where: str,
    *,
    count: int,
    seed: int,
    senders: int = 6,
    after: Callable[[], None] = lambda: None,
) -> tuple[Verdict, list[Sender]]:
    """So many deaths under load, at random instants, of one service after the other; `after` each of them."""
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
            await asyncio.sleep(chance.random() * 0.3)
            until = monotonic() + 20  # each life has to get something done, or nothing is proved
            while sum(len(one.acked) for one in loads) == before:
                assert monotonic() < until, "twenty seconds, and nothing was accepted"
                assert not any(task.done() for task in running), "a sender got an answer that it should not"
                await asyncio.sleep(0.01)
            await asyncio.sleep(chance.random() * 0.6)
            await service.kill()
            after()
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
