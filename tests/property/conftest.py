"""Messages for the properties: the project's examples, and what senders do to them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from segue import hl7
from segue.convert import Converter

settings.register_profile(
    "segue",
    max_examples=int(os.environ.get("SEGUE_EXAMPLES", "60")),
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
settings.load_profile("segue")

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(scope="session")
def converter() -> Converter:
    return Converter()


@pytest.fixture(scope="session")
def examples() -> dict[str, bytes]:
    """The messages of the example files, batches taken apart."""
    return {
        f"{path.stem}-{n}": raw
        for path in sorted(EXAMPLES.glob("*.hl7"))
        for n, raw in enumerate(hl7.split_batch(path.read_bytes()).messages)
    }
