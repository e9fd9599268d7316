"""Health that can fail (O-01, O-02, O-05)."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from segue.http.health import Health

from .conftest import Client


async def test_O01_alive_whatever_the_checks_say(client_for: Client) -> None:
    health = Health()
    health.set("pack", False)
    reply = await client_for(health=health).get("/livez")
    assert (reply.status_code, reply.json()) == (200, {"alive": True})


@pytest.mark.parametrize("broken", ["pack", "listeners", "draining"])
async def test_O05_each_check_can_make_it_unready(client_for: Client, broken: str) -> None:
    health = Health()
    for name in ("pack", "listeners", "draining"):
        health.set(name, True)
    client = client_for(health=health)
    assert (await client.get("/readyz")).status_code == 200
    health.set(broken, False, "why")
    reply = await client.get("/readyz")
    assert reply.status_code == 503
    assert reply.json()["ready"] is False
    assert reply.json()["checks"][broken]["detail"] == "why"


async def test_O02_a_degraded_check_is_told_and_does_not_count(client_for: Client) -> None:
    health = Health()
    health.set("target", False, "out of reach", required=False)
    reply = await client_for(health=health).get("/readyz")
    assert reply.status_code == 200
    assert reply.json()["checks"]["target"]["ok"] is False


def test_O02_since_moves_with_the_verdict_only() -> None:
    times = iter(datetime(2026, 1, day, tzinfo=UTC) for day in range(1, 9))
    health = Health(lambda: next(times))
    health.set("pack", True)
    health.set("pack", True, "again")
    assert health.report()["checks"]["pack"]["since"].startswith("2026-01-01")
    health.set("pack", False)
    assert health.report()["checks"]["pack"]["since"].startswith("2026-01-02")
