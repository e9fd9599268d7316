"""Packs: folders of files, read once, compiled per site (P-14)."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from segue.convert import Converter
from segue.mapping.pack import Pack, load_pack, set_ids
from segue.mapping.source import MappingError
from segue.packdata import data_folder
from segue.terminology import Terminology


def test_the_pack_that_ships_has_a_name_and_a_version(base: Converter) -> None:
    assert base.pack.name == "segue-base"
    assert base.pack.version
    assert {"ADT_A01", "ORU_R01", "ORM_O01"} <= set(base.messages)


def test_the_pack_that_ships_compiles_plain_and_traced(base: Converter) -> None:
    assert set(base.compiled().maps) == set(base.compiled(traced=True).maps)
    assert base.compiled() is base.compiled()


def test_the_digest_changes_with_every_byte_and_with_nothing_else(tmp_path: Path) -> None:
    shutil.copytree(data_folder("mappings"), tmp_path / "a")
    shutil.copytree(data_folder("mappings"), tmp_path / "b")
    one, two = load_pack(tmp_path / "a"), load_pack(tmp_path / "b")
    assert one.digest == two.digest
    (tmp_path / "b" / "segments" / "PID.Patient.yaml").write_text("active: true\n")
    assert load_pack(tmp_path / "b").digest != one.digest


def test_sites_may_lie_in_a_folder_of_their_own(
    folder: Callable[..., Path], tmp_path: Path, terminology: Terminology
) -> None:
    home = folder({"segments/PID.Patient.yaml": 'birthDate: "{{ PID.7 }}"'})
    site = tmp_path / "sites" / "north" / "segments"
    site.mkdir(parents=True)
    (site / "PID.Patient.yaml").write_text("gender: \"{{ PID.8 | table('AdministrativeSex') }}\"")
    pack = Pack.load(home, tmp_path / "sites")
    assert list(pack.sites) == ["north"]
    assert "'gender'" in pack.compiled(terminology, "north").sources["PID.Patient"]
    assert "'gender'" not in pack.compiled(terminology).sources["PID.Patient"]


def test_an_unknown_extension_base_stands_for_itself(folder: Callable[..., Path]) -> None:
    pack = Pack.load(folder({"extensions.yaml": "bed: http://ward.test/bed\nroom: segue\nnote: core\n"}, bare=True))
    assert pack.extensions == {
        "bed": "http://ward.test/bed",
        "room": "segue:room",
        "note": "http://hl7.org/fhir/StructureDefinition/note",
    }


def test_every_structure_of_a_map_is_listed_with_its_events(base: Converter) -> None:
    assert set(base.pack.structures) == set(base.messages)


def test_a_fault_stops_loading_with_its_place(folder: Callable[..., Path], terminology: Terminology) -> None:
    pack = Pack.load(folder({"segments/PID.Patient.yaml": "\n\nbirthDat: 1980"}))
    with pytest.raises(MappingError, match=r"^segments/PID\.Patient\.yaml:3: "):
        pack.compiled(terminology)


@pytest.mark.parametrize("place", [("PID", 1, 0), ("OBX", 1, 0), ("OBX", 2, 0), ("MSH", 2, 0), ("DG1", 1, 0)])
def test_R_NF_9_set_ids_are_ignored_by_rule(place: tuple[str, int, int]) -> None:
    assert set_ids()[place] == "R-NF-9"


def test_R_NF_9_nothing_else_is(base: Converter) -> None:
    assert ("PID", 3, 0) not in set_ids()
    assert ("OBX", 4, 0) not in set_ids()
