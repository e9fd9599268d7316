"""The terminology server of the settings, and `segue terminology answers` and `forget`: what it has said so far (T-31, T-34)."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from segue.cli.configuration import loaded
from segue.settings.terminology import Remote

if TYPE_CHECKING:  # an HTTP client comes with it
    from segue.terminology.remote import Resolver, Translations
    from segue.terminology.remote.cache import Cache


class RemoteError(Exception):
    """The settings of the terminology server cannot be used: what is wrong (where) – what to do."""


def translations_for(remote: Remote) -> Translations | None:
    """What the server has answered; None where none is set. Raises RemoteError."""
    if remote.url is None:
        return None
    from segue.terminology.remote import Translations
    from segue.terminology.remote.cache import Cache
    from segue.terminology.remote.translations import Local

    try:
        cache = Cache(Path(remote.cache), remote.url.rstrip("/"), remote.map)
    except OSError as error:
        raise RemoteError(f"cannot be opened: {error.strerror} (terminology.remote.cache {remote.cache})") from None
    systems = {Local(one.sender, one.name): one.uri for one in remote.systems}
    return Translations(cache, systems, target=remote.target, displays=remote.displays)


def resolver_for(remote: Remote, translations: Translations) -> Resolver:
    """Who asks the server; to be used in one event loop. Raises RemoteError."""
    from segue.terminology.remote import Resolver, Server

    token = None
    if remote.token_file is not None:
        try:
            token = Path(remote.token_file).read_text("utf-8").strip()
        except OSError as error:
            raise RemoteError(
                f"cannot be read: {error.strerror} (terminology.remote.token_file {remote.token_file})"
            ) from None
    server = Server(
        remote.url or "",
        targets=remote.targets,
        map_url=remote.map,
        dialect=remote.dialect,
        token=token,
        timeout_s=remote.timeout_s,
        tries=remote.tries,
    )
    return Resolver(server, translations, wait_s=remote.wait_s)


def _cache(config: Path | None) -> Cache | int:
    from segue.terminology.remote.cache import Cache

    found = loaded(config)
    if found is None:
        return 2
    file = Path(found.settings.terminology.remote.cache)
    if not file.exists():
        typer.echo(f"No answer is kept ({file}).", err=True)
        return 0
    return Cache(file, found.settings.terminology.remote.url or "")


def answers(config: Path | None) -> int:
    """All answers as a table."""
    from rich.console import Console
    from rich.table import Table

    cache = _cache(config)
    if isinstance(cache, int):
        return cache
    table = Table(box=None, pad_edge=False)
    for column in ("server", "system", "code", "answer", "targets", "until"):
        table.add_column(column, overflow="fold")
    for server, question, held in cache.rows():
        targets = "\n".join(f"{target.system} {target.code} {target.display}" for target in held.answer.targets)
        until = datetime.fromtimestamp(held.until, UTC).isoformat(timespec="seconds")
        table.add_row(server, question.system, question.code, held.answer.kind.value, targets, until)
    Console().print(table)
    return 0


def forget(config: Path | None, kind: str | None) -> int:
    """Removes answers, so that the server is asked anew."""
    from segue.terminology.remote.question import Kind

    cache = _cache(config)
    if isinstance(cache, int):
        return cache
    count = cache.purge((Kind(kind),) if kind is not None else tuple(Kind))
    typer.echo(f"{count} answers forgotten.")
    return 0
