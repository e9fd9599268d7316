"""The states of a message, and which of them are still open (S-41).

    received ─▶ converted ─▶ delivered
       │ │          │  ▲
       │ │          ▼  │
       │ │        retrying ──▶ dead          held: visible, waits for a person, and parks its order keys
       │ ├─▶ waiting, dead, quarantined
       │ └─▶ ignored                         dropped on purpose, accepted
       └───▶ refused                         answered with a NAK: the sender still has it

A message is in exactly one state. Being worked on and standing behind a held message are no states: they are its
claim and its place among its order keys, from which they are told (decision 0011).
"""

from __future__ import annotations

from typing import Literal, get_args

State = Literal[
    "received",
    "converted",
    "retrying",
    "waiting",
    "dead",
    "quarantined",
    "delivered",
    "ignored",
    "refused",
]
STATES: tuple[State, ...] = get_args(State)

READY: tuple[State, ...] = ("received", "converted", "retrying")  # to be worked on when their turn comes
HELD: tuple[State, ...] = ("waiting", "dead", "quarantined")  # until a person or a new map says more
FINAL: tuple[State, ...] = ("delivered", "ignored", "refused")

PRUNED = "*pruned"  # tallies that are no states: rows no longer there,
RECEIVED = "*received"  # and all that ever came, which is the last id too
