"""The keys by which a server finds the resources of a Bundle, and turns by key: two sends that share one never overlap
(S-61a).

    send 1   Patient?…A  Practitioner?…X     runs
    send 2   Patient?…B                      runs beside it
    send 3   Patient?…B  Practitioner?…X     waits for 1 and 2
    send 4   Patient?…C  Practitioner?…X     waits for 3 alone

A send takes its place in the line of each of its keys at once, when it comes: so nobody overtakes on a shared key, and
two sends never wait for each other. Lines exist in this process only; between processes a conflict is tried again.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager
from typing import Any, cast


def conditional_keys(bundle: dict[str, Any]) -> frozenset[str]:
    """`Type?query` and `Type/id` of every entry: what its request names, else the resource itself."""
    found: set[str] = set()
    for entry in cast("list[dict[str, Any]]", bundle.get("entry", [])):
        request: dict[str, str] = entry.get("request", {})
        resource: dict[str, Any] = entry.get("resource", {})
        if "ifNoneExist" in request:
            found.add(f"{request['url']}?{request['ifNoneExist']}")
        elif request.get("method", "POST") != "POST":
            found.add(request["url"])
        elif "id" in resource:
            found.add(f"{resource['resourceType']}/{resource['id']}")
    return frozenset(found)


class Turns:
    """The lines of one target."""

    def __init__(self) -> None:
        self._last: dict[str, asyncio.Future[None]] = {}  # of each key, whoever came last

    def __len__(self) -> int:
        """Keys in use."""
        return len(self._last)

    @asynccontextmanager
    async def turn(self, keys: Iterable[str]) -> AsyncGenerator[None]:
        """Waits for everybody who came before with one of these keys."""
        mine = tuple(keys)
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        before = {self._last[key] for key in mine if key in self._last}
        self._last.update(dict.fromkeys(mine, done))
        try:
            if before:
                await asyncio.wait(before)
            yield
        finally:
            # Whoever gives up while waiting keeps its place for those behind until those before it are through.
            self._leave(mine, done, {one for one in before if not one.done()})

    def _leave(self, keys: tuple[str, ...], done: asyncio.Future[None], before: set[asyncio.Future[None]]) -> None:
        if before:
            one = next(iter(before))
            one.add_done_callback(lambda _: self._leave(keys, done, {b for b in before if not b.done()}))
            return
        done.set_result(None)
        for key in keys:
            if self._last.get(key) is done:
                del self._last[key]
