"""What routes share: where a conversion runs (P-34, A-70)."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from segue.http.refusal import RequestError
from segue.http.service import Service
from segue.settings import Limits, Settings


class Recording:
    """Knows on which thread it was asked."""

    def __init__(self, converter: Any, release: threading.Event | None = None) -> None:
        self.converter, self.release = converter, release
        self.threads: list[int] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self.converter, name)

    def convert(self, raw: bytes, **options: Any) -> Any:
        self.threads.append(threading.get_ident())
        if self.release is not None:
            self.release.wait(5)
        return self.converter.convert(raw, **options)


ADT = b"MSH|^~\\&|A|B|C|D|2026||ADT^A08|M1|P|2.5\rPID|1||7^^^B^MR||Marlow\r"


@pytest.mark.parametrize(("inline_bytes", "inline"), [(len(ADT) + 1, True), (len(ADT), False)])
async def test_P34_a_large_body_leaves_the_loop(converter: Any, inline_bytes: int, inline: bool) -> None:
    recording: Any = Recording(converter)
    await Service(recording, Settings(limits=Limits(inline_bytes=inline_bytes))).convert(ADT, {})
    assert (recording.threads == [threading.get_ident()]) is inline


async def test_A70_too_many_at_once_are_turned_away(converter: Any) -> None:
    release = threading.Event()
    recording: Any = Recording(converter, release)
    service = Service(recording, Settings(limits=Limits(inline_bytes=0, conversions=1, queued=0)))
    first = asyncio.create_task(service.convert(ADT, {}))
    await asyncio.sleep(0)
    with pytest.raises(RequestError) as caught:
        await service.convert(ADT, {})
    assert caught.value.status == 503
    release.set()
    await first
