"""The terminology server of the settings, and what it has answered (T-31, T-34)."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from segue.cli import app
from segue.cli.remote import RemoteError, resolver_for, translations_for
from segue.settings import SettingsError, load
from segue.settings.terminology import LocalSystem, Remote
from segue.terminology import Target
from segue.terminology.remote.question import Answer, Kind, Question

YES = Answer(Kind.POSITIVE, (Target("http://loinc.org", "2345-7", "Glucose", False),), "equivalent")


def remote(tmp_path: Path, **more: object) -> Remote:
    return Remote.model_validate({"url": "https://tx.example.org/fhir/", "cache": str(tmp_path / "cache.db"), **more})


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "segue.yaml"
    file.write_text(
        f"terminology: {{remote: {{url: 'https://tx.example.org/fhir', cache: {tmp_path / 'cache.db'}}}}}\n"
    )
    return file


def call(*arguments: str | Path) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["terminology", *map(str, arguments)])
    return result.exit_code, " ".join(result.output.split())


def test_T31_off_by_default() -> None:
    assert translations_for(Remote()) is None


def test_T31_local_systems_of_the_settings(tmp_path: Path) -> None:
    made = translations_for(remote(tmp_path, systems=(LocalSystem(name="L", uri="urn:north", sender="LAB|NORTH"),)))
    assert made is not None
    assert made.question("L", "GLU", sender="LAB|NORTH") == Question("urn:north", "GLU")
    assert made.question("L", "GLU", sender="LAB|SOUTH") is None


def test_T34_answers_are_listed_and_forgotten(tmp_path: Path, config: Path) -> None:
    assert call("answers", "--config", config) == (0, f"No answer is kept ({tmp_path / 'cache.db'}).")
    made = translations_for(remote(tmp_path))
    assert made is not None
    made.put(Question("urn:north", "GLU"), YES)
    made.put(Question("urn:north", "X"), Answer(Kind.NEGATIVE))
    code, text = call("answers", "--config", config)
    assert code == 0
    assert "2345-7 Glucose" in text
    assert call("forget", "--kind", "negative", "--config", config) == (0, "1 answers forgotten.")
    assert call("forget", "--config", config) == (0, "1 answers forgotten.")
    assert call("forget", "--kind", "none", "--config", config)[0] == 2


def test_O42_a_token_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    asked = remote(tmp_path, token_file=str(tmp_path / "none"))
    made = translations_for(asked)
    assert made is not None
    with pytest.raises(RemoteError, match="token_file"):
        resolver_for(asked, made)


def test_T34_a_cache_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RemoteError, match=r"terminology.remote.cache"):
        translations_for(remote(tmp_path, cache=str(tmp_path / "file" / "cache.db")))


def test_T36_public_demonstration_servers_have_to_be_asked_for_in_words(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text("terminology: {remote: {url: 'http://tx.fhir.org/r4'}}\n")
    with pytest.raises(SettingsError, match="set demonstration: true"):
        load(file, environment={})
    file.write_text("terminology: {remote: {url: 'http://tx.fhir.org/r4', demonstration: true}}\n")
    assert load(file, environment={}).settings.terminology.remote.demonstration


def test_O41_an_unknown_key_of_a_local_system_names_the_nearest(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text("terminology: {remote: {systems: [{name: L, uri: 'urn:x', sendr: A}]}}\n")
    with pytest.raises(SettingsError, match="did you mean sender"):
        load(file, environment={})
