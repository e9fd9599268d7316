"""Who is let in: addresses, seats, TLS, certificates, and renewal without a dropped connection (S-71, S-83 to S-85)."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from segue.mllp.client import Client
from segue.mllp.frames import encode
from segue.settings.tls import ServerTls

from ..conftest import Authority, Pair
from .conftest import Bench, Line

Adt = Callable[..., bytes]
Logged = Callable[[], list[dict[str, Any]]]


def trusting(authority: Authority, pair: Pair | None = None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=authority.ca)
    if pair is not None:
        context.load_cert_chain(*pair)
    return context


def tls(authority: Authority, **more: Any) -> ServerTls:
    pair = authority.issue("door")
    return ServerTls(cert_file=pair.cert, key_file=pair.key, **more)


def mutual(authority: Authority, **more: Any) -> ServerTls:
    return tls(authority, client="required", client_ca_file=authority.ca, **more)


async def talks(line: Line, adt: Adt, control_id: str = "M1") -> None:
    await line.write(encode(adt(control_id)))
    assert await line.msa() == f"AA {control_id}"


async def reasons(logged: Logged, count: int = 1) -> list[str]:
    """The reasons of so many refusals."""
    async with asyncio.timeout(5):
        while len(found := [e["reason"] for e in logged() if e["event"] == "mllp.refused"]) < count:
            await asyncio.sleep(0)
    return found


async def refused(bench: Bench, server: Any, context: ssl.SSLContext | None) -> None:
    """Fails in the handshake, or right after it: a client of TLS 1.3 learns only then that it was not let in."""
    try:
        line = await bench.line(server, context)
        await line.write(b"\x0b")
        assert await line.ended()
    except (ConnectionError, ssl.SSLError):
        pass


# addresses and seats ──────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("allow", "let_in"), [("127.0.0.0/8", True), ("127.0.0.1", True), ("10.0.0.0/8", False)])
async def test_S84_addresses_that_are_not_listed_are_closed_unread(
    bench: Bench, adt: Adt, logged: Logged, allow: str, let_in: bool
) -> None:
    server = await bench.listen(allow=(allow,))
    line = await bench.line(server)
    if let_in:
        await talks(line, adt)
    else:
        assert await line.ended()
        assert await reasons(logged) == ["not-allowed"]
        assert bench.seen == []


async def test_S71_connections_of_one_source_over_the_cap_are_closed(bench: Bench, adt: Adt, logged: Logged) -> None:
    server = await bench.listen(per_source=1)
    first = await bench.line(server)
    await talks(first, adt)
    assert await (await bench.line(server)).ended()
    assert await reasons(logged) == ["per-source"]
    await first.close()
    async with asyncio.timeout(5):
        while server.connections:
            await asyncio.sleep(0)
    await talks(await bench.line(server), adt, "M2")


async def test_S71_over_the_cap_a_new_connection_waits_for_a_seat(bench: Bench, adt: Adt, logged: Logged) -> None:
    server = await bench.listen(connections=1)
    first = await bench.line(server)
    await talks(first, adt, "M1")
    second, third = await bench.line(server), await bench.line(server)
    await second.write(encode(adt("M2")))
    await talks(first, adt, "M3")
    assert bench.seen == [adt("M1"), adt("M3")]
    assert [e["event"] for e in logged() if e["level"] == "error"] == ["mllp.full"]
    await first.close()
    assert await second.msa() == "AA M2"
    await second.close()
    await talks(third, adt, "M4")


async def test_S71_a_connection_that_never_spoke_is_the_first_to_go(bench: Bench, adt: Adt, logged: Logged) -> None:
    server = await bench.listen(connections=2, silent_s=0)
    speaker, silent = await bench.line(server), await bench.line(server)
    await talks(speaker, adt)
    newcomer = await bench.line(server)
    await talks(newcomer, adt, "M2")
    assert await silent.ended()
    await talks(speaker, adt, "M3")
    assert "mllp.evicted" in [e["event"] for e in logged()]


async def test_S71_a_sender_has_time_to_speak_before_it_has_to_make_room(bench: Bench, adt: Adt) -> None:
    server = await bench.listen(connections=1, silent_s=0.3)
    first = await bench.line(server)
    second = await bench.line(server)
    await talks(first, adt, "M1")  # the newcomer did not push it out
    await first.close()
    third = await bench.line(server)
    assert await second.ended()  # it had its time and said nothing
    await talks(third, adt, "M3")


# TLS ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_S83_messages_over_TLS(bench: Bench, adt: Adt, authority: Authority) -> None:
    server = await bench.listen(tls=tls(authority))
    line = await bench.line(server, trusting(authority))
    await line.write(b"".join(encode(adt(f"M{n}", more="Z" * 20_000)) for n in range(20)))
    assert [await line.msa() for _ in range(20)] == [f"AA M{n}" for n in range(20)]
    assert line.writer.get_extra_info("ssl_object").version() in ("TLSv1.2", "TLSv1.3")


async def test_S83_a_client_of_ours_over_mutual_TLS(bench: Bench, adt: Adt, authority: Authority) -> None:
    server = await bench.listen(tls=mutual(authority))
    own = authority.issue("lab")
    async with Client("127.0.0.1", server.port, context=trusting(authority, own)) as client:
        assert (await client.send(adt())).code == "AA"


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("no certificate", "peer-did-not-return-a-certificate"),
        ("other authority", "certificate: "),
        ("ended", "certificate: certificate has expired"),
        ("old TLS", "unsupported-protocol"),
        ("plain", "wrong-version-number"),
        ("http", "http-request"),
        ("hangs up", "connection-lost"),
    ],
)
async def test_S83_without_trust_nobody_comes_in_and_the_log_says_why(
    bench: Bench, adt: Adt, authority: Authority, logged: Logged, tmp_path: Path, fault: str, reason: str
) -> None:
    server = await bench.listen(tls=mutual(authority))
    stranger = Authority(tmp_path / "stranger", "Stranger")
    own: Pair | None = {
        "no certificate": None,
        "other authority": stranger.issue("lab"),
        "ended": authority.issue("lab", days=-2, file="ended"),
    }.get(fault, authority.issue("lab"))
    if fault in ("plain", "http", "hangs up"):
        line = await bench.line(server)
        if fault != "hangs up":
            await line.write(encode(adt()) if fault == "plain" else b"GET / HTTP/1.1\r\n\r\n")
            await line.ended()
        else:
            line.reset()
    else:
        context = trusting(authority, own)
        if fault == "old TLS":
            context.set_ciphers("DEFAULT:@SECLEVEL=0")
            with pytest.warns(DeprecationWarning, match="TLSVersion"):
                context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
        await refused(bench, server, context)
    assert (await reasons(logged))[0].startswith(reason)
    assert bench.seen == []
    await talks(await bench.line(server, trusting(authority, authority.issue("good"))), adt)


async def test_S84_only_listed_subjects(bench: Bench, adt: Adt, authority: Authority, logged: Logged) -> None:
    server = await bench.listen(tls=mutual(authority, subjects=("lab.north",)))
    await talks(await bench.line(server, trusting(authority, authority.issue("lab.north"))), adt)
    await refused(bench, server, trusting(authority, authority.issue("lab.south")))
    assert await reasons(logged) == ["certificate-not-listed"]


async def test_S73_a_handshake_that_does_not_go_on_is_given_up_and_keeps_nobody_waiting(
    bench: Bench, adt: Adt, authority: Authority, logged: Logged
) -> None:
    server = await bench.listen(tls=tls(authority), handshake_s=0.3)
    stuck = await bench.line(server)
    await talks(await bench.line(server, trusting(authority)), adt)
    assert await stuck.ended()
    assert await reasons(logged) == ["handshake-time-out"]


async def test_S71_handshakes_take_seats_too(bench: Bench, adt: Adt, authority: Authority) -> None:
    server = await bench.listen(tls=tls(authority), connections=1, handshake_s=0.2)
    stuck = await bench.line(server)
    await talks(await bench.line(server, trusting(authority)), adt)
    assert await stuck.ended()


async def test_S85_a_renewed_certificate_counts_for_the_next_connection_and_drops_none(
    bench: Bench, adt: Adt, authority: Authority
) -> None:
    server = await bench.listen(tls=tls(authority))
    before = await bench.line(server, trusting(authority))
    await talks(before, adt, "M1")
    authority.issue("renewed", file="door")
    after = await bench.line(server, trusting(authority))
    await talks(after, adt, "M2")
    await talks(before, adt, "M3")
    shown = [line.writer.get_extra_info("peercert")["subject"][0][0][1] for line in (before, after)]
    assert shown == ["door", "renewed"]


async def test_O43_a_bad_certificate_file_is_refused_and_the_old_one_serves_on(
    bench: Bench, adt: Adt, authority: Authority, logged: Logged
) -> None:
    node = tls(authority)
    server = await bench.listen(tls=node)
    Path(node.cert_file).write_text("half")
    await talks(await bench.line(server, trusting(authority)), adt)
    assert "tls.reload-refused" in [e["event"] for e in logged()]


async def test_a_fault_of_one_connection_does_not_make_the_listener_deaf(
    bench: Bench, adt: Adt, logged: Logged, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = await bench.listen()
    with monkeypatch.context() as patch:
        patch.setattr(type(server._floor), "unwelcome", lambda _self, _source: 1 / 0)
        assert await (await bench.line(server)).ended()
    await talks(await bench.line(server), adt)
    assert [e["exception"] for e in logged() if e["event"] == "mllp.bug"] == ["ZeroDivisionError"]


async def test_IPv6(bench: Bench, adt: Adt) -> None:
    if not socket.has_ipv6:
        pytest.fail("this machine has no IPv6 – the listener's addresses cannot be tried")
    server = await bench.listen(host="::1", allow=("::1",))
    async with Client("::1", server.port) as client:
        assert (await client.send(adt())).code == "AA"
