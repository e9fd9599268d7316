"""`segue serve` as a process: both doors, first steps that work, a clean end (O-44, S-20, S-78, A-03)."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from segue.convert import Converter
from segue.mllp.client import Client

from .conftest import Run, adt

CHECKOUT = Path(__file__).parents[2]
QUICK = {"SEGUE__DRAIN__DELAY_S": "0", "SEGUE__DRAIN__SILENCE_S": "0.05"}


class Running:
    """A service that has told its first steps."""

    def __init__(self, process: asyncio.subprocess.Process, steps: list[str]) -> None:
        self.process = process
        self.steps = steps
        found = [re.search(pattern, "\n".join(steps)) for pattern in (r"(http://\S+)/v1/convert", r"--port (\d+)")]
        self.url, self.port = (m[1] if m else "" for m in found)

    async def stop(self, number: int = signal.SIGTERM) -> tuple[int, list[dict[str, Any]], str]:
        """Exit code, log and the rest of standard error."""
        self.process.send_signal(number)
        return await self.end()

    async def end(self) -> tuple[int, list[dict[str, Any]], str]:
        out, err = await asyncio.wait_for(self.process.communicate(), 20)
        log = [json.loads(line) for line in out.decode().splitlines()]
        return self.process.returncode or 0, log, err.decode()


Serve = Callable[..., Any]


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    async with AsyncExitStack() as stack:

        async def start(*arguments: str, **environment: str) -> Running:
            command = [sys.executable, "-m", "segue.cli", "serve", "--http-port", "0", "--mllp-port", "0", *arguments]
            process = await asyncio.create_subprocess_exec(
                *command,
                env=os.environ | QUICK | environment,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                cwd=CHECKOUT,
            )
            stack.push_async_callback(_kill, process)
            assert process.stderr is not None
            steps: list[str] = []
            while not steps or "send" not in steps[-1]:
                line = await asyncio.wait_for(process.stderr.readline(), 20)
                assert line, steps
                steps.append(line.decode().strip())
            return Running(process, steps)

        yield start


async def _kill(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.kill()
        await process.communicate()


async def test_first_steps_work_when_pasted(serve: Serve, converter: Converter) -> None:
    running = await serve()
    example = (CHECKOUT / "examples" / "adt_a01_admission.hl7").read_bytes()
    curl, send = running.steps[-2:]
    outputs: list[bytes] = []
    for line in (curl.replace("curl", "curl -s", 1), send):
        process = await asyncio.create_subprocess_shell(line, stdout=asyncio.subprocess.PIPE, cwd=CHECKOUT)
        outputs.append((await asyncio.wait_for(process.communicate(), 20))[0])
    assert outputs[0] == converter.convert(example).json()
    assert outputs[1].decode().split()[-1] == "AA"
    await running.stop()


async def test_A03_S20_every_door_gives_the_same_bytes(serve: Serve, converter: Converter, tmp_path: Path) -> None:
    running = await serve("--deliver", str(tmp_path / "out"))
    raw = adt("M1")
    async with Client("127.0.0.1", int(running.port)) as client:
        assert (await client.send(raw)).code == "AA"
    async with httpx.AsyncClient() as http:
        plain = (await http.post(f"{running.url}/v1/convert", content=raw)).content
    (file,) = (tmp_path / "out").iterdir()
    assert file.read_bytes() == plain + b"\n" == converter.convert(raw).json() + b"\n"
    await running.stop()


async def test_S78_SIGTERM_ends_cleanly_with_an_idle_sender(serve: Serve) -> None:
    running = await serve()
    async with Client("127.0.0.1", int(running.port)) as client:
        await client.send(adt("M1"))
        code, log, _ = await running.stop()
    assert code == 0
    assert [entry["event"] for entry in log if entry["event"] in ("started", "draining", "stopped")] == [
        "started",
        "draining",
        "stopped",
    ]


async def test_O02_S78_draining_is_not_ready_and_a_second_signal_ends_at_once(serve: Serve) -> None:
    running = await serve(SEGUE__DRAIN__DELAY_S="60")
    async with httpx.AsyncClient() as http:
        assert (await http.get(f"{running.url}/readyz")).status_code == 200
        running.process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(10):
            while (reply := await http.get(f"{running.url}/readyz")).status_code == 200:
                await asyncio.sleep(0)
    assert reply.json()["checks"]["draining"]["ok"] is False
    assert (await running.stop(signal.SIGINT))[0] == 0


async def test_O44_without_deliver_it_is_said_once(serve: Serve) -> None:
    running = await serve()
    _, log, _ = await running.stop()
    assert [entry["level"] for entry in log if entry["event"] == "no-deliver"] == ["warning"]


async def test_O21_no_value_of_a_message_is_printed(serve: Serve) -> None:
    running = await serve(SEGUE__LOG__LEVEL="debug")
    async with Client("127.0.0.1", int(running.port)) as client:
        await client.send(adt("SECRETID"))
        await client.send(adt("M2", "ZZZ^Z01"))
    async with httpx.AsyncClient() as http:
        await http.post(f"{running.url}/v1/convert", content=adt("M3", "ZZZ^Z01"))
    _, log, err = await running.stop()
    assert not [word for word in ("Marlow", "Ines", "NORTH", "SECRETID", "ZZZ") if word in json.dumps(log) + err]


def test_O44_off_loopback_needs_words(segue: Run) -> None:
    done = segue("serve", "--host", "0.0.0.0")
    assert done.returncode == 2
    assert done.stderr.decode().count("plaintext: true") == 2


async def test_O44_plaintext_is_warned_at_each_start(serve: Serve) -> None:
    running = await serve("--host", "0.0.0.0", "--plaintext")
    _, log, _ = await running.stop()
    assert [entry["listener"] for entry in log if entry["event"] == "plaintext"] == ["http", "mllp"]


def test_a_port_in_use_is_named(segue: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = segue("serve", "--http-port", str(taken.getsockname()[1]), "--mllp-port", "0")
    assert done.returncode == 1
    assert "HTTP: cannot listen on 127.0.0.1:" in done.stderr.decode()


def test_O41_wrong_settings_are_all_named(segue: Run, tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text("htpp: {}\nbundle: x\n")
    done = segue("serve", "--config", str(tmp_path / "s.yaml"))
    assert done.returncode == 2
    assert len(done.stderr.decode().splitlines()) == 2


def test_an_unknown_site_is_named(segue: Run) -> None:
    done = segue("serve", "--site", "no-such-site")
    assert done.returncode == 2
    assert "site" in done.stderr.decode()


def test_a_target_that_cannot_be_opened(segue: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = segue("serve", "--http-port", "0", "--mllp-port", "0", "--deliver", str(tmp_path / "file" / "out"))
    assert done.returncode == 1
    assert "cannot be opened" in done.stderr.decode()
