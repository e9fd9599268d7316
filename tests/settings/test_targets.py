"""The `targets` node: kinds, filters, and what of a wrong one is said (O-40 to O-42, S-64)."""

from __future__ import annotations

from pathlib import Path

import pytest

from segue.settings import Fault, SettingsError, load
from segue.settings.targets import Fhir, Folder, Mllp, Nats, Ndjson, Webhook, short_form

ALL = """\
targets:
  - {name: fhir, url: "https://fhir.example/r4", auth: {oauth2: {token_url: "https://id.example/token", client_id: me, client_secret_file: /run/s}}}
  - {name: hook, kind: webhook, url: "https://hook.example/in", secret_env: HOOK, required: false}
  - {name: bus, kind: nats, url: "nats://bus.example:4222", subject: "hl7.{type}.{event}", filter: {messages: [ADT, ORU^R01]}}
  - {name: old, kind: mllp, url: "mllps://old.example:2575", filter: {senders: ["LAB|*"], sites: [north]}}
  - {name: files, kind: folder, path: out}
  - {name: lines, kind: ndjson, path: out.ndjson}
"""


def write(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "segue.yaml"
    file.write_text(text)
    return file


def faults(tmp_path: Path, target: str) -> list[Fault]:
    with pytest.raises(SettingsError) as caught:
        load(write(tmp_path, f"targets:\n  - {target}\n"), environment={})
    return list(caught.value.faults)


def test_S64_every_kind_loads(tmp_path: Path) -> None:
    targets = load(write(tmp_path, ALL), environment={}).settings.targets
    assert [type(target) for target in targets] == [Fhir, Webhook, Nats, Mllp, Folder, Ndjson]
    assert [target.required for target in targets] == [True, False, True, True, True, True]


def test_O40_a_target_from_the_environment() -> None:
    environment = {"SEGUE__TARGETS__0__NAME": "a", "SEGUE__TARGETS__0__URL": "https://fhir.example"}
    (target,) = load(environment=environment).settings.targets
    assert isinstance(target, Fhir)


def test_O41_a_wrong_key_is_named_with_the_nearest_of_its_kind(tmp_path: Path) -> None:
    (fault,) = faults(tmp_path, '{name: a, kind: nats, url: "nats://h", subjetc: x, subject: y}')
    assert (fault.path, fault.origin) == ("targets.0.subjetc", f"{tmp_path}/segue.yaml:2")
    assert fault.text == "unknown key – did you mean subject?"


def test_O41_a_wrong_key_deeper_down(tmp_path: Path) -> None:
    (fault,) = faults(tmp_path, '{name: a, url: "https://h", breaker: {failure: 3}}')
    assert (fault.path, fault.text) == ("targets.0.breaker.failure", "unknown key – did you mean failures?")


def test_O41_an_unknown_kind(tmp_path: Path) -> None:
    (fault,) = faults(tmp_path, "{name: a, kind: kafka}")
    assert (fault.path, fault.text) == (
        "targets.0.kind",
        "unknown kind – known here: fhir, webhook, nats, mllp, folder, ndjson",
    )


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ('{name: a, url: "ftp://h"}', "https://host or http://host"),
        ('{name: a, url: "https://me:pw@h"}', "no user or password"),
        ('{name: a, url: "https://h", auth: {}}', "give one of"),
        ('{name: a, url: "https://h", auth: {basic: {user: me}}}', "password_file or password_env"),
        ('{name: a, url: "https://h", auth: {basic: {user: me, password_file: a, password_env: B}}}', "one of the two"),
        ('{name: a, url: "https://h", auth: {basic: {user: me, password: pw}}}', "did you mean password_"),
        ('{name: a, url: "https://h", tls: {cert_file: a}}', "go together"),
        ('{name: a, url: "https://h", filter: {messages: [adt]}}', "ADT or ADT^A01"),
        ('{name: a, url: "https://h", filter: {senders: [LAB]}}', "MSH-3|MSH-4"),
        ('{name: a, kind: nats, url: "nats://h", subject: "hl7.>"}', "not of the form"),
    ],
)
def test_O41_what_cannot_be_used_is_said(tmp_path: Path, target: str, words: str) -> None:
    (fault,) = faults(tmp_path, target)
    assert words in fault.text
    assert "pw" not in fault.text


def test_S64_names_are_unique_and_deliver_is_one(tmp_path: Path) -> None:
    text = "deliver: out\ntargets: [{name: deliver, kind: folder, path: b}, {name: c, kind: folder, path: c}, {name: c, kind: folder, path: d}]\n"
    with pytest.raises(SettingsError) as caught:
        load(write(tmp_path, text), environment={})
    assert [fault.path for fault in caught.value.faults] == ["targets.0.name", "targets.2.name"]


@pytest.mark.parametrize(
    ("deliver", "kind"),
    [
        ("out", Folder),
        ("out.ndjson", Ndjson),
        ("https://fhir.example.org/r4", Fhir),
        ("mllp://h:2575", Mllp),
        ("mllps://h", Mllp),
    ],
)
def test_a_deliver_setting_is_one_more_target(deliver: str, kind: type) -> None:
    assert isinstance(short_form(deliver), kind)
    (target,) = load(environment={}, flags={("deliver",): deliver}).settings.all_targets
    assert target == short_form(deliver)


def test_O41_a_deliver_setting_that_means_nothing() -> None:
    with pytest.raises(SettingsError, match=r"deliver \(flag\): not a URL of the form"):
        load(environment={}, flags={("deliver",): "amqp://h"})
