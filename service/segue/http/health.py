"""Whether the process lives and whether it should be given work (O-01, O-02).

Liveness checks nothing but that the loop turns. Readiness is a set of named checks that other parts set; a degraded
check is told but does not make the service unready.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

HEADERS = {"Cache-Control": "no-store"}


@dataclass(frozen=True, slots=True)
class Check:
    """One named state. `detail` holds no host name and no value of a message."""

    ok: bool
    detail: str
    since: str
    required: bool


def _now() -> datetime:
    return datetime.now(UTC)


class Health:
    """The checks of this process."""

    def __init__(self, clock: Callable[[], datetime] = _now) -> None:
        self._clock = clock
        self._checks: dict[str, Check] = {}

    def set(self, name: str, ok: bool, detail: str = "", *, required: bool = True) -> None:
        """Sets a check; `since` moves only when its verdict does."""
        known = self._checks.get(name)
        since = known.since if known is not None and known.ok == ok else self._clock().isoformat(timespec="seconds")
        self._checks[name] = Check(ok, detail, since, required)

    @property
    def ready(self) -> bool:
        return all(check.ok or not check.required for check in self._checks.values())

    @property
    def draining(self) -> bool:
        check = self._checks.get("draining")
        return check is not None and not check.ok

    def report(self) -> dict[str, Any]:
        checks = {n: {"ok": c.ok, "detail": c.detail, "since": c.since} for n, c in self._checks.items()}
        return {"ready": self.ready, "checks": checks}


async def livez(_request: Request) -> Response:
    return Response(b'{"alive":true}', media_type="application/json", headers=HEADERS)


async def readyz(request: Request) -> Response:
    health: Health = request.app.state.health
    status = 200 if health.ready else 503
    return Response(orjson.dumps(health.report()), status, media_type="application/json", headers=HEADERS)
