"""Messages for the properties: the project's examples, and what senders do to them."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, settings

from segue.convert import Converter

settings.register_profile(
    "segue",
    max_examples=int(os.environ.get("SEGUE_EXAMPLES", "120")),
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
settings.load_profile("segue")


@pytest.fixture(scope="session")
def converter() -> Converter:
    return Converter()
