"""Secrets by reference: read where they are, told by place and never by value (O-42)."""

from __future__ import annotations

from pathlib import Path

import pytest

from segue.secret import Secret, SecretError
from segue.settings.targets import ApiKey, Webhook


def test_O42_a_file_is_read_again_each_time(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("first\n")
    secret = Secret.of(ApiKey(key_file=str(file)), "key")
    assert secret is not None
    assert secret.text() == "first"
    file.write_text("second\r\n")
    assert secret.text() == "second"


def test_O42_a_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THE_KEY", "k")
    secret = Secret.of(ApiKey(key_env="THE_KEY"), "key")
    assert secret is not None
    assert secret.text() == "k"
    assert not secret.exposed


def test_O42_no_secret_named() -> None:
    assert Secret.of(Webhook(name="h", kind="webhook", url="https://h"), "secret") is None


@pytest.mark.parametrize(
    ("content", "words"), [(None, "cannot be read"), (b"\n", "is empty"), (b"\xff\n", "not UTF-8")]
)
def test_O42_a_file_that_holds_none(tmp_path: Path, content: bytes | None, words: str) -> None:
    file = tmp_path / "key"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(SecretError, match=words):
        Secret(file=str(file)).text()


def test_O42_a_variable_that_is_not_set() -> None:
    with pytest.raises(SecretError, match="SURELY_NOT_SET is not set"):
        Secret(variable="SURELY_NOT_SET").read()


@pytest.mark.parametrize(("mode", "exposed"), [(0o600, False), (0o640, False), (0o644, True)])
def test_O42_permissions_that_let_everybody_read(tmp_path: Path, mode: int, exposed: bool) -> None:
    file = tmp_path / "key"
    file.write_text("k")
    file.chmod(mode)
    assert Secret(file=str(file)).exposed is exposed
