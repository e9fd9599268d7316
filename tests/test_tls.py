"""Contexts from files: refused with words when unusable, made again on change, the old one kept when the new is bad
(S-83, S-85, O-43)."""

from __future__ import annotations

import os
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from segue.settings.tls import ClientTls, ServerTls
from segue.tls import TlsError, client_tls, expiry, names, server_tls

from .conftest import Authority

Logged = Callable[[], list[dict[str, Any]]]


def settings(authority: Authority, name: str = "door", *, days: int = 30, **more: Any) -> ServerTls:
    pair = authority.issue(name, days=days)
    return ServerTls(cert_file=pair.cert, key_file=pair.key, **more)


def test_S83_TLS_1_2_at_least_and_a_client_certificate_where_required(authority: Authority) -> None:
    plain = server_tls(settings(authority), "adt").context
    assert plain.minimum_version == ssl.TLSVersion.TLSv1_2
    assert plain.verify_mode == ssl.CERT_NONE
    mutual = server_tls(settings(authority, client="required", client_ca_file=authority.ca), "adt").context
    assert mutual.verify_mode == ssl.CERT_REQUIRED


def test_a_target_s_name_and_certificate_are_checked(authority: Authority) -> None:
    own = authority.issue("me")
    for node in (ClientTls(), ClientTls(ca_file=authority.ca, cert_file=own.cert, key_file=own.key)):
        context = client_tls(node, "fhir").context
        assert (context.check_hostname, context.verify_mode) == (True, ssl.CERT_REQUIRED)
        assert context.minimum_version == ssl.TLSVersion.TLSv1_2


def test_S85_a_changed_certificate_makes_a_new_context(authority: Authority, logged: Logged) -> None:
    tls = server_tls(settings(authority), "adt")
    before = tls.context
    assert tls.context is before
    authority.issue("door")
    assert tls.context is not before
    assert [entry["event"] for entry in logged()] == ["tls.reloaded"]


def test_O43_a_bad_file_is_refused_and_the_old_context_serves_on(authority: Authority, logged: Logged) -> None:
    node = settings(authority)
    tls = server_tls(node, "adt")
    before = tls.context
    good = Path(node.cert_file).read_bytes()
    Path(node.cert_file).write_bytes(b"half a certif")
    assert tls.context is before
    assert tls.context is before
    (entry,) = logged()
    assert (entry["event"], entry["owner"]) == ("tls.reload-refused", "adt")
    Path(node.cert_file).write_bytes(good)
    os.utime(node.cert_file, ns=(1, 1))
    assert tls.context is not before


def test_files_that_give_no_context_are_told(authority: Authority, tmp_path: Path) -> None:
    one, two = authority.issue("one"), authority.issue("two")
    nothing = str(tmp_path / "nothing.pem")
    with pytest.raises(TlsError, match="key values mismatch"):
        server_tls(ServerTls(cert_file=one.cert, key_file=two.key), "adt")
    with pytest.raises(TlsError, match="check the path"):
        server_tls(ServerTls(cert_file=nothing, key_file=two.key), "adt")
    with pytest.raises(TlsError, match="PEM"):
        client_tls(ClientTls(ca_file=one.key), "fhir")


def test_a_key_with_a_password_is_not_asked_for_on_a_terminal(authority: Authority, tmp_path: Path) -> None:
    from cryptography.hazmat.primitives import serialization

    pair = authority.issue("one")
    key: Any = serialization.load_pem_private_key(Path(pair.key).read_bytes(), None)
    locked = tmp_path / "locked.key"
    locked.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"secret"),
        )
    )
    with pytest.raises(TlsError, match="has a password"):
        server_tls(ServerTls(cert_file=pair.cert, key_file=str(locked)), "adt")


def test_a_certificate_that_ends_soon_is_told(authority: Authority, logged: Logged) -> None:
    server_tls(settings(authority, days=5), "adt")
    assert [(entry["event"], entry["file"], entry["days"]) for entry in logged()] == [
        ("certificate.ends", "door.pem", 5)
    ]


def test_the_end_of_what_is_no_certificate(authority: Authority, tmp_path: Path) -> None:
    assert expiry(Path(authority.issue("one").key)) is None
    assert expiry(tmp_path / "gone") is None


def test_S84_names_of_a_certificate() -> None:
    told = {
        "subject": ((("commonName", "lab.north"),), (("organizationName", "North"),)),
        "subjectAltName": (("DNS", "lab"), ("IP Address", "192.0.2.1")),
    }
    assert names(told) == {"lab.north", "lab", "192.0.2.1"}
    assert names(None) == frozenset()
