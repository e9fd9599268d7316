"""Requests of a target over TLS: who is trusted, who is shown, and renewal without a restart (S-83, S-85)."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from segue.delivery.target import DeliveryError
from segue.delivery.web import Web as Requests
from segue.delivery.web import proxy_of
from segue.settings.targets import Fhir
from segue.settings.tls import ServerTls
from segue.tls import server_tls

from ..conftest import Authority
from .conftest import Answer, Request, Web


@pytest.fixture
async def secure(authority: Authority) -> AsyncIterator[Web]:
    """A server that asks for a certificate of the authority."""
    pair = authority.issue("server")
    node = ServerTls(cert_file=pair.cert, key_file=pair.key, client="required", client_ca_file=authority.ca)
    made = Web()
    await made.start(server_tls(node, "stub").context)
    yield made
    await made.stop()


def target(web: Web, **tls: Any) -> Requests:
    return Requests(Fhir.model_validate({"name": "t", "url": web.url, "tls": tls}))


async def test_S83_mutual_TLS(secure: Web, authority: Authority) -> None:
    own = authority.issue("me")
    requests = target(secure, ca_file=authority.ca, cert_file=own.cert, key_file=own.key)
    assert (await requests.post(secure.url, b"{}", {})).status == 200
    await requests.close()


@pytest.mark.parametrize("fault", ["no certificate", "other authority", "server unknown", "ended"])
async def test_S83_without_trust_nothing_is_sent(secure: Web, authority: Authority, tmp_path: Path, fault: str) -> None:
    stranger = Authority(tmp_path / "stranger", "Stranger")
    own = (stranger if fault == "other authority" else authority).issue("me", days=-2 if fault == "ended" else 30)
    trusted = stranger.ca if fault == "server unknown" else authority.ca
    pair = {} if fault == "no certificate" else {"cert_file": own.cert, "key_file": own.key}
    requests = target(secure, ca_file=trusted, **pair)
    with pytest.raises(DeliveryError) as caught:
        await requests.post(secure.url, b"{}", {})
    assert caught.value.transient
    assert secure.seen == []
    await requests.close()


async def test_S85_a_renewed_certificate_counts_for_the_next_request(secure: Web, authority: Authority) -> None:
    own = authority.issue("me", days=-2)
    requests = target(secure, ca_file=authority.ca, cert_file=own.cert, key_file=own.key)
    with pytest.raises(DeliveryError):
        await requests.post(secure.url, b"{}", {})
    authority.issue("me")
    assert (await requests.post(secure.url, b"{}", {})).status == 200
    await requests.close()


async def test_a_target_that_drips_is_given_up(web: Web) -> None:
    async def hang(_request: Request) -> Answer:
        await asyncio.Event().wait()
        return Answer()

    web.behaviour = hang
    requests = Requests(Fhir(name="t", url=web.url, connect_s=0.02, timeout_s=0.02))
    requests._current()._timeout = aiohttp.ClientTimeout(total=None)
    with pytest.raises(DeliveryError) as caught:
        await requests.post(web.url, b"{}", {})
    assert (caught.value.reason, caught.value.detail) == ("indeterminate", "TimeoutError")
    await requests.close()


def test_the_minimum_of_TLS_is_1_2(web: Web) -> None:
    requests = target(web)
    assert requests._tls.context.minimum_version == ssl.TLSVersion.TLSv1_2


async def test_the_proxy_of_the_environment_is_asked(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", web.url.removesuffix("/r4"))
    monkeypatch.setenv("no_proxy", "inside.example.org")
    requests = Requests(Fhir(name="t", url="http://fhir.example.org/r4"))
    assert (await requests.post("http://fhir.example.org/r4", b"{}", {})).status == 200
    assert [request.path for request in web.seen] == ["http://fhir.example.org/r4"]
    assert proxy_of("http://inside.example.org/r4") is None
    assert proxy_of("https://fhir.example.org/r4") is None
    await requests.close()


async def test_a_body_of_megabytes_arrives_whole(web: Web) -> None:
    requests = Requests(Fhir(name="t", url=web.url))
    body = b"0123456789" * 150_000
    assert (await requests.post(web.url, body, {})).status == 200
    assert web.seen[0].body == body
    await requests.close()
