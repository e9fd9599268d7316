"""Credentials on a real socket: what is sent, when a token is fetched, and what a failed one means (S-60, O-42)."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import jwt
import orjson
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from segue.delivery.credentials import credentials_for, smart_request
from segue.delivery.target import DeliveryError
from segue.delivery.web import Web as Requests
from segue.secret import SecretError
from segue.settings.targets import Auth, Fhir, Smart

from .conftest import Answer, Request, Web

Open = Callable[[dict[str, Any]], Requests]


@pytest.fixture
async def opened(web: Web) -> AsyncIterator[Open]:
    made: list[Requests] = []

    def open_target(auth: dict[str, Any]) -> Requests:
        made.append(Requests(Fhir.model_validate({"name": "t", "url": web.url, "auth": auth})))
        return made[-1]

    yield open_target
    for requests in made:
        await requests.close()


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    file = tmp_path / "secret"
    file.write_text("opensesame\n")
    file.chmod(0o600)
    return file


class TokenServer:
    """Gives tokens t1, t2 … at /token and takes the last one elsewhere; `life_s` is what it says of them."""

    def __init__(self, web: Web, life_s: float = 3600) -> None:
        self.life_s = life_s
        self.given = 0
        self.asked: list[Request] = []
        self.refuses: Answer | None = None
        self.revoked = False
        web.behaviour = self._answer

    async def _answer(self, request: Request) -> Answer:
        if request.path == "/token":
            self.asked.append(request)
            await asyncio.sleep(0)
            if self.refuses is not None:
                return self.refuses
            self.given += 1
            self.revoked = False
            body = {"access_token": f"t{self.given}", "token_type": "bearer", "expires_in": self.life_s}
            return Answer(200, orjson.dumps(body))
        good = request.headers.get("authorization") == f"Bearer t{self.given}" and not self.revoked
        return Answer(200 if good else 401)


def oauth2(web: Web, secret: Path, **more: Any) -> dict[str, Any]:
    url = web.url.replace("/r4", "/token")
    return {"oauth2": {"token_url": url, "client_id": "me", "client_secret_file": str(secret), **more}}


async def post(requests: Requests, web: Web) -> int:
    return (await requests.post(web.url, b"{}", {})).status


@pytest.mark.parametrize(
    ("way", "header", "value"),
    [
        ("api_key", "x-api-key", "opensesame"),
        ("bearer", "authorization", "Bearer opensesame"),
        ("basic", "authorization", "Basic " + base64.b64encode(b"me:opensesame").decode()),
    ],
)
async def test_a_secret_travels_in_its_header_and_a_new_one_counts_at_once(
    web: Web, opened: Open, secret: Path, way: str, header: str, value: str
) -> None:
    node: dict[str, dict[str, str]] = {
        "api_key": {"key_file": str(secret)},
        "bearer": {"token_file": str(secret)},
        "basic": {"user": "me", "password_file": str(secret)},
    }
    requests = opened({way: node[way]})
    await post(requests, web)
    secret.write_text("changed")
    await post(requests, web)
    first, second = (request.headers[header] for request in web.seen)
    assert first == value
    assert second != first


async def test_a_token_is_fetched_once_by_client_credentials(web: Web, opened: Open, secret: Path) -> None:
    server = TokenServer(web)
    requests = opened(oauth2(web, secret, scope="system/*.cruds"))
    assert await asyncio.gather(*(post(requests, web) for _ in range(10))) == [200] * 10
    (asked,) = server.asked
    assert parse_qs(asked.body.decode()) == {"grant_type": ["client_credentials"], "scope": ["system/*.cruds"]}
    assert asked.headers["authorization"] == "Basic " + base64.b64encode(b"me:opensesame").decode()


async def test_a_token_that_runs_out_in_mid_run_is_renewed_before_its_end(web: Web, secret: Path) -> None:
    server = TokenServer(web, life_s=100)
    now = [0.0]
    node = Fhir.model_validate({"name": "t", "url": web.url, "auth": oauth2(web, secret)})
    requests = Requests(node)
    requests._auth._clock = lambda: now[0]  # type: ignore[union-attr]
    for at in (1, 50, 76, 120):
        now[0] = at
        assert await post(requests, web) == 200
    await requests.close()
    assert server.given == 2  # at 1 and, since 25 s before its end count, at 76


async def test_S60_a_token_refused_in_mid_run_is_fetched_anew_once_for_all(
    web: Web, opened: Open, secret: Path
) -> None:
    server = TokenServer(web)
    requests = opened(oauth2(web, secret))
    await post(requests, web)
    server.revoked = True
    assert await asyncio.gather(*(post(requests, web) for _ in range(5))) == [200] * 5
    assert server.given == 2


async def test_S60_a_token_that_is_never_taken_is_tried_twice(web: Web, opened: Open, secret: Path) -> None:
    server = TokenServer(web)
    requests = opened(oauth2(web, secret))

    async def forbids(request: Request) -> Answer:
        return await server._answer(request) if request.path == "/token" else Answer(403)

    web.behaviour = forbids
    assert await post(requests, web) == 403
    assert server.given == 2


@pytest.mark.parametrize(
    ("answer", "reason", "detail"),
    [
        (Answer(400, b'{"error":"invalid_client"}'), "credentials", "token-400"),
        (Answer(401), "credentials", "token-401"),
        (Answer(503, headers={"retry-after": "4"}), "busy", "token-503"),
        (Answer(200, b"no json"), "credentials", "token-unreadable"),
        (Answer(200, b'{"token":"x"}'), "credentials", "token-unreadable"),
        (Answer(200, b'{"access_token":5}'), "credentials", "token-unreadable"),
        (Answer(200, b"[]"), "credentials", "token-unreadable"),
    ],
)
async def test_S60_no_token_holds_the_target_not_the_message(
    web: Web, opened: Open, secret: Path, answer: Answer, reason: str, detail: str
) -> None:
    server = TokenServer(web)
    server.refuses = answer
    requests = opened(oauth2(web, secret))
    for _ in range(2):  # the first failure leaves nothing locked
        with pytest.raises(DeliveryError) as caught:
            await post(requests, web)
        assert (caught.value.transient, caught.value.reason, caught.value.detail) == (True, reason, detail)
    assert len(server.asked) == 2
    server.refuses = None
    assert await post(requests, web) == 200


@pytest.mark.parametrize("algorithm", ["RS384", "ES384"])
async def test_SMART_asks_with_an_assertion_signed_for_one_request(
    web: Web, opened: Open, tmp_path: Path, algorithm: str
) -> None:
    key = rsa.generate_private_key(65537, 2048) if algorithm == "RS384" else ec.generate_private_key(ec.SECP384R1())
    file = tmp_path / "key.pem"
    file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    url = web.url.replace("/r4", "/token")
    server = TokenServer(web)
    node = {"token_url": url, "client_id": "me", "key_file": str(file), "key_id": "k1", "algorithm": algorithm}
    requests = opened({"smart": node})
    await post(requests, web)
    server.revoked = True
    await post(requests, web)
    claims: list[dict[str, Any]] = []
    for asked in server.asked:
        form = parse_qs(asked.body.decode())
        assert form["client_assertion_type"] == ["urn:ietf:params:oauth:client-assertion-type:jwt-bearer"]
        (assertion,) = form["client_assertion"]
        assert jwt.get_unverified_header(assertion) == {"alg": algorithm, "kid": "k1", "typ": "JWT"}
        claims.append(jwt.decode(assertion, key.public_key(), [algorithm], audience=url))
        assert "authorization" not in asked.headers
    assert [(c["iss"], c["sub"]) for c in claims] == [("me", "me")] * 2
    assert claims[0]["jti"] != claims[1]["jti"]


def test_SMART_assertions_end_within_five_minutes(tmp_path: Path) -> None:
    key = ec.generate_private_key(ec.SECP384R1())
    file = tmp_path / "key.pem"
    file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    node = Smart(token_url="https://id/token", client_id="me", key_file=str(file), key_id="k", algorithm="ES384")
    form = smart_request(node, now=lambda: 1000.0)().form
    claims = jwt.decode(form["client_assertion"], options={"verify_signature": False})
    assert 1000 < claims["exp"] <= 1300


def test_SMART_a_key_that_signs_nothing_is_told_at_once(secret: Path) -> None:
    node = Smart(token_url="https://id/token", client_id="me", key_file=str(secret), key_id="k")
    with pytest.raises(SecretError, match="is no key for RS384"):
        smart_request(node)


def test_O42_a_missing_secret_is_told_when_the_target_is_opened(tmp_path: Path) -> None:
    node = Auth.model_validate({"api_key": {"key_file": str(tmp_path / "none")}})
    with pytest.raises(SecretError, match="cannot be read"):
        credentials_for(node)


async def test_a_secret_that_vanishes_holds_the_target(web: Web, opened: Open, secret: Path) -> None:
    requests = opened({"api_key": {"key_file": str(secret)}})
    secret.unlink()
    with pytest.raises(DeliveryError) as caught:
        await post(requests, web)
    assert (caught.value.reason, caught.value.detail) == ("credentials", "secret")


def test_O42_a_secret_that_everybody_can_read_is_warned_of(
    secret: Path, logged: Callable[[], list[dict[str, Any]]]
) -> None:
    secret.chmod(0o644)
    credentials_for(Auth.model_validate({"api_key": {"key_file": str(secret)}}))
    assert [entry["event"] for entry in logged()] == ["secret.exposed"]
    assert "opensesame" not in str(logged())
