"""A subject of a NATS JetStream stream: a Bundle counts as handed over when the stream has acknowledged it.

`Nats-Msg-Id` is the same at each attempt, so the stream drops a repetition inside its duplicate window (S-61). The
connection is made with the first Bundle and kept; after a loss the next Bundle makes a new one.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from typing import Any

from nats import errors
from nats.aio.client import Client
from nats.js import errors as js

from segue.delivery.target import (
    BUSY,
    CREDENTIALS,
    FAULT,
    INDETERMINATE,
    REFUSED,
    UNREACHABLE,
    DeliveryError,
    Parcel,
)
from segue.issues import issue
from segue.secret import Secret, SecretError
from segue.settings.targets import Nats as Settings
from segue.tls import client_tls

_TOKEN = re.compile(r"[^A-Za-z0-9_-]+")


class NatsStream:
    """A JetStream subject. Raises SecretError or TlsError when made."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._tls = client_tls(settings.tls, settings.name)
        self._token = Secret.of(settings, "token")
        self._password = Secret.of(settings, "password")
        for secret in (self._token, self._password):
            if secret is not None:
                secret.text()
        self._client: Client | None = None
        self._connecting = asyncio.Lock()

    async def deliver(self, parcel: Parcel) -> None:
        s = self.settings
        client = await self._connected()
        try:
            await client.jetstream().publish(  # pyright: ignore[reportUnknownMemberType]
                subject(s.subject, parcel),
                parcel.body,
                timeout=s.timeout_s,
                stream=s.stream,
                headers={"Nats-Msg-Id": parcel.key, "Content-Type": "application/fhir+json"},
            )
        except errors.MaxPayloadError:
            hint = "The Bundle is larger than the server's max_payload."
            raise DeliveryError(
                False, issue("delivery.refused", hint=hint), reason=REFUSED, detail="max-payload"
            ) from None
        except Exception as error:
            raise _failure(error) from error

    async def close(self) -> None:
        if self._client is not None:
            await self._client.close()

    async def _connected(self) -> Client:
        async with self._connecting:
            if self._client is not None:
                if self._client.is_connected:
                    return self._client
                await self._client.close()
                self._client = None
            client = Client()
            try:
                async with asyncio.timeout(self.settings.timeout_s):
                    await client.connect(**self._options())  # pyright: ignore[reportUnknownMemberType]
            except SecretError:
                raise _failed(CREDENTIALS, "secret") from None
            except BaseException as error:
                await client.close()
                if not isinstance(error, Exception):
                    raise
                raise _failure(error, sent=False) from error
            self._client = client
            return client

    def _options(self) -> dict[str, Any]:
        s = self.settings
        given: dict[str, Any] = {
            "servers": [s.url],
            "name": f"segue {s.name}",
            "allow_reconnect": False,
            "connect_timeout": s.timeout_s,
            "error_cb": _untold,
        }
        if s.url.startswith("tls://") or s.tls.ca_file is not None:
            given["tls"] = self._tls.context
        if s.credentials_file is not None:
            given["user_credentials"] = s.credentials_file
        if s.user is not None:
            given["user"] = s.user
        if self._password is not None:
            given["password"] = self._password.text()
        if self._token is not None:
            given["token"] = self._token.text()
        return given


def subject(pattern: str, parcel: Parcel) -> str:
    """The subject of a message; what MSH-9 holds beyond letters and digits becomes `_`."""
    kind, _, event = parcel.event.partition("^")
    words = {"{type}": kind, "{event}": event}
    for mark, word in words.items():
        pattern = pattern.replace(mark, _TOKEN.sub("_", word) or "none")
    return pattern


def _failure(error: Exception, *, sent: bool = True) -> DeliveryError:
    name = type(error).__name__
    if isinstance(error, js.NoStreamResponseError):
        return _failed(FAULT, "no-stream")
    if isinstance(error, js.ServiceUnavailableError):
        return _failed(BUSY, name)
    if isinstance(error, js.APIError):
        return _failed(FAULT, f"jetstream-{error.err_code}")
    if (
        isinstance(error, errors.AuthorizationError | errors.InvalidUserCredentialsError)
        or "authoriz" in str(error).lower()
    ):
        return _failed(CREDENTIALS, name)
    if isinstance(error, errors.Error | OSError | TimeoutError | ssl.SSLError):
        return _failed(INDETERMINATE if sent else UNREACHABLE, name)
    raise error


def _failed(reason: str, detail: str) -> DeliveryError:
    return DeliveryError(True, issue("delivery.transient"), reason=reason, detail=detail)


async def _untold(_error: Exception) -> None:
    """The client's own messages quote addresses; what matters comes as the failure of a send."""
