"""An inbox with a clock that the test turns, and a desk over a terminology folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from segue.inbox.desk import Desk
from segue.inbox.sighting import added_up, line
from segue.inbox.store import Inbox
from segue.terminology import Terminology, Unmapped

from ..clock import Clock


@pytest.fixture
def inbox(tmp_path: Path, clock: Clock) -> Iterator[Inbox]:
    made = Inbox(tmp_path / "inbox.db", clock=clock)
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
