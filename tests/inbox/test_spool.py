"""Lines on their way, whole and adopted (T-62)."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from segue.inbox import spool
from segue.inbox.spool import Spool, lines, orphans


def test_T62_half_a_line_waits_for_its_end(tmp_path: Path) -> None:
    file = tmp_path / "a.spool"
    file.write_bytes(b"one\ntw")
    assert lines(file, 0) == ([b"one"], 4)
    file.write_bytes(b"one\ntwo\n")
    assert lines(file, 4) == ([b"two"], 8)


def test_T62_only_files_without_a_process_are_orphans(tmp_path: Path) -> None:
    living, dead = Spool(tmp_path), Spool(tmp_path)
    living.append(b"a\n")
    dead.append(b"b\n")
    dead.close()
    found = list(orphans(tmp_path))
    assert [file for file, _ in found] == [dead.file]
    assert list(orphans(tmp_path)) == []  # taken
    for _, handle in found:
        os.close(handle)
    living.close()


def test_T62_a_large_file_is_left_for_a_new_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool, "ROTATED_BYTES", 10)
    one = Spool(tmp_path)
    first = one.file
    one.append(b"12345\n")
    assert not one.rotate()
    one.append(b"12345\n")
    assert one.rotate()
    assert one.file != first
    found = list(orphans(tmp_path))
    assert [file for file, _ in found] == [first]
    os.close(found[0][1])
    one.close()
