"""The NATS target against a real server: acknowledged by the stream, once for each message (S-60, S-61)."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import nats
import pytest

from segue.delivery.stream import NatsStream, subject
from segue.delivery.target import DeliveryError
from segue.settings.targets import Nats

from ..conftest import Authority
from .conftest import parcel

BINARY = Path(sys.executable).with_name("nats-server")


class Server:
    """A NATS server with JetStream on a free port; `start` again takes the same port and store."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = -1
        self.process: subprocess.Popen[bytes] | None = None
        self.options: list[str] = []

    async def start(self, *options: str) -> None:
        self.options = list(options) or self.options
        for file in self.folder.glob("*.ports"):
            file.unlink()
        place = [
            "-a",
            "127.0.0.1",
            "-p",
            str(self.port),
            "-sd",
            str(self.folder / "js"),
            "--ports_file_dir",
            str(self.folder),
        ]
        self.process = subprocess.Popen([BINARY, "-js", *place, *self.options], stderr=subprocess.DEVNULL)
        async with asyncio.timeout(10):
            while not (urls := self._urls()):
                assert self.process.poll() is None
                await asyncio.sleep(0.01)
        self.port = int(urls[0].rpartition(":")[2])

    def _urls(self) -> list[str]:
        for file in self.folder.glob("*.ports"):
            try:
                return json.loads(file.read_text())["nats"]
            except (json.JSONDecodeError, KeyError):
                return []
        return []

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    async def stream(self, *subjects: str, **login: Any) -> None:
        client = await nats.connect(f"nats://127.0.0.1:{self.port}", **login)
        await client.jetstream().add_stream(name="HL7", subjects=list(subjects))
        await client.close()

    async def stored(self, **login: Any) -> list[tuple[str, bytes, dict[str, str]]]:
        client = await nats.connect(f"nats://127.0.0.1:{self.port}", **login)
        js = client.jetstream()
        state = (await js.stream_info("HL7")).state
        found = [await js.get_msg("HL7", number) for number in range(1, state.messages + 1)]
        await client.close()
        return [(m.subject or "", m.data or b"", m.headers or {}) for m in found]


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    made = Server(tmp_path)
    yield made
    made.stop()


@pytest.fixture
async def opened(server: Server) -> AsyncIterator[Callable[..., NatsStream]]:
    made: list[NatsStream] = []

    def open_target(url: str = "", **more: Any) -> NatsStream:
        tree = {"name": "bus", "kind": "nats", "url": url or f"nats://127.0.0.1:{server.port}"}
        made.append(NatsStream(Nats.model_validate({"subject": "hl7.{type}.{event}", "timeout_s": 5, **tree, **more})))
        return made[-1]

    yield open_target
    for target in made:
        await target.close()


Open = Callable[..., NatsStream]


async def failure(target: NatsStream, **more: Any) -> tuple[bool, str, str]:
    with pytest.raises(DeliveryError) as caught:
        await target.deliver(parcel(event="ADT^A01", **more))
    return caught.value.transient, caught.value.reason, caught.value.detail


async def test_S61_each_Bundle_is_stored_once_however_often_it_is_sent(server: Server, opened: Open) -> None:
    await server.start()
    await server.stream("hl7.>")
    target = opened(stream="HL7")
    sent = [parcel(control_id=str(n), event="ADT^A01" if n % 2 else "ORU^R01") for n in range(20)]
    await asyncio.gather(*(target.deliver(one) for one in sent))
    await asyncio.gather(*(target.deliver(one) for one in sent))
    stored = await server.stored()
    assert sorted(body for _, body, _ in stored) == sorted(one.body for one in sent)
    assert {name for name, _, _ in stored} == {"hl7.ADT.A01", "hl7.ORU.R01"}
    assert stored[0][2]["Content-Type"] == "application/fhir+json"


async def test_S60_a_server_that_is_lost_is_found_again(server: Server, opened: Open) -> None:
    await server.start()
    await server.stream("hl7.>")
    target = opened(timeout_s=1)
    await target.deliver(parcel(control_id="1", event="ADT^A01"))
    server.stop()
    transient, reason, _ = await failure(target)
    assert transient
    assert reason in ("unreachable", "indeterminate")
    assert (await failure(target))[1] == "unreachable"
    await server.start()
    await target.deliver(parcel(control_id="2", event="ADT^A01"))
    assert len(await server.stored()) == 2


async def test_S60_no_stream_takes_the_subject(server: Server, opened: Open) -> None:
    await server.start()
    assert await failure(opened()) == (True, "server-fault", "no-stream")
    await server.stream("hl7.>")
    transient, reason, detail = await failure(opened(stream="OTHER"))
    assert (transient, reason) == (True, "server-fault")
    assert detail.startswith("jetstream-")


async def test_a_Bundle_over_the_server_s_limit_is_final(server: Server, opened: Open, tmp_path: Path) -> None:
    (tmp_path / "small.conf").write_text("max_payload: 1024\n")
    await server.start("-c", str(tmp_path / "small.conf"))
    await server.stream("hl7.>")
    assert await failure(opened(), entry=[{"fullUrl": "x" * 2000}]) == (False, "refused", "max-payload")


async def test_S60_credentials(server: Server, opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    await server.start("--user", "segue", "--pass", "right")
    await server.stream("hl7.>", user="segue", password="right")
    monkeypatch.setenv("PW", "wrong")
    target = opened(user="segue", password_env="PW")
    transient, reason, _ = await failure(target)
    assert (transient, reason) == (True, "credentials")
    monkeypatch.setenv("PW", "right")
    await target.deliver(parcel(event="ADT^A01"))


async def test_S83_TLS_with_a_certificate_on_both_sides(server: Server, opened: Open, authority: Authority) -> None:
    pair, own = authority.issue("server"), authority.issue("me")
    await server.start("--tlscert", pair.cert, "--tlskey", pair.key, "--tlscacert", authority.ca, "--tlsverify")
    tls = {"ca_file": authority.ca, "cert_file": own.cert, "key_file": own.key}
    url = f"tls://127.0.0.1:{server.port}"
    assert await failure(opened(url, tls=tls)) == (True, "server-fault", "no-stream")  # let in, and nobody listens
    assert (await failure(opened(url, tls={"ca_file": authority.ca})))[1] == "unreachable"


@pytest.mark.parametrize(
    ("event", "made"), [("ADT^A01", "hl7.ADT.A01"), ("A D.T^*>", "hl7.A_D_T._"), ("", "hl7.none.none")]
)
def test_what_a_sender_writes_stays_one_word_of_the_subject(event: str, made: str) -> None:
    assert subject("hl7.{type}.{event}", parcel(event=event)) == made
