"""What the laboratory shares: where services come from."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from .laboratory import Nursery


@pytest.fixture
async def nursery() -> AsyncIterator[Nursery]:
    made = Nursery()
    await made.open()
    yield made
    await made.close()
