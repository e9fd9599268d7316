"""How a target knows who sends: keys, passwords and tokens on each request, fetched and renewed as they run out.

Secrets are read where they are used, so a new file counts at once. A token is asked for by one request at a time, over
the same connections as the rest, and once more when the target does not take it (401, 403).
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Awaitable, Callable, Mapping
from time import monotonic, time
from typing import NamedTuple, Protocol
from urllib.parse import urlencode
from uuid import uuid4

import orjson

from segue import log
from segue.delivery.reply import Reply, class_of, retry_after_s
from segue.delivery.target import CREDENTIALS, REFUSED, DeliveryError
from segue.issues import issue
from segue.secret import Secret, SecretError
from segue.settings.targets import Auth, OAuth2, Smart

ASSERTION_S = 240  # a SMART assertion lives five minutes at most
UNSTATED_S = 300.0  # life of a token whose server does not tell it
MARGIN_S = 30.0  # before its end a token is no longer used

Send = Callable[[str, bytes, Mapping[str, str]], Awaitable[Reply]]  # address, body and headers of a POST


class Credentials(Protocol):
    """What a request shows; `send` goes over the connections of the target."""

    async def headers(self, send: Send) -> Mapping[str, str]:
        """The headers of a request; raises DeliveryError where there are none to be had."""
        ...

    async def renewed(self, refused: Mapping[str, str], send: Send) -> Mapping[str, str] | None:
        """Others after these were not taken (401, 403); None where there are no others."""
        ...


def credentials_for(auth: Auth | None) -> Credentials | None:
    """The credentials that the settings name; raises SecretError where one cannot be read."""
    if auth is None:
        return None
    if auth.oauth2 is not None:
        return Token(oauth2_request(auth.oauth2))
    if auth.smart is not None:
        return Token(smart_request(auth.smart))
    if auth.api_key is not None:
        return Header(auth.api_key.header, "", _secret(auth.api_key, "key"))
    if auth.bearer is not None:
        return Header("Authorization", "Bearer ", _secret(auth.bearer, "token"))
    assert auth.basic is not None
    return Basic(auth.basic.user, _secret(auth.basic, "password"))


class Header:
    """A secret in a header."""

    def __init__(self, name: str, prefix: str, secret: Secret) -> None:
        self._name, self._prefix, self._secret = name, prefix, secret

    async def headers(self, send: Send) -> Mapping[str, str]:
        return {self._name: self._prefix + _read(self._secret)}

    async def renewed(self, refused: Mapping[str, str], send: Send) -> None:
        return None


class Basic:
    """User and password, in UTF-8 (RFC 7617)."""

    def __init__(self, user: str, secret: Secret) -> None:
        self._user, self._secret = user, secret

    async def headers(self, send: Send) -> Mapping[str, str]:
        return {"Authorization": _basic(self._user, _read(self._secret))}

    async def renewed(self, refused: Mapping[str, str], send: Send) -> None:
        return None


class Token:
    """A bearer token of an OAuth 2.0 server, kept until shortly before its end."""

    def __init__(self, ask: Callable[[], Question], clock: Callable[[], float] = monotonic) -> None:
        self._ask = ask
        self._clock = clock
        self._lock = asyncio.Lock()
        self._token = ""
        self._until = 0.0

    async def headers(self, send: Send) -> Mapping[str, str]:
        if self._clock() >= self._until:
            async with self._lock:
                if self._clock() >= self._until:  # nobody else fetched one meanwhile
                    await self._fetch(send)
        return self._bearer

    async def renewed(self, refused: Mapping[str, str], send: Send) -> Mapping[str, str]:
        async with self._lock:
            if self._bearer == refused:
                await self._fetch(send)
        return self._bearer

    @property
    def _bearer(self) -> Mapping[str, str]:
        return {"Authorization": f"Bearer {self._token}"}

    async def _fetch(self, send: Send) -> None:
        try:
            question = self._ask()
        except (SecretError, ValueError):
            raise _unknown("secret") from None
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
        reply = await send(question.url, urlencode(question.form).encode(), {**headers, **question.headers})
        if not reply.good:
            reason = class_of(reply.status)
            raise DeliveryError(
                True,
                issue("delivery.transient"),
                reason=CREDENTIALS if reason == REFUSED else reason,
                retry_after_s=retry_after_s(reply),
                detail=f"token-{reply.status}",
            )
        try:
            body = orjson.loads(reply.body)
            token, life_s = body["access_token"], float(body.get("expires_in", UNSTATED_S))
        except (orjson.JSONDecodeError, LookupError, TypeError, ValueError, AttributeError):
            raise _unknown("token-unreadable") from None
        if not isinstance(token, str) or not token:
            raise _unknown("token-unreadable")
        self._token = token
        self._until = self._clock() + life_s - min(MARGIN_S, life_s / 4)


class Question(NamedTuple):
    """What a token server is asked."""

    url: str
    form: Mapping[str, str]
    headers: Mapping[str, str]


def oauth2_request(settings: OAuth2) -> Callable[[], Question]:
    """Asks for a token with a secret; the first reading of it happens here."""
    secret = _secret(settings, "client_secret")

    def ask() -> Question:
        headers = {"Authorization": _basic(settings.client_id, secret.text())}
        return Question(settings.token_url, _form(settings.scope), headers)

    return ask


def smart_request(settings: Smart, now: Callable[[], float] = time) -> Callable[[], Question]:
    """Asks for a token with an assertion signed for this one request (SMART App Launch 2, backend services)."""
    secret = _secret(settings, "key")
    try:
        _signed(settings, secret, now)
    except ValueError:
        raise SecretError(
            f"{secret.file or secret.variable} is no key for {settings.algorithm} – give a PEM private key"
        ) from None

    def ask() -> Question:
        more = {
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            "client_assertion": _signed(settings, secret, now),
        }
        return Question(settings.token_url, _form(settings.scope) | more, {})

    return ask


def _form(scope: str | None) -> dict[str, str]:
    return {"grant_type": "client_credentials"} | ({"scope": scope} if scope is not None else {})


def _signed(settings: Smart, secret: Secret, now: Callable[[], float]) -> str:
    """The assertion; raises ValueError for a key that does not fit."""
    import jwt  # with it comes a library of ciphers: only for those who sign

    claims = {
        "iss": settings.client_id,
        "sub": settings.client_id,
        "aud": settings.token_url,
        "exp": int(now()) + ASSERTION_S,
        "jti": uuid4().hex,
    }
    try:
        return jwt.encode(claims, secret.read(), algorithm=settings.algorithm, headers={"kid": settings.key_id})
    except (TypeError, jwt.PyJWTError) as error:
        raise ValueError(type(error).__name__) from None


def _secret(node: object, stem: str) -> Secret:
    """The secret, read once so that a missing one is told at the start."""
    found = Secret.of(node, stem)
    assert found is not None  # the settings demand it
    found.text()
    if found.exposed:
        log.get().warning(
            "secret.exposed", file=found.file, meaning="every user of this machine can read it (chmod 600)"
        )
    return found


def _read(secret: Secret) -> str:
    try:
        return secret.text()
    except SecretError:
        raise _unknown("secret") from None


def _unknown(detail: str) -> DeliveryError:
    return DeliveryError(True, issue("delivery.transient"), reason=CREDENTIALS, detail=detail)


def _basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
