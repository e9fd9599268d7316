"""Settings: layers, origins, and every fault at once (O-40, O-41, O-44)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from segue.settings import Fault, Settings, SettingsError, is_loopback, load


def write(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "segue.yaml"
    file.write_text(text)
    return file


def faults(file: Path | None = None, **environment: str) -> list[Fault]:
    with pytest.raises(SettingsError) as caught:
        load(file, environment=environment)
    return list(caught.value.faults)


def test_O40_defaults() -> None:
    settings = load(environment={}).settings
    assert (settings.http.host, settings.http.port) == ("127.0.0.1", 8080)
    assert [(one.name, one.host, one.port) for one in settings.listeners] == [("mllp", "127.0.0.1", 2575)]
    assert (settings.bundle, settings.residue, settings.deliver) == ("transaction", "report", None)


def test_O40_file_over_default_environment_over_file_flag_over_environment(tmp_path: Path) -> None:
    file = write(tmp_path, "http: {port: 1}\nbundle: batch\nsite: a\ndeliver: out\n")
    environment = {"SEGUE__HTTP__PORT": "2", "SEGUE__SITE": "b", "OTHER": "x"}
    loaded = load(file, environment=environment, flags={("http", "port"): 3, ("bundle",): None})
    s = loaded.settings
    assert (s.http.port, s.site, s.bundle, s.deliver) == (3, "b", "batch", "out")
    origins = {path: origin for path, _, origin in loaded.rows()}
    assert origins["http.port"] == "flag"
    assert origins["site"] == "SEGUE__SITE"
    assert origins["bundle"] == f"{file}:2"
    assert origins["http.host"] == "default"


def test_O40_items_of_a_list_by_number(tmp_path: Path) -> None:
    file = write(tmp_path, "listeners:\n  - {name: adt, port: 1}\n  - {name: oru, port: 2}\n")
    loaded = load(file, environment={"SEGUE__LISTENERS__1__PORT": "7"}, flags={("listeners", 0, "host"): "::1"})
    assert [(one.name, one.host, one.port) for one in loaded.settings.listeners] == [
        ("adt", "::1", 1),
        ("oru", "127.0.0.1", 7),
    ]


def test_O40_no_listener_is_possible(tmp_path: Path) -> None:
    assert load(write(tmp_path, "listeners: []\n"), environment={}).settings.listeners == ()


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n"])
def test_O40_an_empty_file_changes_nothing(tmp_path: Path, text: str) -> None:
    assert load(write(tmp_path, text), environment={}).settings == Settings()


def test_O41_all_faults_at_once_with_line_and_nearest_name(tmp_path: Path) -> None:
    text = """\
http:
  prot: 80
  host: 0.0.0.0
listeners:
  - {name: a, port: 99999}
  - {name: a, timezone: America/Toront}
bundel: batch
residue: none
limits: {message_bytes: 0}
"""
    file = write(tmp_path, text)
    found = {f.path: f for f in faults(file, SEGUE__LOG__LEVEL="loud", SEGUE__LISTENERS__3__PORT="5")}
    assert sorted(found) == [
        "bundel",
        "http.host",
        "http.prot",
        "limits.message_bytes",
        "listeners",
        "listeners.0.port",
        "listeners.1.name",
        "listeners.1.timezone",
        "log.level",
        "residue",
    ]
    assert found["http.prot"] == Fault("http.prot", f"{file}:2", "unknown key – did you mean port?")
    assert found["bundel"] == Fault("bundel", f"{file}:7", "unknown key – did you mean bundle?")
    assert found["log.level"].origin == "SEGUE__LOG__LEVEL"
    assert "America/Toronto" in found["listeners.1.timezone"].text


def test_O41_a_key_given_twice(tmp_path: Path) -> None:
    (fault,) = faults(write(tmp_path, "site: a\nsite: b\n"))
    assert (fault.path, fault.text) == ("site", "given twice – keep one")


def test_O41_without_a_near_name_all_are_named(tmp_path: Path) -> None:
    (fault,) = faults(write(tmp_path, "log: {zzzzzz: 1}\n"))
    assert "format, level, control_ids" in fault.text


@pytest.mark.parametrize("text", ["a: [", "- 1\n", "just words"])
def test_O41_what_is_no_settings_file(tmp_path: Path, text: str) -> None:
    (fault,) = faults(write(tmp_path, text))
    assert "segue.yaml" in fault.origin


def test_O41_a_file_that_is_not_there(tmp_path: Path) -> None:
    (fault,) = faults(tmp_path / "none.yaml")
    assert "cannot be read" in str(fault)


def test_O41_environment_that_is_no_YAML() -> None:
    assert [f.origin for f in faults(SEGUE__SITE="[")] == ["SEGUE__SITE"]


@pytest.mark.parametrize("where", [("http",), ("listeners", 0)])
def test_O44_off_loopback_has_to_be_asked_for_in_words(where: tuple[Any, ...]) -> None:
    with pytest.raises(SettingsError, match="plaintext: true"):
        load(environment={}, flags={(*where, "host"): "0.0.0.0"})
    load(environment={}, flags={(*where, "host"): "0.0.0.0", (*where, "plaintext"): True})


@pytest.mark.parametrize(
    ("host", "loopback"),
    [("127.0.0.1", True), ("127.8.8.8", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("a.b", False)],
)
def test_O44_loopback(host: str, loopback: bool) -> None:
    assert is_loopback(host) is loopback


def test_O41_the_schema_tells_what_every_setting_does() -> None:
    schema = Settings.model_json_schema()
    assert schema["properties"]["deliver"]["description"]
    assert schema["$defs"]["Listener"]["additionalProperties"] is False


def test_S23_a_callback_needs_a_journal(tmp_path: Path) -> None:
    text = "listeners: [{callback: {url: 'mllp://10.0.0.1:2600'}}]\n"
    (fault,) = faults(write(tmp_path, text))
    assert fault.path == "listeners.0.callback"
    assert "journal.url" in fault.text
    kept = load(write(tmp_path, text + "journal: {url: journal.db}\n"), environment={}).settings
    assert kept.listeners[0].callback is not None
    (fault,) = faults(write(tmp_path, "listeners: [{callback: {url: 'https://10.0.0.1'}}]\njournal: {url: j.db}\n"))
    assert fault.path == "listeners.0.callback.url"
