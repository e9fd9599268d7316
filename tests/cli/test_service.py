"""`segue serve` as a process: both doors, first steps that work, a clean end (O-44, S-20, S-78, A-03)."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import signal
import socket
import ssl
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from segue.convert import Converter
from segue.inbox.desk import Desk
from segue.inbox.store import Inbox
from segue.mllp.client import Client
from segue.terminology import Terminology
from segue.terminology.maprows import MapRow

from ..conftest import Authority
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


async def test_T28_an_edited_map_counts_from_the_next_message_on(serve: Serve, tmp_path: Path) -> None:
    sites = tmp_path / "sites"
    shutil.copytree(CHECKOUT / "examples" / "sites", sites)
    sheet = sites / "hillside" / "terminology" / "maps" / "lab.csv"
    rows = sheet.read_text("utf-8")
    raw = (CHECKOUT / "examples" / "oru_r01_local_codes.hl7").read_bytes()
    running = await serve("--sites", str(sites))
    async with httpx.AsyncClient() as http:

        async def codes() -> list[str]:
            made = (await http.post(f"{running.url}/v1/convert", content=raw)).json()
            found = (entry["resource"] for entry in made["entry"])
            return [r["code"]["coding"][0]["code"] for r in found if r["resourceType"] == "Observation"]

        before = await codes()
        assert before == ["6690-2", "789-8", "718-7", "777-3", "RETHE", "2951-2", "2823-3", "14749-6", "14682-9"]
        ready = (await http.get(f"{running.url}/readyz")).json()
        assert ready["checks"]["rules"]["ok"]
        sheet.write_text(rows + "HILLLAB|HILLSIDE,OBX-3,L,RETHE,,,LN,42810-2,,,,,\n", "utf-8")
        after = await codes()
        assert after == [*before[:4], "42810-2", *before[5:]]
        sheet.write_text(rows + "HILLLAB|HILLSIDE,OBX-3,L,RETHE,,,LOIN,1-8,,,,,\n", "utf-8")
        assert await codes() == after
        ready = (await http.get(f"{running.url}/readyz")).json()
        assert ready["ready"]
        assert f"lab.csv:{len(rows.splitlines()) + 1}" in ready["checks"]["rules"]["detail"]
    _, log, _ = await running.stop()
    assert [line["event"] for line in log if line["event"].startswith("rules.")] == ["rules.changed", "rules.refused"]


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


async def test_ST19_SIGTERM_with_50_idle_and_20_busy_senders(serve: Serve, tmp_path: Path) -> None:
    """Every message in hand is answered, every accepted one is delivered, and the process ends by itself (S-78, S-79)."""
    settings = {"SEGUE__DRAIN__SILENCE_S": "2", "SEGUE__LISTENERS__0__PER_SOURCE": "100"}
    running = await serve("--deliver", str(tmp_path / "out.ndjson"), **settings)
    port, flowing = int(running.port), asyncio.Event()
    accepted: list[str] = []
    answers: list[str] = []

    async def busy(number: int) -> None:
        async with Client("127.0.0.1", port) as client:
            for count in range(100_000):
                control_id = f"B{number}-{count}"
                reply = await client.send(adt(control_id))  # raises where the answer is lost
                answers.append(reply.code)
                if not reply.accepted:
                    return  # told that the service stops: a well-behaved sender comes again later
                accepted.append(control_id)
                if len(accepted) > 100:
                    flowing.set()

    async with AsyncExitStack() as stack:
        for number in range(50):
            idle = await stack.enter_async_context(Client("127.0.0.1", port))
            assert (await idle.send(adt(f"I{number}"))).accepted
            accepted.append(f"I{number}")
        senders = [asyncio.create_task(busy(number)) for number in range(20)]
        await asyncio.wait_for(flowing.wait(), 20)
        running.process.send_signal(signal.SIGTERM)
        await asyncio.wait_for(asyncio.gather(*senders), 25)
        code, log, _ = await running.end()
    assert code == 0
    assert answers.count("AR") == 20
    lines = (tmp_path / "out.ndjson").read_bytes().splitlines()
    assert sorted(json.loads(line)["identifier"]["value"] for line in lines) == sorted(accepted)
    assert log[-1]["event"] == "stopped"


async def test_listeners_have_settings_of_their_own(serve: Serve, tmp_path: Path, authority: Authority) -> None:
    pair = authority.issue("door")
    (tmp_path / "s.yaml").write_text(f"""\
listeners:
  - {{name: open, port: 0}}
  - {{name: lab, port: 0, timezone: America/Halifax, message_bytes: 500, tls: {{cert_file: {pair.cert}, key_file: {pair.key}}}}}
targets:
  - {{name: all, kind: ndjson, path: {tmp_path}/all.ndjson}}
  - {{name: person, kind: ndjson, path: {tmp_path}/person.ndjson, filter: {{messages: [ADT^A31], senders: ["LAB|NORTH"]}}}}
""")
    running = await serve("--config", str(tmp_path / "s.yaml"))
    while len(running.steps) < 4:
        assert running.process.stderr is not None
        running.steps.append((await asyncio.wait_for(running.process.stderr.readline(), 20)).decode().strip())
    assert " --tls " in running.steps[3]
    lab = int(running.steps[3].partition("--port ")[2].split()[0])
    context = ssl.create_default_context(cafile=authority.ca)
    async with Client("127.0.0.1", int(running.port)) as one, Client("127.0.0.1", lab, context=context) as two:
        assert (await one.send(adt("M1") + b"NTE|1||" + b"x" * 600 + b"\r")).code == "AA"
        assert (await two.send(adt("M2", "ADT^A31"))).code == "AA"
        assert (await two.send(adt("M3") + b"NTE|1||" + b"x" * 600 + b"\r")).code == "AR"
    await running.stop()
    found = {
        name: [json.loads(line)["identifier"]["value"] for line in (tmp_path / name).read_bytes().splitlines()]
        for name in ("all.ndjson", "person.ndjson")
    }
    assert found == {"all.ndjson": ["M1", "M2"], "person.ndjson": ["M2"]}


def test_a_listener_whose_certificate_cannot_be_used(segue: Run, tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text(
        "listeners: [{name: lab, port: 0, tls: {cert_file: /nowhere.pem, key_file: /nowhere.key}}]\n"
    )
    done = segue("serve", "--http-port", "0", "--config", str(tmp_path / "s.yaml"))
    assert done.returncode == 1
    assert "listener lab: /nowhere.pem or /nowhere.key: No such file" in done.stderr.decode()


async def test_O02_S63_a_target_that_is_away_is_told_and_the_service_stays_ready(serve: Serve) -> None:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        nobody = sock.getsockname()[1]
    running = await serve("--deliver", f"http://127.0.0.1:{nobody}/r4")
    async with Client("127.0.0.1", int(running.port)) as client:
        for number in range(6):
            assert (await client.send(adt(f"M{number}"))).code == "AR"
    async with httpx.AsyncClient() as http:
        reply = await http.get(f"{running.url}/readyz")
    _, log, _ = await running.stop()
    assert reply.status_code == 200
    check = reply.json()["checks"]["target deliver"]
    assert (check["ok"], check["detail"]) == (False, "unreachable")
    reasons = [entry["reason"] for entry in log if entry["event"] == "delivery.failed"]
    assert reasons == ["unreachable"] * 5 + ["breaker-open"]


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


async def test_T35_T62_T64_unknown_codes_reach_the_inbox_and_an_accepted_row_translates(
    serve: Serve, tmp_path: Path
) -> None:
    folder, file = tmp_path / "terminology", tmp_path / "inbox.db"
    folder.mkdir()
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # bound and never listening: a terminology server that is down
        where = {
            "SEGUE__INBOX__URL": str(file),
            "SEGUE__TERMINOLOGY__FOLDER": str(folder),
            "SEGUE__TERMINOLOGY__REMOTE__URL": f"http://127.0.0.1:{closed.getsockname()[1]}/fhir",
            "SEGUE__TERMINOLOGY__REMOTE__CACHE": str(tmp_path / "cache.db"),
            "SEGUE__TERMINOLOGY__REMOTE__SYSTEMS": "[{name: L, uri: 'urn:north', sender: 'LAB|NORTH'}]",
        }
        running = await serve(**where)
        raw = (
            adt("M1", "ORU^R01")
            + b"OBR|1|P1|F1|24331-1^Lipids^LN|||20240310\rOBX|1|NM|GLU^Glucose^L||5.5|mg/dL|||||F\r"
        )
        async with Client("127.0.0.1", int(running.port)) as client:
            for _ in range(3):
                assert (await client.send(raw)).code == "AA"
        running.process.kill()
        await running.end()
        running = await serve(**where)
        await running.stop()
    inbox = Inbox(file)
    (one,) = inbox.entries()
    assert (one.key.code, one.key.sender, one.count, one.state) == ("GLU", "LAB|NORTH", 3, "pending")
    known = Terminology.load()
    desk = Desk(inbox, folder, lambda: known)
    desk.accept(one, MapRow(target_system="LN", target_code="2345-7"), by="ada")
    running = await serve(SEGUE__TERMINOLOGY__FOLDER=str(folder))
    async with httpx.AsyncClient() as http:
        assert '"2345-7"' in (await http.post(f"{running.url}/v1/convert", content=raw)).text
    await running.stop()
