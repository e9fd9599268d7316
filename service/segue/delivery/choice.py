"""The targets of the settings, opened: one class a kind. The only place that knows them all.

Each is imported when it is named: the clients of what nobody sends to would double the time to start.
"""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from segue import log
from segue.delivery.exclusion import Locks
from segue.delivery.route import Route, Routes, Told
from segue.delivery.target import Target
from segue.secret import SecretError
from segue.settings import Settings, is_loopback
from segue.settings import targets as nodes
from segue.tls import TlsError


class TargetError(Exception):
    """A target that cannot be opened: its name, what is wrong – what to do."""


def open_routes(settings: Settings, told: Told, locks: Locks | None = None) -> Routes | None:
    """All targets, None where there is none; raises TargetError. To be called in a running event loop.

    `locks`: those of the processes that send to the same targets.
    """
    routes: list[Route] = []
    for node in settings.all_targets:
        try:
            routes.append(Route(node, _opened(node, locks), told))
        except (SecretError, TlsError) as error:
            raise TargetError(f"target {node.name}: {error}") from None
        except OSError as error:
            raise TargetError(f"target {node.name}: {_place(node)} cannot be opened: {error.strerror}") from None
        if not _protected(node):
            log.get().warning("plaintext", target=node.name, meaning="patient data travels readable")
    return Routes(routes) if routes else None


def _opened(node: nodes.Target, locks: Locks | None) -> Target:
    match node:
        case nodes.Fhir():
            from segue.delivery.fhir import FhirServer

            return FhirServer(node, locks=locks)
        case nodes.Folder():
            from segue.delivery.folder import Folder

            return Folder(Path(node.path))
        case nodes.Ndjson():
            from segue.delivery.ndjson import Ndjson

            return Ndjson(Path(node.path))
        case nodes.Webhook():
            from segue.delivery.webhook import Webhook

            return Webhook(node)
        case nodes.Nats():
            from segue.delivery.stream import NatsStream

            return NatsStream(node)
        case nodes.Mllp():
            from segue.delivery.peer import MllpPeer

            return MllpPeer(node)


def _place(node: nodes.Target) -> str:
    return node.path if isinstance(node, nodes.Folder | nodes.Ndjson) else node.url


def _protected(node: nodes.Target) -> bool:
    """Whether nobody on the way can read what goes there."""
    if isinstance(node, nodes.Folder | nodes.Ndjson):
        return True
    parts = urlsplit(node.url)
    return parts.scheme in ("https", "tls", "mllps") or is_loopback(parts.hostname or "")
