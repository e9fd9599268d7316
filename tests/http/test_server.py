"""The door as a client meets it: real sockets and a real curl (A-07, A-16, A-80)."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from segue.convert import Converter
from segue.http.app import create_app
from segue.http.server import HttpServer
from segue.settings import Limits, Settings

EXAMPLE = Path(__file__).parents[2] / "examples" / "adt_a01_admission.hl7"
Curl = Callable[..., Awaitable[bytes]]


@pytest.fixture
async def url(converter: Converter) -> AsyncIterator[str]:
    sock = socket.create_server(("127.0.0.1", 0))
    server = HttpServer(create_app(converter, Settings(limits=Limits(message_bytes=1 << 20))), grace_s=5)
    served = asyncio.create_task(server.run_on([sock]))
    yield f"http://127.0.0.1:{sock.getsockname()[1]}"
    server.should_exit = True
    await served
    sock.close()


@pytest.fixture
def curl() -> Curl:
    async def call(*arguments: str) -> bytes:
        process = await asyncio.create_subprocess_exec("curl", "-s", *arguments, stdout=asyncio.subprocess.PIPE)
        out, _ = await asyncio.wait_for(process.communicate(), 20)
        return out

    return call


async def test_A07_curl_without_any_header_prints_a_bundle(url: str, curl: Curl, converter: Converter) -> None:
    out = await curl("--data-binary", f"@{EXAMPLE}", f"{url}/v1/convert")
    assert out == converter.convert(EXAMPLE.read_bytes()).json()


async def test_A16_curl_that_strips_line_ends_is_told(url: str, curl: Curl) -> None:
    problem = json.loads(await curl("-d", f"@{EXAMPLE}", f"{url}/v1/convert"))
    assert (problem["status"], problem["type"]) == (400, "urn:segue:issue:message.terminators-missing")
    assert "--data-binary" in problem["detail"]


async def test_A06_dollar_and_its_code_reach_the_operation(url: str, curl: Curl) -> None:
    body = {"resourceType": "Parameters", "parameter": [{"name": "inputData", "valueString": EXAMPLE.read_text()}]}
    for path in ("$convert-data", "%24convert-data"):
        out = await curl("-H", "Content-Type: application/fhir+json", "--data", json.dumps(body), f"{url}/fhir/{path}")
        assert json.loads(out)["resourceType"] == "Bundle"


async def test_A80_a_large_body_is_refused_before_it_is_sent(url: str, curl: Curl, tmp_path: Path) -> None:
    big = tmp_path / "big.hl7"
    big.write_bytes(b"MSH|^~\\&|A\r" + b"x" * (2 << 20))
    reply = await curl("-o", "/dev/null", "-w", "%{http_code} %{size_upload}", "-H", "Expect: 100-continue",
                       "-H", "Content-Encoding: br", "--data-binary", f"@{big}", f"{url}/v1/convert")  # fmt: skip
    assert reply == b"415 0"


async def test_A70_limit_over_a_socket(url: str, curl: Curl, tmp_path: Path) -> None:
    big = tmp_path / "big.hl7"
    big.write_bytes(b"MSH|^~\\&|A\r" + b"x" * (1 << 20))
    assert json.loads(await curl("--data-binary", f"@{big}", f"{url}/v1/convert"))["status"] == 413


async def test_A80_one_connection_serves_many(url: str, curl: Curl) -> None:
    port = int(url.rpartition(":")[2])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    body = EXAMPLE.read_bytes()
    head = f"POST /v1/convert HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    writer.write((head + body) * 3)
    for _ in range(3):
        headers = (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)).lower()
        assert headers.startswith(b"http/1.1 200")
        length = int(headers.partition(b"content-length: ")[2].split(b"\r\n")[0])
        assert json.loads(await reader.readexactly(length))["resourceType"] == "Bundle"
    writer.close()
    await writer.wait_closed()
