"""What the laboratory shares: where services come from."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from .laboratory import Nursery, compiled


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def nursery() -> AsyncIterator[Nursery]:
    with tempfile.TemporaryDirectory() as folder:  # a short path: a socket's has 107 characters
        made = Nursery(Path(folder), compiled("power_cut.c", Path(folder)))
        await made.open()
        yield made
        await made.close()
