"""`segue send`: messages over MLLP, one after the other, each with its acknowledgement (S-30).

One line a message: `FILE[n] control id, code, error codes`, and a second one for the application acknowledgement of enhanced mode.
Anything but an accept is exit code 1; the rest is still sent.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterator, Mapping, Sequence

import typer

from segue import hl7
from segue.cli.sources import Source, SourceError, sources
from segue.mllp.ack import Header
from segue.mllp.client import Client, ReplyError
from segue.mllp.mode import mode_of
from segue.settings.tls import ClientTls
from segue.tls import TlsError, client_tls


def run(
    paths: Sequence[str], host: str, port: int, timeout_s: float, tls: Mapping[str, str | None] | None = None
) -> int:
    """Exit code: 0 all accepted, 1 some not, 2 nothing to send or nothing to send with; `tls` are the files of ClientTls."""
    try:
        found = sources(paths)
        context = client_tls(ClientTls.model_validate(tls), "send").context if tls is not None else None
    except (SourceError, TlsError) as error:
        typer.echo(str(error), err=True)
        return 2
    return asyncio.run(_send(found, Client(host, port, timeout_s, context=context)))


async def _send(found: Sequence[Source], client: Client) -> int:
    worst = 0
    try:
        for name, raw in _messages(found):
            if raw is None:
                worst = 1
                continue
            header = Header.of(raw)
            label = " ".join(part for part in (name, header.control_id if header else "") if part)
            try:
                if not client.connected:
                    await client.open()
                reply = await client.send(raw)
            except ReplyError as error:
                typer.echo(f"{label} no acknowledgement: {error}")
                worst = 1
                continue
            typer.echo(" ".join((label, reply.code, *reply.errors)))
            worst = worst if reply.accepted else 1
            mode = mode_of(header)
            if reply.code == "CA" and header is not None and mode is not None and mode.application == "AL":
                said = await client.application(header.control_id)
                told = (
                    " ".join((said.code, *said.errors)) if said is not None else "no application acknowledgement here"
                )
                typer.echo(f"{label} {told}")
                worst = worst if said is None or said.accepted else 1
    except (OSError, TimeoutError) as error:
        reason = _reason(error)
        typer.echo(f"{client.host}:{client.port}: cannot connect: {reason}", err=True)
        worst = 1
    finally:
        await client.close()
    return worst


def _reason(error: OSError | TimeoutError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the listener's certificate is not trusted: {error.verify_message} (--ca-file)"
    if isinstance(error, ssl.SSLError):
        return f"TLS failed: {(error.reason or 'no reason').lower().replace('_', ' ')}"
    return error.strerror or "no answer"


def _messages(found: Sequence[Source]) -> Iterator[tuple[str, bytes | None]]:
    """Every message with its name; None where a source gives none."""
    for source in found:
        try:
            parts = hl7.split_batch(source.read()).messages
        except OSError as error:
            typer.echo(f"{source.name}: cannot read: {error.strerror or type(error).__name__}", err=True)
            yield source.name, None
            continue
        for index, raw in enumerate(parts, 1):
            yield f"{source.name}[{index}]", raw
