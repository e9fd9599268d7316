"""Addresses of databases, and what is told of one that does not answer (O-42, S-35)."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

from segue.database import StoreError, on_postgresql, told, url_of
from segue.secret import Secret


@pytest.mark.parametrize(
    ("given", "driver"),
    [
        ("j.db", "sqlite"),
        ("sqlite:///j.db", "sqlite"),
        ("postgresql://u@h/d", "postgresql+psycopg"),
    ],
)
def test_addresses(given: str, driver: str) -> None:
    assert url_of(given, "journal").drivername == driver


@pytest.mark.parametrize("given", ["mysql://u@h/d", "postgresql://u@h:x/d"])
def test_addresses_that_cannot_be_used(given: str) -> None:
    with pytest.raises(StoreError, match="inbox"):
        url_of(given, "inbox")


def test_O42_the_password_is_read_for_each_connection(tmp_path: Path) -> None:
    engine = on_postgresql(url_of("postgresql://u@127.0.0.1:1/d", "inbox"), Secret(file=str(tmp_path / "none")))
    with pytest.raises(StoreError, match="none cannot be read"):
        engine.connect()


def test_S35_the_driver_is_not_quoted() -> None:
    error = OperationalError("INSERT", {"name": "Marlow"}, Exception("near Marlow"))
    assert "Marlow" not in told(error, "inbox")
