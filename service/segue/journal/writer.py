"""The one thread of a process that writes the journal: all that waits goes into one transaction (S-38, S-39).

    jobs ─▶ queue ─▶ BEGIN · steps · arrivals · claims · the rest · COMMIT (fsync) ─▶ answers, in order

There is no timer: an idle journal commits the first job at once, and what comes meanwhile waits together for the
next commit. A failed commit is never tried again on the same connection: whoever waits for an arrival is told no,
steps are made again on a new one (their fences make that safe), and the journal is not writable until that worked.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from time import monotonic
from typing import Any, Generic, NamedTuple, TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import InterfaceError, InternalError, OperationalError

from segue import log
from segue.database import StoreError
from segue.journal import arrivals, bell, cargo, queues, staleness, transitions
from segue.journal.arrivals import Arrival
from segue.journal.database import Database
from segue.journal.statements import prepared
from segue.journal.states import READY, State
from segue.journal.transitions import Claim, Step

BATCH = 256  # jobs in one transaction
PAUSE_S = (0.1, 5.0)  # before the next try after a failure: first and longest

Result = TypeVar("Result")


@dataclass(slots=True, eq=False)
class Job(Generic[Result]):
    """Something to be written, and who waits for it."""

    future: asyncio.Future[Result] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


@dataclass(slots=True, eq=False)
class Receive(Job[arrivals.Entered]):
    """A message that came."""

    arrival: Arrival = field(kw_only=True)


@dataclass(slots=True, eq=False)
class Move(Job[bool]):
    """A step; False where its claim no longer held."""

    step: Step = field(kw_only=True)


@dataclass(slots=True, eq=False)
class Keep(Job[None]):
    """How a message was answered, for whoever sends it again (S-43)."""

    id: int = field(kw_only=True)
    ack: bytes = field(kw_only=True)
    rules: str = field(kw_only=True)


@dataclass(slots=True, eq=False)
class Take(Job[list[transitions.Claim]]):
    """A wish for work."""

    limit: int = field(kw_only=True)
    states: tuple[State, ...] = READY


@dataclass(slots=True, eq=False)
class Call(Job[Any]):
    """Anything else, as a function of connection and time. `lasting`: made again after a failure."""

    function: Callable[[Connection, float], Any] = field(kw_only=True)
    queues: bool = True
    lasting: bool = False


class Wish(NamedTuple):
    """For how many messages a worker has hands, and in which states."""

    limit: int
    states: tuple[State, ...] = READY


class Given(NamedTuple):
    """What was claimed for a worker, since when (monotonic), and whether there may be more."""

    claims: list[Claim]
    since: float
    more: bool


class Writer:
    """Owns the writing connection."""

    def __init__(self, database: Database, owner: str, lease_s: float, window_s: float) -> None:
        self._database = database
        self.owner = owner
        self._lease_s = lease_s
        self._window_s = window_s
        self._jobs: deque[Job[Any]] = deque()
        self._wake = threading.Condition()
        self._ended = False
        self._connection: Connection | None = None
        self._thread = threading.Thread(target=self._run, name="journal-writer", daemon=True)
        self.fault: str | None = None  # why the journal cannot be written at present
        self.committed_at = monotonic()
        self.commits = 0
        self.wish: Callable[[], Wish] = _nobody  # asked in this thread when there may be work
        self.given: Callable[[Given], None] = _nothing  # called in the event loop with what was claimed
        self.due: Callable[[], None] = _nothing  # the same when application acknowledgements are due
        self._alone = 0  # jobs to be written one by one
        self._loop = asyncio.get_running_loop()

    def start(self) -> None:
        """Raises StoreError where the journal cannot be written."""
        self._open()
        self._thread.start()

    def _open(self) -> None:
        self._connection = prepared(self._database.write(), transitions, arrivals, queues, staleness, cargo)

    def put(self, job: Job[Any]) -> None:
        with self._wake:
            if self._ended:
                job.future.set_exception(StoreError("the journal is closed"))
                return
            self._jobs.append(job)
            if len(self._jobs) == 1:
                self._wake.notify()

    @property
    def waiting(self) -> int:
        return len(self._jobs)

    def close(self) -> None:
        """Writes what is there and ends."""
        with self._wake:
            self._ended = True
            self._wake.notify()
        if self._thread.is_alive():
            self._thread.join()
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    # the thread's side ────────────────────────────────────────────────────────────────────────────────────────────

    def _run(self) -> None:
        pause_s = PAUSE_S[0]
        while True:
            with self._wake:
                while not self._jobs and not self._ended:
                    self._wake.wait()
                if not self._jobs:
                    return
                size = 1 if self._alone else min(BATCH, len(self._jobs))
                self._alone = max(0, self._alone - 1)
                batch = [self._jobs.popleft() for _ in range(size)]
            try:
                results = self._commit(batch)
            except Exception as error:
                self._failed(batch, error)
                if self._ended and self.fault is not None:
                    return
                if self.fault is None:
                    continue
                with self._wake:
                    self._wake.wait_for(lambda: self._ended, timeout=pause_s)
                pause_s = min(PAUSE_S[1], pause_s * 2)
                continue
            pause_s = PAUSE_S[0]
            if self.fault is not None:
                log.get().info("journal.writable")
                self.fault = None
            self.committed_at = monotonic()
            self.commits += 1
            self._tell(results)

    def _tell(self, results: Sequence[tuple[Job[Any], Any]]) -> None:
        if results and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(settle, results)

    def _commit(self, batch: Sequence[Job[Any]]) -> list[tuple[Job[Any], Any]]:
        if self._connection is None:
            self._open()
        connection = self._connection
        assert connection is not None
        moving = any(isinstance(job, Receive | Move) or (isinstance(job, Call) and job.queues) for job in batch)
        began = monotonic()  # before the time of the leases is read
        now = self._database.turn(connection, queues=moving)
        results: list[tuple[Job[Any], Any]] = []
        freed = due = 0
        moves = [job for job in batch if isinstance(job, Move)]
        if moves:
            applied = transitions.apply(connection, now, [job.step for job in moves])
            results += zip(moves, applied.made, strict=True)
            freed, due = applied.freed, applied.due
        coming = [job for job in batch if isinstance(job, Receive)]
        if coming:
            entered = arrivals.receive(
                connection, now, [job.arrival for job in coming], self.owner, self._lease_s, self._window_s
            )
            results += zip(coming, entered, strict=True)
        kept = [job for job in batch if isinstance(job, Keep)]
        if kept:
            arrivals.keep(connection, [(job.id, job.ack, job.rules) for job in kept])
            results += ((job, None) for job in kept)
        for job in batch:
            if isinstance(job, Take):
                results.append(
                    (job, transitions.claim(connection, now, self.owner, self._lease_s, job.limit, job.states))
                )
            elif isinstance(job, Call):
                results.append((job, job.function(connection, now)))
        given: Given | None = None
        ready: set[State] = {state for job in batch for state in _makes_work(job)}
        if freed:
            ready.add("converted")
        if ready:
            given = self._given(connection, now, began, ready)
        connection.commit()
        if given is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self.given, given)
        if due and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self.due)
        return results

    def _given(self, connection: Connection, now: float, began: float, ready: Collection[State]) -> Given:
        """Claims for the worker of this process, so that who waited for a message begins when that one ends; what is too
        much for it is told to the others."""
        limit, states = self.wish()
        claims: list[Claim] = []
        if limit and not set(states).isdisjoint(ready):
            claims = transitions.claim(connection, now, self.owner, self._lease_s, limit, states)
        more = len(claims) >= limit
        if not self._database.is_file and (more or states != READY):
            bell.ring(connection)
        return Given(claims, began, more)

    def _failed(self, batch: Sequence[Job[Any]], error: Exception) -> None:
        """Tells those who may send again, keeps what has to be written, and starts over with a new connection.

        What the database refuses for itself, and not because it is ill, is found by writing the jobs one by one.
        """
        cause = getattr(error, "orig", None) or error
        ill = isinstance(error, OperationalError | InterfaceError | InternalError | StoreError | OSError)
        if ill:
            self.fault = getattr(cause, "sqlite_errorname", None) or type(cause).__name__
            log.get().error("journal.not-writable", reason=self.fault)
        else:
            log.get().error("journal.bug", jobs=len(batch), **log.fault(cause))
        if self._connection is not None:
            try:
                self._connection.invalidate()
                self._connection.close()
            except Exception as closing:  # the driver's own trouble with a connection that is gone
                log.get().warning("journal.closing", **log.fault(closing))
            self._connection = None
        if ill:
            self._database.reset()
            again = [job for job in batch if isinstance(job, Move | Keep) or (isinstance(job, Call) and job.lasting)]
        else:
            again = list(batch) if len(batch) > 1 else []
            self._alone = len(again)
        with self._wake:
            self._jobs.extendleft(reversed(again))
        kept = set(map(id, again))
        refused = StoreError("the journal cannot be written at present")
        self._tell([(job, refused) for job in batch if id(job) not in kept])


def _makes_work(job: Job[Any]) -> Collection[State]:
    """The states in which a job may leave messages behind that wait for nothing and are nobody's."""
    match job:
        case Receive(arrival=arrival) if not arrival.claim:
            return ("received",)
        case Move(step=step) if step.state in READY and not step.keep and not step.delay_s:
            return (step.state,)
        case Call(queues=True):
            return READY
        case _:
            return ()


def _nobody() -> Wish:
    """No hands."""
    return Wish(0)


def _nothing(*_: object) -> None:
    """Nobody wants to know."""


def settle(results: Sequence[tuple[Job[Any], Any]]) -> None:
    """Answers whoever waits; in the event loop's thread."""
    for job, result in results:
        if not job.future.done():  # who waited may have gone
            if isinstance(result, Exception):
                job.future.set_exception(result)
            else:
                job.future.set_result(result)
