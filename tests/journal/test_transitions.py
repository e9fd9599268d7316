"""Claims, fences, leases and starts (S-54, S-55, S-80, S-92)."""

from __future__ import annotations

import asyncio
import sys

from sqlalchemy import update

from segue.journal.journal import Journal
from segue.journal.owners import gone, this
from segue.journal.schema import message
from segue.journal.transitions import Step

from .conftest import Open, adt, receive


async def test_S92_a_step_of_an_older_claim_changes_nothing(where: str, opened: Open) -> None:
    journal = await opened(where, lease_s=0.0)
    entered = await receive(journal, adt())
    (claim,) = await journal.take(1)
    assert claim.fence == entered.fence + 1
    assert not await journal.move(Step(entered.id, entered.fence, "delivered"))
    assert await journal.move(Step(claim.id, claim.fence, "delivered"))
    assert not await journal.move(Step(claim.id, claim.fence, "dead"))
    assert (await journal.counts())["delivered"] == 1


async def test_S92_a_claim_is_nobody_elses_until_its_lease_ends(journal: Journal) -> None:
    await receive(journal, adt())
    assert await journal.take(1) == []
    await journal.call(lambda connection, _: connection.execute(update(message).values(lease_until=0.0)))
    (claim,) = await journal.take(1)
    assert claim.suspect  # it was in work, and nobody said how that ended (S-56)
    assert await journal.renew([(claim.id, claim.fence), (claim.id, claim.fence - 1)]) in ({claim.id}, set())
    assert await journal.renew([(claim.id, claim.fence)]) == {claim.id}


async def test_S55_starts_are_counted_before_work_and_forgotten_after_it(journal: Journal) -> None:
    await receive(journal, adt(), claim=False)
    (claim,) = await journal.take(1)
    assert not claim.suspect
    assert await journal.begin(claim) == 2
    assert await journal.move(Step(claim.id, claim.fence, "retrying", failed=True))
    (claim,) = await journal.take(1)
    assert (claim.suspect, claim.tries) == (False, 1)


async def test_S80_claims_of_dead_processes_are_freed_at_once(journal: Journal) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", "from segue.journal.owners import this; print(this())", stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate()
    dead = out.decode().strip()
    assert gone([dead, this(), "elsewhere/1/1"]) == [dead]
    await receive(journal, adt())
    assert await journal.release_dead() == 0
    await journal.call(lambda connection, _: connection.execute(update(message).values(owner=dead)))
    assert await journal.release_dead() == 1
    assert len(await journal.take(1)) == 1
