"""The journal of a process: an open database, its writer, and what the rest of the program asks of them.

All waiting is done in the event loop; all writing in the writer's thread; looking things up in threads of their own.
Rules: S-20, S-36 to S-55.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Collection
from time import monotonic
from typing import TypeVar

from sqlalchemy import Connection, func, select

from segue.journal import acknowledgements, owners, transitions
from segue.journal import metadata as about
from segue.journal.acknowledgements import Owed
from segue.journal.arrivals import WINDOW_S, Arrival, Entered
from segue.journal.cargo import Cargo, cargo
from segue.journal.content import content_of, raw_of
from segue.journal.database import Database
from segue.journal.metadata import Metadata, OrderBy
from segue.journal.schema import message, tally
from segue.journal.staleness import About
from segue.journal.states import PRUNED, READY, RECEIVED, STATES, State
from segue.journal.transitions import Claim, Step
from segue.journal.writer import Call, Given, Keep, Move, Receive, Take, Wish, Writer
from segue.mllp.mode import Mode
from segue.secret import Secret

LEASE_S = 60.0
Found = TypeVar("Found")


class Journal:
    """Open it with `await Journal.open(…)`, end it with `await close()`."""

    def __init__(self, database: Database, *, lease_s: float = LEASE_S, window_s: float = WINDOW_S) -> None:
        self.database = database
        self.owner = owners.this()
        self.lease_s = lease_s
        self.window_s = window_s
        self._writer = Writer(database, self.owner, lease_s, window_s)

    @classmethod
    async def open(
        cls,
        where: str,
        *,
        lease_s: float = LEASE_S,
        window_s: float = WINDOW_S,
        create: bool = True,
        password: Secret | None = None,
    ) -> Journal:
        """Opens, migrates and checks the journal of a FILE or address; raises StoreError."""
        database = await asyncio.to_thread(_opened, where, create, password)
        journal = cls(database, lease_s=lease_s, window_s=window_s)
        await asyncio.to_thread(journal._writer.start)
        return journal

    async def close(self) -> None:
        """Writes what is to be written and lets go."""
        await asyncio.to_thread(self._writer.close)
        self.database.close()

    # receiving ────────────────────────────────────────────────────────────────────────────────────────────────────

    async def receive(
        self,
        raw: bytes,
        found: Metadata,
        *,
        listener: str,
        address: str = "",
        order: OrderBy = "patient",
        claim: bool = True,
        mode: Mode | None = None,
        owed: Owed | None = None,
        hold_stale: bool = False,
    ) -> Entered:
        """Stores a message; when this returns it is synced to disk. Raises StoreError: then it may or may not be."""
        digest = hashlib.sha256(raw)
        identity = about.identity(found, listener)
        arrival = Arrival(
            raw,
            digest.hexdigest(),
            listener,
            address,
            found,
            about.order_keys(found, order, listener, address),
            order == "patient" and bool(found.patients),
            identity,
            None if identity is None else about.key_of(str(identity), digest.hexdigest()),
            claim,
            None if mode is None else str(mode),
            owed,
            about.compared(found, listener) if hold_stale else About(),
        )
        job = Receive(arrival=arrival)
        self._writer.put(job)
        return await job.future

    async def keep_ack(self, id: int, ack: bytes, rules: str) -> None:
        """Stores how a message was answered, for whoever sends it again (S-43)."""
        await self.kept_ack(id, ack, rules)

    def kept_ack(self, id: int, ack: bytes, rules: str) -> asyncio.Future[None]:
        """The same, to be waited for later or not at all."""
        job = Keep(id=id, ack=ack, rules=rules)
        self._writer.put(job)
        return job.future

    def employ(self, wish: Callable[[], Wish], given: Callable[[Given], None]) -> None:
        """Who works on messages of this process that make way for others, or wait for nothing more: `wish` says for how
        many there are hands and is asked in the writer's thread; `given` gets their claims, in the event loop."""
        self._writer.wish, self._writer.given = wish, given

    def listen_due(self, due: Callable[[], None]) -> None:
        """Who is to be told when application acknowledgements are due."""
        self._writer.due = due

    # working ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def move(self, step: Step) -> asyncio.Future[bool]:
        """Makes a transition with the next commit; False: the claim no longer held and nothing was done."""
        job = Move(step=step)
        self._writer.put(job)
        return job.future

    async def take(self, limit: int, states: tuple[State, ...] = READY) -> list[Claim]:
        """Claims messages whose turn it is."""
        job = Take(limit=limit, states=states)
        self._writer.put(job)
        return await job.future

    async def begin(self, claim: Claim) -> int | None:
        """Counts another start of a suspect, durably, before it is made (S-55)."""
        return await self.call(lambda connection, _: transitions.begin(connection, claim.id, claim.fence), queues=False)

    async def renew(self, claims: Collection[tuple[int, int]]) -> set[int]:
        """Longer leases; the messages whose claim still holds."""
        if not claims:
            return set()
        return await self.call(
            lambda connection, now: transitions.renew(connection, now, self.lease_s, claims), queues=False
        )

    async def release_dead(self) -> int:
        """Ends claims of processes of this machine that are gone (S-80)."""

        def release(connection: Connection, _now: float) -> int:
            known = connection.scalars(select(message.c.owner).where(message.c.owner.is_not(None)).distinct()).all()
            sending = acknowledgements.owners(connection)
            dead = owners.gone([*sending, *(one for one in known if one is not None)])
            return transitions.release_owners(connection, dead) if dead else 0

        return await self.call(release)

    async def release_own(self) -> int:
        """Hands back every claim of this process (S-78)."""
        return await self.call(lambda connection, _: transitions.release_owners(connection, [self.owner]))

    async def answered(self, target: str) -> int:
        """A target is back: what waits for it has its turn at once."""
        return await self.call(lambda connection, _: transitions.answered(connection, target), queues=False)

    async def call(
        self, function: Callable[[Connection, float], Found], *, queues: bool = True, lasting: bool = False
    ) -> Found:
        """Runs a function of connection and time in the writer's transaction; `lasting`: it must not get lost."""
        job = Call(function=function, queues=queues, lasting=lasting)
        self._writer.put(job)
        return await job.future

    # looking ──────────────────────────────────────────────────────────────────────────────────────────────────────

    async def look(self, function: Callable[[Connection], Found]) -> Found:
        """Runs a function that only reads, beside the writer."""

        def run() -> Found:
            with self.database.read() as connection:
                return function(connection)

        return await asyncio.to_thread(run)

    async def raw(self, id: int) -> bytes | None:
        """The bytes as received; None where they were pruned; raises DamageError."""
        return await self.look(lambda connection: raw_of(connection, id))

    async def cargo(self, claim: Claim) -> Cargo | None:
        """What a message is worked on with; None where its bytes are gone."""
        if claim.cargo is not None:
            return claim.cargo
        return (await self.look(lambda connection: cargo(connection, [claim.id]))).get(claim.id)

    async def bundle(self, id: int) -> bytes | None:
        """The Bundle as it was made last."""
        return await self.look(lambda connection: content_of(connection, id, "bundle"))

    async def counts(self) -> dict[str, int]:
        """Messages by state, and `received`, the number of all that ever came."""
        return await self.look(counts)

    # health ───────────────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def fault(self) -> str | None:
        """Why the journal cannot be written at present."""
        return self._writer.fault

    @property
    def since_commit_s(self) -> float:
        return monotonic() - self._writer.committed_at

    @property
    def commits(self) -> int:
        """Transactions of this process."""
        return self._writer.commits

    @property
    def backlog(self) -> int:
        """Jobs that wait for the writer."""
        return self._writer.waiting


def _opened(where: str, create: bool, password: Secret | None) -> Database:
    database = Database(where, create=create, password=password)
    database.migrate()
    return database


def counts(connection: Connection) -> dict[str, int]:
    """Messages by state, `pruned`, and `total`, the number of all that ever came."""
    names: dict[str, str] = {PRUNED: "pruned", RECEIVED: "total"}
    return {str(names.get(row.state, row.state)): row.total for row in connection.execute(_TALLIES)}


def balance(connection: Connection) -> list[str]:
    """What does not add up: tallies against rows, and the sum of the states against all that came (S-41)."""
    told = counts(connection)
    real: dict[str, int] = dict.fromkeys(STATES, 0)
    real |= {
        row[0]: row[1] for row in connection.execute(select(message.c.state, func.count()).group_by(message.c.state))
    }
    wrong = [
        f"{state}: {real[state]} messages, {told.get(state)} counted"
        for state in real
        if real[state] != told.get(state)
    ]
    if sum(real.values()) + told["pruned"] != told["total"]:
        wrong.append(f"{told['total']} received, {sum(real.values())} in states and {told['pruned']} pruned")
    return wrong


_TALLIES = select(tally.c.state, tally.c.count.label("total"))
