"""The keys by which a server finds the resources of a Bundle, and turns by key: two sends that write one never overlap
(S-61a).

    send 1   Patient?…A  Practitioner?…X     runs
    send 2   Patient?…B                      runs beside it
    send 3   Patient?…B  Practitioner?…X     waits for 1 and 2
    send 4   Patient?…C  Practitioner?…X     waits for 3 alone

A send takes its place in the line of each of its keys at once, when it comes: so nobody overtakes on a shared key, and
two sends never wait for each other. A registry resource that will stand there just so already is *shared*: sends that
change nothing run side by side, and only one that would change it waits for them. Without that the device and the
organization which every message of a sender names would put all of them into one line. Where the send they counted on
failed, sharers write one after the other. Lines exist in this process only; between processes a conflict is tried again.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, NamedTuple, cast

import orjson

from segue.fhir.bundle import REGISTRY

REMEMBERED = 65_536  # keys of one target


class Claim(NamedTuple):
    """What an entry does to its key: writes this content, or only makes the resource where there is none."""

    digest: bytes
    creates: bool
    registry: bool  # a resource that many messages name alike (R-VERB-4)

    def changes(self, there: bytes | None) -> bool:
        """Whether it would change what is there: a digest, b"" for anything, None for nothing or nobody knows."""
        return not self.registry or there is None or not (self.creates or there == self.digest)


class Writes(NamedTuple):
    """The type of a Bundle, and what it writes by key."""

    type: str
    claims: dict[str, Claim]


def claims(bundle: dict[str, Any]) -> dict[str, Claim]:
    """By `Type?query` or `Type/id` of every entry: what its request names, else the resource itself."""
    entries = cast("list[dict[str, Any]]", bundle.get("entry", []))
    return writes(bundle.get("type", ""), ((entry, None) for entry in entries)).claims


def writes(type: str, entries: Iterable[tuple[dict[str, Any], bytes | None]]) -> Writes:
    """The same of entries, each with the JSON of its resource where that is at hand."""
    found: dict[str, Claim] = {}
    by_request = type != "message"  # what a receiver of messages writes is its own affair
    for entry, text in entries:
        request: dict[str, str] = entry.get("request", {})
        resource: dict[str, Any] = entry.get("resource", {})
        creates = "ifNoneExist" in request
        if creates:
            key = f"{request['url']}?{request['ifNoneExist']}"
        elif request.get("method", "POST") != "POST":
            key = request["url"]
        elif "id" in resource:
            key = f"{resource['resourceType']}/{resource['id']}"
        else:
            continue
        registry = by_request and resource.get("resourceType") in REGISTRY
        digest = b""
        if registry:
            digest = blake2b(orjson.dumps(resource) if text is None else text, digest_size=16).digest()
        found[key] = Claim(digest, creates, registry)
    return Writes(type, found)


@dataclass(slots=True)
class _Line:
    """Of one key: the last send that writes it, what will stand there then, and those after that change nothing."""

    writer: asyncio.Future[None] | None = None
    expected: bytes | None = None
    sharers: set[asyncio.Future[None]] = field(default_factory=lambda: set[asyncio.Future[None]]())
    repair: asyncio.Lock = field(default_factory=asyncio.Lock)

    def share(self, done: asyncio.Future[None]) -> set[asyncio.Future[None]]:
        """Takes a place beside other sharers; gives those to wait for."""
        self.sharers.add(done)
        return {self.writer} if self.writer is not None else set()

    def write(self, done: asyncio.Future[None], claim: Claim) -> set[asyncio.Future[None]]:
        """Takes a place alone; gives those to wait for."""
        before = self.sharers if self.writer is None else {self.writer, *self.sharers}
        self.writer, self.sharers = done, set()
        self.expected = (b"" if claim.creates else claim.digest) if claim.registry else None
        return before

    def leave(self, done: asyncio.Future[None]) -> bool:
        """Gives the place back; True where nobody is left."""
        self.sharers.discard(done)
        if self.writer is done:
            self.writer = None
        return self.writer is None and not self.sharers


class Turn:
    """A send that has its turn."""

    def __init__(self, arrived: Callable[[], None]) -> None:
        self.arrived = arrived  # to be called when the server has taken the Bundle


class Turns:
    """The lines of one target, and what it holds as far as this process sent it."""

    def __init__(self, limit: int = REMEMBERED) -> None:
        self._lines: dict[str, _Line] = {}
        self._held: OrderedDict[str, bytes] = OrderedDict()
        self._limit = limit

    def __len__(self) -> int:
        """Keys in use."""
        return len(self._lines)

    @asynccontextmanager
    async def turn(self, wanted: Mapping[str, Claim]) -> AsyncGenerator[Turn]:
        """Waits for everybody who came before with one of these keys, save where both only share it."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        before: set[asyncio.Future[None]] = set()
        shared: list[str] = []
        for key, claim in wanted.items():
            line = self._lines.setdefault(key, _Line())
            there = line.expected if line.writer is not None else self._held.get(key)
            if claim.changes(there):
                before |= line.write(done, claim)
            else:
                before |= line.share(done)
                shared.append(key)
        try:
            if before:
                await asyncio.wait(before)
            async with AsyncExitStack() as stack:
                repaired = await self._repair(stack, wanted, shared)
                for key in wanted.keys() - set(shared) | repaired:
                    self._held.pop(key, None)  # until the server has answered nobody knows
                yield Turn(lambda: self._remember(wanted))
        finally:
            # Whoever gives up while waiting keeps its place for those behind until those before it are through.
            self._leave(tuple(wanted), done, {one for one in before if not one.done()})

    async def _repair(self, stack: AsyncExitStack, wanted: Mapping[str, Claim], shared: Iterable[str]) -> set[str]:
        """Keys that do not hold what was counted on: their sharers write one after the other until one arrives."""
        found: set[str] = set()
        for key in sorted(shared):
            if wanted[key].changes(self._held.get(key)):
                lock = self._lines[key].repair
                await lock.acquire()
                if wanted[key].changes(self._held.get(key)):
                    stack.callback(lock.release)
                    found.add(key)
                else:
                    lock.release()
        return found

    def _remember(self, wanted: Mapping[str, Claim]) -> None:
        held = self._held
        for key, claim in wanted.items():
            if claim.registry and not (claim.creates and key in held):
                held[key] = b"" if claim.creates else claim.digest  # b"": whatever stood there before
                held.move_to_end(key)
        while len(held) > self._limit:
            held.popitem(last=False)

    def _leave(self, keys: tuple[str, ...], done: asyncio.Future[None], before: set[asyncio.Future[None]]) -> None:
        if before:
            one = next(iter(before))
            one.add_done_callback(lambda _: self._leave(keys, done, {b for b in before if not b.done()}))
            return
        done.set_result(None)
        for key in keys:
            if self._lines[key].leave(done):
                del self._lines[key]
