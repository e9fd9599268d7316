"""The webhook target: what it posts, how it signs, and what an answer means (S-60, S-61)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from segue.delivery.target import DeliveryError
from segue.delivery.webhook import Webhook, signature, signing_key
from segue.secret import Secret, SecretError
from segue.settings.targets import Webhook as Settings

from .conftest import Answer, Web, parcel

# The vector that Standard Webhooks publishes for its libraries.
VECTOR = {
    "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    "id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
    "timestamp": "1614265330",
    "body": b'{"test": 2432232314}',
    "signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
}


def hook(web: Web, **more: Any) -> Webhook:
    return Webhook(Settings(name="hook", kind="webhook", url=f"{web.url}/in", **more), clock=lambda: 1614265330.9)


async def test_a_signed_Bundle(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOOK", str(VECTOR["secret"]))
    target, sent = hook(web, secret_env="HOOK"), parcel()
    await target.deliver(sent)
    await target.close()
    (request,) = web.seen
    assert (request.method, request.path, request.body) == ("POST", "/r4/in", sent.body)
    headers = request.headers
    assert headers["content-type"] == "application/fhir+json"
    assert (headers["webhook-id"], headers["webhook-timestamp"]) == (sent.key, "1614265330")
    key = signing_key(Secret(variable="HOOK"))
    assert headers["webhook-signature"] == signature(key, sent.key, "1614265330", sent.body)


def test_the_signature_is_that_of_the_published_vector(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOOK", str(VECTOR["secret"]))
    key = signing_key(Secret(variable="HOOK"))
    made = signature(key, str(VECTOR["id"]), str(VECTOR["timestamp"]), bytes(VECTOR["body"]))  # type: ignore[arg-type]
    assert made == VECTOR["signature"]


async def test_without_a_secret_nothing_is_signed(web: Web) -> None:
    target = hook(web)
    await target.deliver(parcel())
    await target.close()
    assert "webhook-signature" not in web.seen[0].headers


@pytest.mark.parametrize(
    ("status", "reason", "transient"),
    [(410, "refused", False), (409, "conflict", True), (503, "busy", True), (500, "server-fault", True)],
)
async def test_S60_an_answer_that_is_no_success(web: Web, status: int, reason: str, transient: bool) -> None:
    web.answers(Answer(status))
    target = hook(web)
    with pytest.raises(DeliveryError) as caught:
        await target.deliver(parcel())
    await target.close()
    assert (caught.value.reason, caught.value.transient) == (reason, transient)


def test_a_secret_that_is_cut_is_told(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("whsec_MfKQ9r8GKYqrTwj")
    with pytest.raises(SecretError, match="no base64"):
        Webhook(Settings(name="h", kind="webhook", url="https://h", secret_file=str(file)))


async def test_a_secret_that_vanishes_holds_the_target(web: Web, tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("plain words")
    target = hook(web, secret_file=str(file))
    file.unlink()
    with pytest.raises(DeliveryError) as caught:
        await target.deliver(parcel())
    await target.close()
    assert (caught.value.reason, caught.value.detail) == ("credentials", "secret")
