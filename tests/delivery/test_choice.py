"""Targets of the settings, opened, or refused with words (S-64, S-80)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from segue.delivery.choice import TargetError, open_routes
from segue.delivery.fhir import FhirServer
from segue.delivery.folder import Folder
from segue.delivery.ndjson import Ndjson
from segue.delivery.peer import MllpPeer
from segue.delivery.stream import NatsStream
from segue.delivery.webhook import Webhook
from segue.settings import Settings, load


def untold(_name: str, _asked: bool, _reason: str) -> None: ...


def settings(**tree: Any) -> Settings:
    return Settings.model_validate(tree)


async def test_every_kind_is_opened_by_name(tmp_path: Path) -> None:
    tree = [
        {"name": "a", "kind": "folder", "path": str(tmp_path / "out")},
        {"name": "b", "kind": "ndjson", "path": str(tmp_path / "out.ndjson")},
        {"name": "c", "url": "https://fhir.example.org/r4"},
        {"name": "d", "kind": "webhook", "url": "https://hook.example.org"},
        {"name": "e", "kind": "nats", "url": "tls://bus.example.org", "subject": "hl7"},
        {"name": "f", "kind": "mllp", "url": "mllps://old.example.org"},
    ]
    routes = open_routes(settings(targets=tree, deliver=str(tmp_path / "more")), untold)
    assert routes is not None
    assert [(route.name, type(route.target)) for route in routes.routes] == [
        ("a", Folder),
        ("b", Ndjson),
        ("c", FhirServer),
        ("d", Webhook),
        ("e", NatsStream),
        ("f", MllpPeer),
        ("deliver", Folder),
    ]
    await routes.close()


def test_no_target() -> None:
    assert open_routes(load(environment={}).settings, untold) is None


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ({"kind": "folder", "path": "{}/file/out"}, "target a: .*file/out cannot be opened"),
        ({"url": "https://h", "auth": {"api_key": {"key_file": "{}/none"}}}, "target a: .*none cannot be read"),
        ({"url": "https://h", "tls": {"ca_file": "{}/file"}}, "target a: .*file: .*PEM"),
    ],
)
def test_S80_a_target_that_cannot_be_opened_is_named(tmp_path: Path, target: dict[str, Any], words: str) -> None:
    (tmp_path / "file").write_text("")

    def here(value: Any) -> Any:
        return {k: here(v) for k, v in value.items()} if isinstance(value, dict) else value.format(tmp_path)

    with pytest.raises(TargetError, match=words):
        open_routes(settings(targets=[{"name": "a", **here(target)}]), untold)


async def test_O44_patient_data_in_plain_text_off_this_machine_is_warned_of(
    logged: Callable[[], list[dict[str, Any]]],
) -> None:
    urls = ("http://fhir.example.org", "https://fhir.example.org", "http://127.0.0.1:1")
    targets = [{"name": str(n), "url": url} for n, url in enumerate(urls)]
    routes = open_routes(settings(targets=targets), untold)
    assert [(entry["event"], entry["target"]) for entry in logged()] == [("plaintext", "0")]
    assert routes is not None
    await routes.close()
