"""An address that takes each Bundle by POST, signed as Standard Webhooks asks (standardwebhooks.com, v1).

`webhook-id` is the same at each attempt, so a receiver that remembers ids takes each Bundle once (S-61). The signature
covers id, time and body; the secret may carry the usual prefix `whsec_` and is base64 then.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Callable
from time import time

from segue.delivery.reply import failure
from segue.delivery.target import CREDENTIALS, DeliveryError, Parcel
from segue.delivery.web import Web
from segue.issues import issue
from segue.secret import Secret, SecretError
from segue.settings.targets import Webhook as Settings

TYPE = "application/fhir+json"
PREFIX = "whsec_"


class Webhook:
    """A webhook. Raises SecretError or TlsError when made."""

    def __init__(self, settings: Settings, *, clock: Callable[[], float] = time) -> None:
        self._url = settings.url
        self._web = Web(settings)
        self._secret = Secret.of(settings, "secret")
        self._clock = clock
        if self._secret is not None:
            signing_key(self._secret)

    async def deliver(self, parcel: Parcel) -> None:
        headers = {
            "Content-Type": TYPE,
            "Idempotency-Key": f'"{parcel.key}"',
            "webhook-id": parcel.key,
            "webhook-timestamp": str(int(self._clock())),
        }
        if self._secret is not None:
            try:
                key = signing_key(self._secret)
            except SecretError:
                raise DeliveryError(True, issue("delivery.transient"), reason=CREDENTIALS, detail="secret") from None
            headers["webhook-signature"] = signature(key, parcel.key, headers["webhook-timestamp"], parcel.body)
        failed = failure(await self._web.post(self._url, parcel.body, headers))
        if failed is not None:
            raise failed

    async def close(self) -> None:
        await self._web.close()


def signing_key(secret: Secret) -> bytes:
    """The key of a secret; raises SecretError."""
    text = secret.text()
    if not text.startswith(PREFIX):
        return text.encode()
    try:
        return base64.b64decode(text.removeprefix(PREFIX), validate=True)
    except binascii.Error:
        place = secret.file or secret.variable
        raise SecretError(
            f"{place} begins with {PREFIX} and is no base64 after it – put the secret there whole"
        ) from None


def signature(key: bytes, message_id: str, timestamp: str, body: bytes) -> str:
    """`v1,` and the HMAC-SHA256 of id, time and body in base64."""
    signed = f"{message_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
