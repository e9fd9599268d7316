"""The converter of a command: faults of mappings before the first message."""

from __future__ import annotations

from typing import Any

import pytest

from segue.cli import rules
from segue.cli.rules import RulesError, converter_for
from segue.convert import Converter
from segue.mapping.source import MappingError, Place


def test_a_converter_is_ready() -> None:
    assert "ADT_A01" in converter_for([None]).messages


def test_an_unknown_site_is_refused() -> None:
    with pytest.raises(RulesError, match="no such site"):
        converter_for(["no-such-site"])


def test_a_fault_in_a_mapping_is_told_with_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken(Converter):
        def compiled(self, *_arguments: Any, **_options: Any) -> Any:
            raise MappingError("no such element", Place("segments/PID.Patient.yaml", 7), "did you mean gender?")

    monkeypatch.setattr(rules, "Converter", Broken)
    with pytest.raises(RulesError, match=r"segments/PID.Patient.yaml:7: no such element – did you mean gender\?"):
        converter_for()
