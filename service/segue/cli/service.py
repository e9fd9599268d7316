"""`segue serve`: HTTP and MLLP in one process, from the settings to the last acknowledgement (S-78, S-80).

A first SIGTERM makes the service not ready, waits for the traffic to move, then stops taking and finishes what is
in hand; SIGINT does the same without the wait; a second signal ends at once. Nothing accepted is lost by any of
them.
"""

from __future__ import annotations

import asyncio
import shlex
import shutil
import signal
import socket
import sys
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import typer

from segue import log
from segue.cli.children import children_of
from segue.cli.collector import let_young_be
from segue.cli.configuration import tell
from segue.cli.remote import RemoteError, resolver_for, translations_for
from segue.cli.rules import RulesError, converter_for, rule_files
from segue.cli.unmapped import desk_for
from segue.convert import Converter
from segue.database import StoreError
from segue.delivery.choice import TargetError, open_routes
from segue.delivery.conversions import conversions_of
from segue.delivery.exclusion import Locks
from segue.delivery.intake import Intake, Pipeline
from segue.delivery.route import Routes
from segue.http.app import create_app
from segue.http.health import Health
from segue.http.rules import Rules
from segue.http.server import HttpServer
from segue.inbox.counting import Counting
from segue.inbox.desk import Desk
from segue.journal.clerk import Clerk
from segue.journal.locks import locks_of
from segue.journal.waiting import WaitingMessages
from segue.mllp.server import MllpServer
from segue.reloading import Reloading
from segue.secret import Secret, SecretError
from segue.settings import Key, Listener, Settings, SettingsError, is_loopback, load
from segue.settings.targets import Fhir
from segue.tls import TlsError

if TYPE_CHECKING:
    from segue.terminology.remote import Resolver

EXAMPLE = "examples/adt_a01_admission.hl7"


def run(config: Path | None, flags: Mapping[Key, Any]) -> int:
    """Exit code: 0 stopped as asked, 1 could not start or broke, 2 wrong settings or rules."""
    try:
        settings = load(config, flags=flags).settings
        filtered = (site for target in settings.targets for site in target.filter.sites)
        sites = [settings.site, *(listener.site for listener in settings.listeners), *filtered]
        translations = translations_for(settings.terminology.remote)
        resolver = resolver_for(settings.terminology.remote, translations) if translations is not None else None
        vocabularies = settings.terminology.vocabularies
        converter = converter_for(sites, vocabularies, rule_files(settings), translations, reload=True)
        desk = desk_for(settings, lambda: converter.terminology)
        counts = Path(settings.inbox.counts) if settings.inbox.counts else None
        counting = Counting(desk.inbox, counts) if desk is not None else None
    except SettingsError as error:
        tell(error)
        return 2
    except (RulesError, RemoteError) as error:
        typer.echo(str(error), err=True)
        return 2
    except (StoreError, OSError) as error:  # the folder of counts is made here too
        typer.echo(f"inbox: {error}", err=True)
        return 2
    log.configure(settings.log.format, settings.log.level)
    try:
        web = _bound(settings.http.host, settings.http.port, "HTTP")
        doors = [
            (listener, _bound(listener.host, listener.port, f"MLLP {listener.name}")) for listener in settings.listeners
        ]
    except _BindError as error:
        typer.echo(str(error), err=True)
        return 1
    let_young_be()
    return asyncio.run(_Process(settings, converter, resolver, desk, counting, web, doors).main())


class _BindError(Exception):
    pass


def _bound(host: str, port: int, door: str) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        sock = socket.socket(family, kind, protocol)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(address)
    except OSError as error:
        raise _BindError(
            f"{door}: cannot listen on {host}:{port}: {error.strerror} – choose another address or port"
        ) from None
    sock.setblocking(False)
    return sock


def _program() -> str:
    """How this program was called, where its name alone would not be found."""
    if sys.argv[0].endswith(".py"):
        return f"{shlex.quote(sys.executable)} -m segue.cli"
    return shlex.quote(sys.argv[0])


class _Process:
    """One running service."""

    def __init__(
        self,
        settings: Settings,
        converter: Converter,
        resolver: Resolver | None,
        desk: Desk | None,
        counting: Counting | None,
        web: socket.socket,
        doors: list[tuple[Listener, socket.socket]],
    ) -> None:
        self.settings = settings
        self.converter = converter
        self.web = web
        self.doors = doors
        self.health = Health()
        self.log = log.get()
        self.routes: Routes | None = None
        self.locks: Locks | None = None
        self.resolver = resolver
        self.counting = counting
        self.inbox = desk
        self.conversions = conversions_of(settings, converter, resolver, children_of(settings), counting)
        self.clerk: Clerk | None = None
        self.http: HttpServer
        self.listeners: list[MllpServer] = []
        self.stopping = asyncio.Event()
        self.at_once = asyncio.Event()
        self.patient = True

    async def main(self) -> int:
        if not await self._open():
            return 1
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._signal, number)
        served = loop.create_task(self.http.run_on([self.web]))
        listening = loop.create_task(self.http.listening.wait())
        stopped = loop.create_task(self.stopping.wait())
        await asyncio.wait({served, listening}, return_when=asyncio.FIRST_COMPLETED)
        if not served.done():
            self._announce()
            await asyncio.wait({served, stopped}, return_when=asyncio.FIRST_COMPLETED)
        broken = served.done() and not self.stopping.is_set()
        listening.cancel()
        stopped.cancel()
        await self._drain(served)
        if self.clerk is not None:
            await self.clerk.stop(self.settings.drain.grace_s)
        await self.conversions.close()
        if self.routes is not None:
            await self.routes.close()
        if self.locks is not None:
            await self.locks.close()
        if self.resolver is not None:
            await self.resolver.close()
        if self.counting is not None:
            await self.counting.close()
        self.log.info("stopped")
        return 1 if broken else 0

    async def _open(self) -> bool:
        try:
            kept = self.settings.journal
            if kept.url is not None and any(isinstance(one, Fhir) for one in self.settings.all_targets):
                self.locks = locks_of(kept.url, Secret.of(kept, "password"))
            self.routes = open_routes(self.settings, self._told, self.locks)
        except (StoreError, SecretError) as error:
            typer.echo(f"journal: {error}", err=True)
            return False
        except OSError as error:
            typer.echo(
                f"journal: its locks cannot be opened: {error.strerror} – see that its folder can be written", err=True
            )
            return False
        except TargetError as error:
            typer.echo(str(error), err=True)
            return False
        if self.settings.journal.url is not None:
            try:
                self.clerk = await Clerk.open(self.settings, self.conversions, self.routes)
            except (StoreError, SecretError) as error:
                typer.echo(f"journal: {error}", err=True)
                return False
            except TlsError as error:
                typer.echo(f"callback: {error}", err=True)
                return False
            await self.clerk.start(self.health)
            if self.inbox is not None:
                self.inbox.waiting = WaitingMessages(self.clerk.journal.database)
        app = create_app(self.converter, self.settings, self.health, self.resolver, self.inbox, self.clerk)
        self.http = HttpServer(app, grace_s=self.settings.drain.grace_s)
        intake: Intake = self.clerk.intake if self.clerk is not None else Pipeline(self.conversions, self.routes)
        show = self.settings.log.control_ids
        for listener, sock in self.doors:
            try:
                server = MllpServer(intake, listener, self.settings.drain, show_control_ids=show)
            except TlsError as error:
                typer.echo(f"listener {listener.name}: {error}", err=True)
                return False
            await server.start(sock)
            self.listeners.append(server)
        if self.resolver is not None:
            self.resolver.start()
        if self.counting is not None:
            self.counting.start()
        self.health.set("pack", True)
        if isinstance(self.converter, Reloading):
            self.health.set("rules", True, required=False)
            self.converter.listen(self._rules_changed)
        self.health.set("listeners", True, f"{len(self.listeners)} MLLP")
        self.health.set("draining", True)
        return True

    def _told(self, target: str, asked: bool, reason: str) -> None:
        """A target that is left alone is told as a degraded check; the service stays ready (O-02)."""
        self.health.set(f"target {target}", asked, "" if asked else reason, required=False)
        if asked:
            self.log.info("target.asked-again", target=target)
            if self.clerk is not None:
                self.clerk.answered(target)
        else:
            self.log.error("target.left-alone", target=target, reason=reason)

    def _rules_changed(self, fault: str | None) -> None:
        """Changed rule files are in force, or cannot be used and change nothing (T-28, O-43)."""
        self.health.set("rules", fault is None, fault or "", required=False)
        if fault is None:
            self.log.info("rules.changed", digest=Rules.of(self.converter).digest)
        else:
            self.log.error("rules.refused", fault=fault, meaning="the rules from before serve on")

    def _announce(self) -> None:
        rules = Rules.of(self.converter)
        self.log.info("started", version=version("segue"), pack=f"{rules.name}@{rules.version}", digest=rules.digest)
        plain = [(s.listener.name, s.listener.host) for s in self.listeners if s.listener.tls is None]
        for name, host in (("http", self.settings.http.host), *plain):
            if not is_loopback(host):
                self.log.warning(
                    "plaintext", listener=name, meaning="patient data travels readable and nobody is asked who they are"
                )
        for one in self.settings.listeners:
            url = urlsplit(one.callback.url) if one.callback is not None else None
            if url is not None and url.scheme == "mllp" and not is_loopback(url.hostname or ""):
                self.log.warning("plaintext", callback=one.name, meaning="acknowledgements travel readable")
        if self.routes is None and self.listeners:
            self.log.warning(
                "no-deliver",
                meaning="AA says that a message was converted; its Bundle goes nowhere (--deliver, targets)",
            )
        if self.clerk is None and self.listeners:
            self.log.warning(
                "no-journal", meaning="a message that cannot be delivered is refused and not kept (--journal)"
            )
        typer.echo("\n".join(self._first_steps()), err=True)

    def _first_steps(self) -> list[str]:
        """Lines that work when pasted in the folder that holds `examples/`."""
        web = self.web.getsockname()
        host = "127.0.0.1" if self.settings.http.host in ("0.0.0.0", "::") else self.settings.http.host
        url = f"http://{f'[{host}]' if ':' in host else host}:{web[1]}/v1/convert"
        lines = ["Try:", f"  curl --data-binary @{EXAMPLE} {url}"]
        program = "segue" if shutil.which("segue") else _program()
        for server in self.listeners:
            address = (
                "" if is_loopback(server.listener.host) or host == "127.0.0.1" else f" --host {server.listener.host}"
            )
            secure = "" if server.listener.tls is None else " --tls"
            lines.append(f"  {program} send{address}{secure} --port {server.port} {EXAMPLE}")
        return lines

    def _signal(self, number: int) -> None:
        if self.stopping.is_set():
            self.at_once.set()
        self.patient = number == signal.SIGTERM
        self.stopping.set()

    async def _drain(self, served: asyncio.Task[None]) -> None:
        self.health.set("draining", False, "the service is stopping")
        self.log.info("draining")
        hurry = asyncio.get_running_loop().create_task(self.at_once.wait())
        if self.patient and not served.done():
            await asyncio.wait({hurry}, timeout=self.settings.drain.delay_s)
        self.http.should_exit = True
        drains = {asyncio.ensure_future(server.drain()) for server in self.listeners} | {served}
        finished = asyncio.gather(*drains, return_exceptions=True)
        await asyncio.wait({finished, hurry}, return_when=asyncio.FIRST_COMPLETED)
        if not finished.done():
            self.http.force_exit = True
            for server in self.listeners:
                server.abort()
            await finished
        hurry.cancel()
