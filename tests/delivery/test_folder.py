"""The folder target: whole files only, safe names (S-40, S-61)."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from segue.delivery.folder import Folder, file_name
from segue.delivery.target import DeliveryError, Parcel

PARCEL = Parcel(b'{"resourceType":"Bundle"}', "MSG-1", "ab" * 32)


async def test_a_bundle_is_one_file(tmp_path: Path) -> None:
    await Folder(tmp_path / "new" / "out").deliver(PARCEL)
    (file,) = (tmp_path / "new" / "out").iterdir()
    assert file.name == "MSG-1-abababababababab.json"
    assert file.read_bytes() == PARCEL.body + b"\n"


async def test_S61_the_same_message_twice_is_the_same_file(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    await folder.deliver(PARCEL)
    await folder.deliver(PARCEL)
    assert len(list(tmp_path.iterdir())) == 1


async def test_two_messages_with_one_control_id_never_meet(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    await folder.deliver(PARCEL)
    await folder.deliver(replace(PARCEL, digest="cd" * 32))
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize(
    ("control_id", "stem"),
    [
        ("../../etc/passwd", "etc_passwd"),
        ("", "message"),
        ("a b/c\x00d", "a_b_c_d"),
        ("é", "message"),
        ("x" * 300, "x" * 64),
    ],
)
def test_names_are_safe(control_id: str, stem: str) -> None:
    assert file_name(Parcel(b"", control_id, "ab" * 32)) == f"{stem}-abababababababab.json"


async def test_S20_file_and_folder_are_synced_before_it_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[str] = []
    real = os.fsync

    def fsync(number: int) -> None:
        synced.append("folder" if Path(f"/proc/self/fd/{number}").resolve() == tmp_path.resolve() else "file")
        real(number)

    monkeypatch.setattr(os, "fsync", fsync)
    await Folder(tmp_path).deliver(PARCEL)
    assert synced == ["file", "folder"]


async def test_S39_a_failed_sync_is_transient_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fsync(_number: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(DeliveryError) as caught:
        await Folder(tmp_path).deliver(PARCEL)
    assert caught.value.transient
    assert list(tmp_path.iterdir()) == []
