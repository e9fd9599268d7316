"""The `journal` node: where messages are kept before they are accepted, and for how long (S-20, S-36 to S-43, O-31)."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from segue.settings.node import Database, Node, Stored


class Retention(Node):
    """How long settled messages stay (O-31). What is open or held is never removed."""

    bodies_days: Annotated[float, Field(gt=0)] = Field(
        default=30, description="Raw bytes and Bundle, after the message was settled."
    )
    history_days: Annotated[float, Field(gt=0)] = Field(
        default=90, description="Metadata, timeline and issues, after the message was settled."
    )


class Journal(Stored):
    """Where messages are kept before they are accepted (S-20, S-36 to S-43)."""

    url: Database | None = Field(
        default=None,
        description="A file, or postgresql://USER@HOST/DATABASE; without it nothing is kept and AA means converted.",
    )
    lease_s: Annotated[float, Field(ge=2)] = Field(
        default=60, description="Longest time a process may work on a message without a sign of life (S-92)."
    )
    duplicate_hours: Annotated[float, Field(gt=0)] = Field(
        default=72, description="A message that comes again within this time gets its old answer (S-43)."
    )
    headroom_bytes: Annotated[int, Field(ge=0)] = Field(
        default=1 << 30, description="Free bytes on the journal's disk below which nothing is taken (S-42)."
    )
    headroom_share: Annotated[float, Field(ge=0, lt=1)] = Field(
        default=0.05, description="Free share of the journal's disk below which nothing is taken (S-42)."
    )
    parallel: int = Field(default=64, ge=1, description="Messages in delivery at once.")
    retention: Retention = Retention()
