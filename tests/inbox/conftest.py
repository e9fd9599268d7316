"""An inbox with a clock that the test turns, and a desk over a terminology folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine

from segue.database import url_of
from segue.inbox.desk import Desk
from segue.inbox.schema import tables
from segue.inbox.sighting import added_up, line
from segue.inbox.store import Inbox
from segue.terminology import Terminology, Unmapped

from ..clock import Clock
from ..postgres import Cluster


@pytest.fixture(scope="session")
def database(cluster: Cluster) -> str:
    return cluster.database()


@pytest.fixture(params=["sqlite", "postgresql"])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty inbox, on each database (T-62)."""
    if request.param == "sqlite":
        return str(tmp_path / "inbox.db")
    address: str = request.getfixturevalue("database")
    engine = create_engine(url_of(address, "inbox"))
    tables.drop_all(engine)
    engine.dispose()
    return address


@pytest.fixture
def inbox(where: str, clock: Clock) -> Iterator[Inbox]:
    made = Inbox(where, clock=clock)
    yield made
    made.close()


@pytest.fixture(scope="session")
def terminology() -> Terminology:
    return Terminology.load()


@pytest.fixture
def desk(inbox: Inbox, tmp_path: Path, terminology: Terminology) -> Desk:
    return Desk(inbox, tmp_path / "terminology", lambda: terminology)


@pytest.fixture
def seen(inbox: Inbox, clock: Clock) -> Callable[..., str]:
    """Counts messages with one code; gives the id of its entry."""

    def count(code: str = "GLU", text: str = "Glucose", *, times: int = 1, sender: str = "LAB|NORTH", unit: str = "mg/dL",
              field: str = "OBX-3", system: str = "L", table: str = "", pending: bool = False) -> str:  # fmt: skip
        one = Unmapped(sender, field, system, code, unit, text, table)
        lines = [line([one], [one] if pending else [], f"M{n}", clock.now + n / 1000) for n in range(times)]
        tallies = added_up(lines)
        inbox.record(tallies)
        (key,) = tallies
        return key.id

    return count
