"""HAPI's HL7 v2 client sends to the MLLP door and understands each acknowledgement (S-20, S-22)."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

pytestmark = pytest.mark.integration

MESSAGES = ("adt_a01_admission", "adt_a40_merge", "oru_r01_chemistry", "oru_r01_pdf_report", "orm_o01_medication_order")


def control_id(file: Path) -> str:
    return file.read_bytes().split(b"\r", 1)[0].split(b"|")[9].decode()


def test_S_20_every_message_is_accepted_by_name(
    serve: Callable[..., int], peer: Callable[..., list[str]], examples: Path, tmp_path: Path
) -> None:
    files = [examples / f"{name}.hl7" for name in MESSAGES]
    port = serve("--deliver", str(tmp_path / "bundles"))
    done = subprocess.run(peer("SendMllp", port, *files), capture_output=True, text=True)
    replies = [line.split("\t") for line in done.stdout.splitlines()]
    assert replies == [["AA", control_id(file), "ACK"] for file in files], done.stderr
    assert len(list((tmp_path / "bundles").iterdir())) == len(files)


def test_S_22_message_without_a_map_is_refused_in_a_reply(
    serve: Callable[..., int], peer: Callable[..., list[str]], tmp_path: Path
) -> None:
    file = tmp_path / "unknown.hl7"
    file.write_bytes(b"MSH|^~\\&|A|B|C|D|20260101||QBP^Q11|Q-1|P|2.5.1\rQPD|Q11^Query|T1\rRCP|I\r")
    done = subprocess.run(peer("SendMllp", serve(), file), capture_output=True, text=True)
    (reply,) = [line.split("\t") for line in done.stdout.splitlines()]
    assert reply[0] in {"AE", "AR"}
    assert reply[1] == "Q-1"
