"""A message on its way to its targets, and the one step that follows from all their answers (S-60 to S-64).

    each required target that takes it and does not have it yet ─▶ has it · again later · refused
        one that may yet take it ─▶ retrying        else one that refused ─▶ dead        else ─▶ delivered

Optional targets are told on the side. What each target said is kept, so that one that has the Bundle is not asked
again because another was away.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from time import time
from typing import NamedTuple

from segue import log
from segue.delivery.route import Route, Routes
from segue.delivery.target import DeliveryError, Parcel
from segue.issues import Issue, issue
from segue.journal.cargo import Past
from segue.journal.policies import Policies
from segue.journal.retries import Retry
from segue.journal.transitions import Claim, Step, Told


class Sent(NamedTuple):
    """The step that follows, and what is to be said where it is a bad one."""

    step: Step
    issues: tuple[Issue, ...] = ()


class Deliveries:
    """All targets of a service, none without one."""

    def __init__(self, routes: Routes | None, policies: Policies, retry: Retry) -> None:
        self._routes = routes
        self._required = tuple(route for route in routes.routes if route.required) if routes is not None else ()
        self._policies = policies
        self._retry = retry

    @property
    def paused(self) -> dict[str, float]:
        """Required targets that are left alone, and for how many seconds yet."""
        return {one.name: one.breaker.left_s for one in self._required if one.breaker.left_s > 0}

    @property
    def none_asked(self) -> bool:
        """Whether every required target is left alone, so that a message has nowhere to go."""
        return bool(self._required) and all(one.breaker.left_s > 0 for one in self._required)

    @property
    def probing(self) -> bool:
        """Whether all that can be sent is one message, to see whether a target is back."""
        return bool(self._required) and all(one.breaker.open for one in self._required)

    async def send(self, claim: Claim, parcel: Parcel, past: Mapping[str, Past]) -> Sent:
        """Sends to whoever still needs it."""
        if self._routes is None:
            return Sent(Step(claim.id, claim.fence, "delivered", "no-target"))
        chosen = [route for route in self._routes.routes if route.takes(parcel)]
        if not chosen:
            return Sent(Step(claim.id, claim.fence, "ignored", "no-target-takes-it"))
        if not past:
            self._routes.aside(parcel)
        wanted = [
            one for one in chosen if one.required and (one.name not in past or past[one.name].state == "retrying")
        ]
        ends = await asyncio.gather(*(_sent(one, parcel) for one in wanted))
        return self._following(claim, past, dict(zip(wanted, ends, strict=True)))

    def _following(self, claim: Claim, past: Mapping[str, Past], ends: Mapping[Route, DeliveryError | None]) -> Sent:
        age_s = time() - claim.received_at
        rows: list[Told] = []
        delays: list[float] = []
        issues: tuple[Issue, ...] = ()
        reason = target = ""
        refused = any(one.state == "dead" for one in past.values())
        failed = False
        for route, failure in ends.items():
            before = past.get(route.name, Past())
            if failure is None:
                rows.append(Told(route.name, "delivered", "", before.tries + 1))
                continue
            verdict = self._retry.judge(failure, before.tries + 1, age_s)
            tries = before.tries + (verdict.action != "pause")
            failed = failed or verdict.action != "pause"
            rows.append(Told(route.name, "dead" if verdict.action == "dead" else "retrying", str(failure), tries))
            if verdict.action != "pause":
                log.get().warning(
                    "delivery.failed", message=claim.id, target=route.name, reason=failure.reason,
                    detail=failure.detail, then=verdict.action,
                )  # fmt: skip
            if verdict.action == "dead":
                refused = True
            else:
                delays.append(verdict.delay_s)
            if not reason or verdict.action == "dead":
                reason, target, issues = str(failure), route.name, failure.issues
        step = Step(claim.id, claim.fence, "delivered", deliveries=tuple(rows), failed=failed)
        if delays:
            step.state, step.reason, step.target, step.delay_s = "retrying", reason, target, min(delays)
            step.silent = not failed and claim.state == "retrying"  # a look at a closed door is no event
            return Sent(step, issues)
        if refused:
            policy = self._policies.of(claim.listener)
            step.state, step.reason, step.target = "dead", reason or "refused", target
            step.parks = policy.on_failure == "park" and policy.ack != "delivered"
        return Sent(step, issues)


async def _sent(route: Route, parcel: Parcel) -> DeliveryError | None:
    try:
        await route.deliver(parcel)
    except DeliveryError as failure:
        return failure
    except Exception as error:
        log.get().error("delivery.bug", target=route.name, **log.fault(error))
        return DeliveryError(True, issue("internal"), reason="bug")
    return None
