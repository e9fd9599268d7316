"""The NDJSON target: every line a whole Bundle, whatever happened before (S-20, S-39)."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from segue.delivery.ndjson import Ndjson
from segue.delivery.target import DeliveryError, Parcel


def parcel(text: str) -> Parcel:
    return Parcel(text.encode(), "M", "ab" * 32)


async def test_lines_are_appended(tmp_path: Path) -> None:
    file = tmp_path / "new" / "out.ndjson"
    for text in ('{"a":1}', '{"a":2}'):
        target = Ndjson(file)
        await target.deliver(parcel(text))
        await target.close()
    assert file.read_text() == '{"a":1}\n{"a":2}\n'


async def test_deliveries_at_once_do_not_mix(tmp_path: Path) -> None:
    target = Ndjson(tmp_path / "out.ndjson")
    texts = ['{"a":"%s"}' % (str(n) * 5000) for n in range(10)]
    await asyncio.gather(*(target.deliver(parcel(text)) for text in texts))
    await target.close()
    assert sorted((tmp_path / "out.ndjson").read_text().splitlines()) == sorted(texts)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b'{"a":1}\n{"a":', b'{"a":1}\n'),
        (b'{"a":', b""),
        (b'{"a":1}\n{"a":2}', b'{"a":1}\n{"a":2}\n'),
        (b'{"a":1}\n{"a":"' + b"x" * 200_000, b'{"a":1}\n'),
        (b"", b""),
    ],
)
async def test_S39_an_unfinished_line_is_mended_at_the_start(tmp_path: Path, before: bytes, after: bytes) -> None:
    file = tmp_path / "out.ndjson"
    file.write_bytes(before)
    await Ndjson(file).close()
    assert file.read_bytes() == after


async def test_S39_a_failed_sync_is_transient_and_leaves_no_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = Ndjson(tmp_path / "out.ndjson")
    await target.deliver(parcel('{"a":1}'))

    def fsync(_number: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(DeliveryError) as caught:
        await target.deliver(parcel('{"a":2}'))
    assert caught.value.transient
    await target.close()
    assert (tmp_path / "out.ndjson").read_text() == '{"a":1}\n'
