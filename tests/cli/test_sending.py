"""`segue send`: one line a message, exit code by acknowledgement (S-30)."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from segue.cli.sending import run
from segue.delivery.intake import Peer, Receipt
from segue.issues import issue
from segue.mllp.server import MllpServer
from segue.settings import Listener
from segue.settings.tls import ServerTls

from ..conftest import Authority


@pytest.fixture
async def port() -> AsyncIterator[int]:
    async def intake(raw: bytes, _peer: Peer) -> Receipt:
        if b"ZZZ" in raw:
            return Receipt("rejected", (issue("message.event-unsupported"),))
        return Receipt("accepted")

    server = MllpServer(intake, Listener(port=0))
    await server.start()
    yield server.port
    closing = [connection.closed for connection in server.connections]
    server.abort()
    if closing:
        await asyncio.wait(closing)


async def send(port: int, *paths: Path | str) -> int:
    return await asyncio.to_thread(run, [str(path) for path in paths], "127.0.0.1", port, 5)


async def test_S30_a_line_for_each_message(port: int, feed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert await send(port, feed) == 1
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith(str(feed))]
    assert lines == [
        f"{feed}/bad.txt[1] B1 AR 201",
        f"{feed}/good.hl7[1] G1 AA",
        f"{feed}/sub/several.er7[1] S1 AA",
        f"{feed}/sub/several.er7[2] S2 AR 201",
        f"{feed}/sub/several.er7[3] S3 AA",
    ]


async def test_all_accepted(port: int, feed: Path) -> None:
    assert await send(port, feed / "good.hl7") == 0


async def test_S23_both_acknowledgements_of_enhanced_mode(
    port: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "two.hl7"
    head = "MSH|^~\\&|LAB|NORTH|||20260301||ADT^A08|{}|P|2.5|||AL|AL\r"
    file.write_bytes("".join(head.format(id) + "PID|1||7\r" for id in ("E1", "E2")).encode())
    assert await send(port, file) == 0
    said = capsys.readouterr().out.splitlines()
    lines = [line.removeprefix(str(file)) for line in said if line.startswith(str(file))]
    assert lines == ["[1] E1 CA", "[1] E1 AA", "[2] E2 CA", "[2] E2 AA"]


async def test_a_file_that_cannot_be_read(port: int, feed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (feed / "gone.hl7").symlink_to(feed / "loop")
    (feed / "loop").symlink_to(feed / "gone.hl7")
    assert await send(port, feed / "nope") == 2
    assert "no such file" in capsys.readouterr().err


async def test_nobody_listens(feed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        free = sock.getsockname()[1]
    assert await send(free, feed / "good.hl7") == 1
    assert "cannot connect" in capsys.readouterr().err


async def test_S30_after_a_missing_answer_the_next_message_has_a_new_connection(
    feed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    connections = 0

    async def closes(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await reader.readuntil(b"\x1c\r")
        writer.close()

    server = await asyncio.start_server(closes, "127.0.0.1", 0)
    assert await send(server.sockets[0].getsockname()[1], feed / "sub") == 1
    server.close()
    assert connections == 3
    assert capsys.readouterr().out.count("no acknowledgement") == 3


async def test_S83_over_mutual_TLS(authority: Authority, feed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async def intake(_raw: bytes, _peer: Peer) -> Receipt:
        return Receipt("accepted")

    pair, own = authority.issue("door"), authority.issue("me")
    node = ServerTls(cert_file=pair.cert, key_file=pair.key, client="required", client_ca_file=authority.ca)
    server = MllpServer(intake, Listener(port=0, tls=node))
    await server.start()

    async def told(**files: str | None) -> tuple[int, str]:
        paths = [str(feed / "good.hl7")]
        code = await asyncio.to_thread(run, paths, "127.0.0.1", server.port, 5, files)
        shown = capsys.readouterr()
        return code, shown.out + shown.err

    code, text = await told(ca_file=authority.ca, cert_file=own.cert, key_file=own.key)
    assert code == 0
    assert "G1 AA" in text
    code, text = await told()
    assert code == 1
    assert "not trusted" in text
    assert "--ca-file" in text
    code, text = await told(ca_file=authority.ca)
    assert code == 1
    code, text = await told(ca_file=own.key)
    assert code == 2
    assert "PEM" in text
    await server.drain()
