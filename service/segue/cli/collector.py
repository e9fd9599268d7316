"""When the garbage collector looks at what a process that does nothing but convert has made."""

from __future__ import annotations

import gc

YOUNG_OBJECTS = 20_000


def let_young_be() -> None:
    """A conversion frees all it makes by itself: looking through it each time finds nothing, and costs 5 to 9 % of its time."""
    gc.set_threshold(YOUNG_OBJECTS)
