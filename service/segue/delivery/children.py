"""Conversions in processes of their own: many at once, large ones, and those that were in work when a process died
(P-34, S-56, S-57).

    parent ── length, request ──▶ child (converts, bounded in memory) ── length, result ──▶ parent (bounded in time)

A child has one message at a time: one that dies or takes too long takes that message with it and nothing else. Children
are started when they are first needed, by a command of the caller, which knows what rules they are to load.
"""

from __future__ import annotations

import asyncio
import contextlib
import pickle
import resource
import struct
import sys
from collections.abc import Mapping, Sequence
from typing import Any, BinaryIO, NamedTuple

from segue import log
from segue.convert import Converter
from segue.delivery.keys import Writes, writes
from segue.issues import Issue, Refusal, issue
from segue.mapping.sites import selected
from segue.terminology import Unmapped
from segue.terminology.remote import Translations
from segue.terminology.remote.question import Question

TIME_S = 30.0
MEMORY_BYTES = 512 << 20  # above what the child has when it is ready

_LENGTH = struct.Struct(">Q")
_READY = b"\x06"


class Made(NamedTuple):
    """What is kept of a conversion; a refused one has no body."""

    issues: tuple[Issue, ...]
    body: bytes | None = None
    event: str = ""
    control_id: str = ""
    sender: tuple[str, str] = ("", "")
    site: str = ""
    unmapped: tuple[Unmapped, ...] = ()
    unnamed: tuple[Question, ...] = ()  # displays that a child lacked (T-38)
    writes: Writes | None = None

    def saying(self, *issues: Issue) -> Made:
        return self._replace(issues=(*self.issues, *issues))


def made(converter: Converter, raw: bytes, options: Mapping[str, Any]) -> Made:
    """A conversion, or the issues for which there is none."""
    try:
        done = converter.convert(raw, **options)
        header = done.message.header
        site = options.get("site") or selected(converter.pack.sites, done.message) or ""
        sender = (header.leaf(3) or "", header.leaf(4) or "")
        told = writes(done.type, done.entries)
        return Made(done.issues, done.json(), done.event, done.control_id, sender, site, done.unmapped, writes=told)
    except Refusal as refusal:
        return Made(refusal.issues)
    except MemoryError:
        raise
    except Exception as error:
        log.get().error("conversion.bug", **log.fault(error))
        return Made((issue("internal"),))


class CulpritError(Exception):
    """The message ended its child, or would not end in time: "killed", "time", "memory"."""


class Child:
    """A converter in a process. One message at a time."""

    def __init__(self, command: Sequence[str], start: bytes = b"", *, time_s: float = TIME_S) -> None:
        """`start` is what the process reads first: what its rules are."""
        self._command = tuple(command)
        self._start = start
        self._time_s = time_s
        self._process: asyncio.subprocess.Process | None = None
        self._turn = asyncio.Lock()

    async def convert(self, raw: bytes, options: Mapping[str, Any]) -> Made:
        """Raises CulpritError."""
        async with self._turn:
            process = await self._ready()
            assert process.stdin is not None
            assert process.stdout is not None
            request = pickle.dumps((raw, dict(options)), pickle.HIGHEST_PROTOCOL)
            try:
                async with asyncio.timeout(self._time_s):
                    process.stdin.write(_LENGTH.pack(len(request)) + request)
                    await process.stdin.drain()
                    (size,) = _LENGTH.unpack(await process.stdout.readexactly(_LENGTH.size))
                    answer = await process.stdout.readexactly(size)
            except TimeoutError:
                await self._end()
                raise CulpritError("time") from None
            except (asyncio.IncompleteReadError, ConnectionError):
                await self._end()
                raise CulpritError("killed") from None
            except asyncio.CancelledError:
                await self._end()
                raise
            found = pickle.loads(answer)  # of our own child
            if isinstance(found, Made):
                return found
            await self._end()
            raise CulpritError(str(found))

    async def ready(self) -> None:
        """Waits until the process has loaded its rules."""
        async with self._turn:
            await self._ready()

    async def _ready(self) -> asyncio.subprocess.Process:
        if self._process is None or self._process.returncode is not None:
            self._process = await asyncio.create_subprocess_exec(
                *self._command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, start_new_session=True
            )  # in a session of its own: a signal of the terminal is for the parent to answer
            assert self._process.stdin is not None
            assert self._process.stdout is not None
            try:
                self._process.stdin.write(_LENGTH.pack(len(self._start)) + self._start)
                await self._process.stdin.drain()
                await self._process.stdout.readexactly(1)  # its rules are loaded: from here on the message is at fault
            except (asyncio.IncompleteReadError, ConnectionError):
                await self._end()
                raise RuntimeError("a process for conversions cannot be started") from None
        return self._process

    async def close(self) -> None:
        async with self._turn:
            await self._end()

    async def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            if process.stdin is not None:
                process.stdin.close()
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()


class Children:
    """Children for all messages, if any are `wanted`, and one more for those that must not be among others."""

    def __init__(self, wanted: int, command: Sequence[str], start: bytes = b"", *, time_s: float = TIME_S) -> None:
        self.wanted = wanted
        self._all = [Child(command, start, time_s=time_s) for _ in range(wanted)]
        self._free: asyncio.LifoQueue[Child] = asyncio.LifoQueue()
        for child in self._all:
            self._free.put_nowait(child)
        self._apart = Child(command, start, time_s=time_s)

    async def start(self) -> None:
        """Starts those that are for all messages."""
        await asyncio.gather(*(child.ready() for child in self._all))

    async def ready(self) -> None:
        """Waits until the one for suspects has loaded its rules."""
        await self._apart.ready()

    async def convert(self, raw: bytes, options: Mapping[str, Any], *, alone: bool = False) -> Made:
        """Raises CulpritError. `alone`: large, or suspected of ending its process."""
        if alone or not self.wanted:
            return await self._apart.convert(raw, options)
        child = await self._free.get()
        try:
            return await child.convert(raw, options)
        finally:
            self._free.put_nowait(child)

    async def close(self) -> None:
        await asyncio.gather(*(child.close() for child in (*self._all, self._apart)))


def first(requests: BinaryIO) -> bytes:
    """What the parent says first."""
    head = requests.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        raise SystemExit(0)  # the parent died meanwhile
    return requests.read(_LENGTH.unpack(head)[0])


def serve(converter: Converter, requests: BinaryIO, answers: BinaryIO, memory_bytes: int = MEMORY_BYTES) -> None:
    """The child's side, until the parent is gone; every rule has been read and compiled."""
    _bound(memory_bytes)
    with contextlib.suppress(BrokenPipeError):  # the parent died meanwhile
        _serve(converter, requests, answers)


def _serve(converter: Converter, requests: BinaryIO, answers: BinaryIO) -> None:
    answers.write(_READY)
    answers.flush()
    while head := requests.read(_LENGTH.size):
        raw, options = pickle.loads(requests.read(_LENGTH.unpack(head)[0]))  # of our own parent
        try:
            found: Any = made(converter, raw, options)
            if isinstance(converter.translator, Translations):
                found = found._replace(unnamed=converter.translator.unnamed())
        except MemoryError:
            found = "memory"
        answer = pickle.dumps(found, pickle.HIGHEST_PROTOCOL)
        answers.write(_LENGTH.pack(len(answer)) + answer)
        answers.flush()


def _bound(memory_bytes: int) -> None:
    if sys.platform == "linux":
        with open("/proc/self/statm", encoding="ascii") as file:  # noqa: PTH123 - a file of the kernel
            used = int(file.read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + memory_bytes, resource.RLIM_INFINITY))
