"""TLS of a listener and towards a target: what is asked for is enforced, or refused when loaded (S-83, S-84, S-86)."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from segue.settings import SettingsError, load
from segue.settings.tls import ServerTls

FILES = {"cert_file": "a.pem", "key_file": "a.key"}


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"client": "required"}, "give client_ca_file"),
        ({"client_ca_file": "ca.pem"}, "set client: required"),
        ({"subjects": ("lab",)}, "set client: required"),
    ],
)
def test_S83_half_a_mutual_TLS_is_refused(more: dict[str, object], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        ServerTls.model_validate(FILES | more)


def test_S86_a_listener_with_TLS_needs_no_word_off_loopback() -> None:
    door = {("listeners", 0, "host"): "0.0.0.0"}
    with pytest.raises(SettingsError, match="plaintext: true"):
        load(environment={}, flags=door)
    load(environment={}, flags={**door, **{("listeners", 0, "tls", key): value for key, value in FILES.items()}})


@pytest.mark.parametrize(
    ("network", "good"),
    [("10.1.0.0/16", True), ("192.0.2.7", True), ("fd00::/8", True), ("10.1.2.3/16", False), ("lab", False)],
)
def test_S84_networks_are_checked_when_loaded(network: str, good: bool) -> None:
    flags = {("listeners", 0, "allow", 0): network}
    if good:
        assert load(environment={}, flags=flags).settings.listeners[0].allow == (network,)
    else:
        with pytest.raises(SettingsError, match="CIDR"):
            load(environment={}, flags=flags)
