"""The `callback` of a listener: where application acknowledgements of enhanced mode are sent (S-23)."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from segue.settings.node import Node, Timeout, url_of
from segue.settings.tls import ClientTls


class Callback(Node):
    """An MLLP listener of the senders that takes application acknowledgements."""

    url: Annotated[str, url_of("mllp", "mllps")] = Field(description="mllp://host:port, or mllps:// with TLS.")
    tls: ClientTls = ClientTls()
    acknowledged: bool = Field(
        default=True,
        description="Ask for a commit acknowledgement of each (MSH-15 AL) and send it until that comes; false: written is sent.",
    )
    connect_s: Timeout = Field(default=10, description="Longest wait for a connection.")
    timeout_s: Timeout = Field(default=30, description="Longest wait for an acknowledgement.")
