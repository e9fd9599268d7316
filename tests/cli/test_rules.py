"""The converter of a command: faults of mappings before the first message."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from segue import reloading
from segue.cli.rules import RulesError, converter_for
from segue.convert import Converter
from segue.mapping.source import MappingError, Place
from segue.reloading import RuleFiles
from segue.terminology.vocabularies import load


def test_a_converter_is_ready() -> None:
    assert "ADT_A01" in converter_for([None]).messages


def test_T71_vocabularies_of_a_folder_give_displays_and_count_in_the_digest(tmp_path: Path) -> None:
    file = tmp_path / "cvx.txt"
    file.write_text("901|Zeta|zeta vaccine||Active|False|2026/02/03\n")
    load(file, tmp_path / "index")
    converter = converter_for(vocabularies=str(tmp_path / "index"))
    assert converter.displays is not None
    assert converter.displays.display("http://hl7.org/fhir/sid/cvx", "901") == "Zeta"
    assert converter.digest != converter_for(vocabularies=str(tmp_path / "none")).digest


def test_T23_maps_of_a_folder_stand_before_those_that_ship(tmp_path: Path) -> None:
    (tmp_path / "maps").mkdir()
    head = "sender,field,source_system,source_code,source_text,source_unit,target_system,target_code,target_display"
    row = "LAB|NORTH,OBX-3,L,GLU,,,LN,2345-7,,,,,"
    (tmp_path / "maps" / "lab-north.csv").write_text(f"{head},equivalence,valid_from,valid_to,comment\n{row}\n")
    raw = (
        b"MSH|^~\\&|LAB|NORTH|||20240310101500-0500||ORU^R01^ORU_R01|M1|P|2.5.1\rPID|1||7||Novak^Ada\r"
        b"OBR|1|P1|F1|24331-1^Lipids^LN|||20240310\rOBX|1|NM|GLU^Glucose^L||5.5|mg/dL|||||F\r"
    )
    assert [one.code for one in converter_for().convert(raw).unmapped] == ["GLU"]
    assert converter_for(files=RuleFiles(terminology=tmp_path)).convert(raw).unmapped == ()
    with pytest.raises(RulesError, match="name a folder that is there"):
        converter_for(files=RuleFiles(terminology=tmp_path / "none"))


def test_T70_an_index_that_cannot_be_used_is_told(tmp_path: Path) -> None:
    (tmp_path / "loinc.db").write_bytes(bytes(100))
    with pytest.raises(RulesError, match="load the release again"):
        converter_for(vocabularies=str(tmp_path))


def test_an_unknown_site_is_refused() -> None:
    with pytest.raises(RulesError, match="no such site"):
        converter_for(["no-such-site"])


def test_a_fault_in_a_mapping_is_told_with_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken(Converter):
        def compiled(self, *_arguments: Any, **_options: Any) -> Any:
            raise MappingError("no such element", Place("segments/PID.Patient.yaml", 7), "did you mean gender?")

    monkeypatch.setattr(reloading, "Converter", Broken)
    with pytest.raises(RulesError, match=r"segments/PID.Patient.yaml:7: no such element – did you mean gender\?"):
        converter_for()
