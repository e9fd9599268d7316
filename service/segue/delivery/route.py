"""Which targets a message goes to, and what becomes of it when several have to take it (S-63, S-64).

A route is a target with its name, its filter and its breaker. Required targets decide whether the message is delivered;
optional ones are told on the side and never keep anybody waiting.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from segue import log
from segue.delivery.breaker import Breaker
from segue.delivery.target import DeliveryError, Parcel, Target
from segue.settings.targets import Filter
from segue.settings.targets import Target as Settings

ASIDE = 256  # sends to optional targets under way; further ones are left out, and told

Told = Callable[[str, bool, str], None]  # name of a target, whether it is asked again, the reason


def takes(chosen: Filter, parcel: Parcel) -> bool:
    """Whether a message fits every list of a filter."""
    if not (chosen.messages or chosen.senders or chosen.sites):
        return True
    if not parcel.event:
        raise ValueError("a filter needs the event of a parcel")
    if chosen.messages and not {parcel.event, parcel.event.partition("^")[0]} & set(chosen.messages):
        return False
    if chosen.senders and not any(_sends(text, parcel.sender) for text in chosen.senders):
        return False
    return not chosen.sites or parcel.site in chosen.sites


def _sends(text: str, sender: tuple[str, str]) -> bool:
    return all(want in ("*", have) for want, have in zip(text.split("|"), sender, strict=True))


class Route:
    """One target as the settings name it."""

    def __init__(self, settings: Settings, target: Target, told: Told = lambda _name, _asked, _reason: None) -> None:
        self.name = settings.name
        self.required = settings.required
        self.filter = settings.filter
        self.target = target
        self.breaker = Breaker(settings.breaker, lambda asked, reason: told(settings.name, asked, reason))

    def takes(self, parcel: Parcel) -> bool:
        return takes(self.filter, parcel)

    async def deliver(self, parcel: Parcel) -> None:
        """As the target, unless its breaker is open."""
        self.breaker.admit()
        try:
            await self.target.deliver(parcel)
        except DeliveryError as error:
            self.breaker.failed(error)
            raise
        except BaseException:
            self.breaker.left()
            raise
        self.breaker.succeeded()

    async def close(self) -> None:
        await self.target.close()


class Routes:
    """All targets of a service, as one."""

    def __init__(self, routes: Sequence[Route]) -> None:
        self.routes = tuple(routes)
        self._aside: set[asyncio.Task[None]] = set()
        self._log = log.get()

    async def deliver(self, parcel: Parcel) -> None:
        """Hands the message to all that take it; raises DeliveryError unless every required one has it."""
        chosen = [route for route in self.routes if route.takes(parcel)]
        if not chosen:
            self._log.warning("delivery.no-target", type=parcel.event)
        self.aside(parcel)
        ends = await asyncio.gather(
            *(route.deliver(parcel) for route in chosen if route.required), return_exceptions=True
        )
        failures: list[DeliveryError] = []
        for end in ends:
            if isinstance(end, DeliveryError):
                failures.append(end)
            elif end is not None:
                raise end
        if failures:
            raise _joined(failures)

    async def close(self) -> None:
        """Ends the sends to optional targets and closes all."""
        for task in self._aside:
            task.cancel()
        await asyncio.gather(*self._aside, return_exceptions=True)
        for route in self.routes:
            await route.close()

    def aside(self, parcel: Parcel) -> None:
        """Tells the optional targets that take it, which keep nobody waiting (S-64)."""
        for route in self.routes:
            if not route.required and route.takes(parcel):
                self._tell_aside(route, parcel)

    def _tell_aside(self, route: Route, parcel: Parcel) -> None:
        if len(self._aside) >= ASIDE:
            self._log.error("delivery.optional-left-out", target=route.name)
            return
        task = asyncio.get_running_loop().create_task(self._told(route, parcel))
        self._aside.add(task)
        task.add_done_callback(self._aside.discard)

    async def _told(self, route: Route, parcel: Parcel) -> None:
        try:
            await route.deliver(parcel)
        except DeliveryError as error:
            self._log.warning("delivery.optional-failed", target=route.name, reason=error.reason, detail=error.detail)
        except Exception as error:
            self._log.error("delivery.bug", target=route.name, **log.fault(error))


def _joined(failures: Sequence[DeliveryError]) -> DeliveryError:
    """The failure of several targets: while one of them may take it later, the message has to come again."""
    if len(failures) == 1:
        return failures[0]
    first = next((error for error in failures if error.transient), failures[0])
    waits = [error.retry_after_s for error in failures if error.retry_after_s is not None]
    issues = [found for error in failures for found in error.issues]
    return DeliveryError(
        first.transient, *issues, reason=first.reason, retry_after_s=max(waits, default=None), detail=first.detail
    )
