"""TLS contexts from files, made again when a file changes; TLS 1.2 at least (S-83, S-85).

A connection asks for the context when it is made, so a renewed certificate counts for the next one and no connection is
dropped. New files that cannot be used are refused whole and told; the old context serves on (O-43).
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography import x509

from segue import log
from segue.settings.tls import ClientTls, ServerTls

WARN_DAYS = 21  # before a certificate ends


class TlsError(Exception):
    """Files that give no TLS context: which, why – what to do."""


Mark = tuple[tuple[int, int, int], ...]


class Tls:
    """The current context of a listener or a target; raises TlsError when it cannot be made at first."""

    def __init__(self, make: Callable[[], ssl.SSLContext], files: Iterable[str | None], owner: str) -> None:
        self._make = make
        self._files = tuple(Path(file) for file in files if file is not None)
        self._log = log.get(owner=owner)
        self._mark = self._marked()
        self._context = make()
        self._tell_end()

    @property
    def context(self) -> ssl.SSLContext:
        mark = self._marked()
        if mark != self._mark:
            self._mark = mark
            try:
                self._context = self._make()
            except TlsError as error:
                self._log.error("tls.reload-refused", meaning=str(error))
            else:
                self._log.info("tls.reloaded")
                self._tell_end()
        return self._context

    def _marked(self) -> Mark:
        found: list[tuple[int, int, int]] = []
        for file in self._files:
            try:
                state = file.stat()
            except OSError:
                found.append((0, 0, 0))
            else:
                found.append((state.st_mtime_ns, state.st_size, state.st_ino))
        return tuple(found)

    def _tell_end(self) -> None:
        for file in self._files:
            ends = expiry(file)
            if ends is not None and (days := (ends - datetime.now(UTC)).days) < WARN_DAYS:
                self._log.warning("certificate.ends", file=file.name, days=days, at=ends.isoformat())


def server_tls(settings: ServerTls, owner: str) -> Tls:
    """TLS of a listener; a client without a certificate fails the handshake where one is required."""

    def make() -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        _pair(context, settings.cert_file, settings.key_file)
        if settings.client_ca_file is not None:
            context.verify_mode = ssl.CERT_REQUIRED
            _authorities(context, settings.client_ca_file)
        return context

    return Tls(make, (settings.cert_file, settings.key_file, settings.client_ca_file), owner)


def client_tls(settings: ClientTls, owner: str) -> Tls:
    """TLS towards a target, whose name has to stand in its certificate."""

    def make() -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if settings.ca_file is not None:
            _authorities(context, settings.ca_file)
        else:
            context.load_default_certs()
        if settings.cert_file is not None and settings.key_file is not None:
            _pair(context, settings.cert_file, settings.key_file)
        return context

    return Tls(make, (settings.ca_file, settings.cert_file, settings.key_file), owner)


def names(certificate: Any) -> frozenset[str]:
    """Common names and alternative names of a peer's certificate, as `getpeercert` tells it (S-84)."""
    if not certificate:
        return frozenset()
    common = {value for part in certificate.get("subject", ()) for key, value in part if key == "commonName"}
    return frozenset(common | {value for _, value in certificate.get("subjectAltName", ())})


def expiry(file: Path) -> datetime | None:
    """When the first certificate of a file ends, None where the file holds none."""
    try:
        return x509.load_pem_x509_certificate(file.read_bytes()).not_valid_after_utc
    except (OSError, ValueError):
        return None


def _load(load: Callable[[], None], *files: str) -> None:
    try:
        load()
    except ssl.SSLError as error:
        reason = (error.reason or "not usable").replace("_", " ").lower()
        raise TlsError(f"{' with '.join(files)}: {reason} – give PEM files that belong together") from None
    except OSError as error:
        raise TlsError(f"{' or '.join(files)}: {error.strerror} – check the path and its permissions") from None
    except ValueError:
        raise TlsError(f"{files[-1]}: the key has a password – give a key without one") from None


def _pair(context: ssl.SSLContext, certificate: str, key: str) -> None:
    _load(lambda: context.load_cert_chain(certificate, key, _no_password), certificate, key)


def _authorities(context: ssl.SSLContext, file: str) -> None:
    _load(lambda: context.load_verify_locations(file), file)


def _no_password() -> str:
    """Instead of OpenSSL's question on the terminal."""
    raise ValueError("no password")
