"""Which translation a code has (T-22 to T-26)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from segue.terminology import Found, Target, Terminology, TerminologyError
from segue.terminology.maprows import MapRow, written
from segue.terminology.maps import TEXT, SenderMaps

LOINC = "http://loinc.org"
Views = Callable[..., SenderMaps]


@pytest.fixture(scope="module")
def base() -> Terminology:
    return Terminology.load()


@pytest.fixture
def view(base: Terminology, tmp_path: Path) -> Views:
    """The maps of LAB|NORTH with one folder for each list of rows, the nearest last."""

    def make(*folders: list[MapRow], sender: str = "LAB|NORTH") -> SenderMaps:
        terminology = base
        for n, rows in enumerate(folders):
            home = tmp_path / f"{n}" / "maps"
            home.mkdir(parents=True)
            (home / "lab.csv").write_bytes(written(rows))
            terminology = terminology.overlaid(home.parent)
        found = terminology.maps.for_sender(sender)
        assert found is not None
        return found

    return make


def row(code: str, target: str = "", **cells: str) -> MapRow:
    return MapRow(
        source_system="L", source_code=code, target_system="LN" if target else "", target_code=target
    )._replace(**cells)


def codes(found: Found | None) -> tuple[str, ...] | None:
    return tuple(t.code for t in found.targets) if found is not None else None


def test_T24_system_and_code_are_the_key_and_a_local_name_has_no_case(view: Views) -> None:
    maps = view([row("007", "1-8"), row("ICD", "9-9", source_system="I9C"), row("B", "2-6", source_system="")])
    assert maps.find("OBX-3", "L", "007") == Found((Target(LOINC, "1-8", "", False),))
    assert codes(maps.find("OBX-3", "l", "007")) == ("1-8",)
    assert codes(maps.find("DG1-3", "http://hl7.org/fhir/sid/icd-9-cm", "ICD")) == ("9-9",)
    assert codes(maps.find("OBX-3", "", "B")) == ("2-6",)
    assert maps.find("OBX-3", "L", "7") is None
    assert maps.find("OBX-3", "99X", "007") is None
    assert maps.find("OBX-3", "L", "B") is None


def test_T23_the_nearest_scope_wins(view: Views) -> None:
    far = [row("X", "1-8"), row("X", "2-6", sender="|NORTH"), row("X", "3-4", sender="LAB|NORTH", field="OBX-3")]
    near = [row("X", "4-2"), row("X", "5-9", sender="LAB|NORTH"), row("Y", "6-7", field="OBX-3"), row("Y", "7-5")]
    maps = view(far, near)
    assert codes(maps.find("OBX-3", "L", "X")) == ("3-4",)  # sender and field, though in the farther folder
    assert codes(maps.find("OBR-4", "L", "X")) == ("5-9",)  # the sender itself before any facility
    assert codes(maps.find("OBX-3", "L", "Y")) == ("6-7",)
    assert codes(maps.find("OBR-4", "L", "Y")) == ("7-5",)


def test_T23_another_sender_sees_only_what_is_for_all(view: Views) -> None:
    rows = [row("X", "1-8", sender="LAB|NORTH"), row("Y", "2-6")]
    maps = view(rows, sender="LAB|SOUTH")
    assert maps.find("OBX-3", "L", "X") is None
    assert codes(maps.find("OBX-3", "L", "Y")) == ("2-6",)


def test_T23_a_sender_without_maps_has_none(base: Terminology) -> None:
    assert base.maps.for_sender("LAB|NORTH") is None


def test_T21_a_row_with_a_unit_narrows(view: Views) -> None:
    maps = view(
        [row("GLU", "2345-7", source_unit="mg/dL"), row("GLU", "14749-6", source_unit="mmol/L"), row("GLU", "9-9")]
    )
    assert codes(maps.find("OBX-3", "L", "GLU", "mmol/L")) == ("14749-6",)
    assert codes(maps.find("OBX-3", "L", "GLU", "mg/dl")) == ("2345-7",)  # another spelling of the unit
    assert codes(maps.find("OBX-3", "L", "GLU", "g/L")) == ("9-9",)
    assert codes(maps.find("OBX-3", "L", "GLU")) == ("9-9",)


def test_T21_an_unknown_unit_of_a_map_of_units_alone_gives_nothing(view: Views) -> None:
    assert view([row("GLU", "2345-7", source_unit="mg/dL")]).find("OBX-3", "L", "GLU", "g/L") is None


def test_T23_a_row_holds_on_its_days_and_without_a_date_only_rows_without_days(view: Views) -> None:
    maps = view(
        [row("X", "1-8")],
        [row("X", "2-6", valid_from="2026-01-01", valid_to="2026-06-30"), row("X", "3-4", valid_from="2026-07-01")],
    )
    days = ("20251231", "20260101", "20260630", "20260701", "20300101", "")
    assert [codes(maps.find("OBX-3", "L", "X", "", day)) for day in days] == [
        ("1-8",), ("2-6",), ("2-6",), ("3-4",), ("3-4",), ("1-8",)
    ]  # fmt: skip
    assert maps.dated


def test_T25_only_exact_translations_are_applied_unless_allowed(view: Views) -> None:
    maps = view(
        [row("W", "1-8", equivalence="wider"), row("E", "2-6", equivalence="equal"), row("N", equivalence="unmatched")]
    )
    assert codes(maps.find("OBX-3", "L", "E")) == ("2-6",)
    assert maps.find("OBX-3", "L", "W") == Found((), "wider")
    allowed = maps.find("OBX-3", "L", "W", loose=frozenset(("wider",)))
    assert allowed == Found((Target(LOINC, "1-8", "", True),), "wider")
    assert maps.find("OBX-3", "L", "N") == Found((), "unmatched")


def test_T26_several_rows_of_a_key_give_several_codings(view: Views) -> None:
    maps = view([row("X", "1-8"), row("X", "3884", target_system="SCT"), row("X", "9", equivalence="wider")])
    assert codes(maps.find("OBX-3", "L", "X")) == ("1-8", "3884")


def test_T24_a_text_maps_only_where_the_code_is_empty_on_purpose(view: Views) -> None:
    maps = view([row("", "1-8", source_text="Glucose"), row("G", "2-6", source_text="Glucosa")])
    assert codes(maps.find("OBX-3", "L", TEXT + "Glucose")) == ("1-8",)
    assert maps.find("OBX-3", "L", TEXT + "Glucosa") is None


def test_T67_a_row_without_a_target_waits(view: Views) -> None:
    assert view([row("X"), row("Y", "1-8")]).find("OBX-3", "L", "X") is None


def test_T22_unmapped_says_what_becomes_of_codes_without_a_row(view: Views) -> None:
    maps = view(
        [
            row("X", "1-8"),
            MapRow(source_system="L", target_system="LN", target_code="99-9", equivalence="fixed"),
            MapRow(source_system="I9C", target_system="http://example.org/kept", equivalence="provided"),
        ]
    )
    assert maps.find("OBX-3", "L", "Z") == Found((Target(LOINC, "99-9", "", True),), "fixed")
    assert maps.find("DG1-3", "http://hl7.org/fhir/sid/icd-9-cm", "250") == Found(
        (Target("http://example.org/kept", "250", "", False),), "provided"
    )
    assert maps.find("OBX-3", "99X", "Z") is None


def test_T22_another_map_is_asked_and_the_one_it_names(view: Views) -> None:
    url = "urn:segue:ConceptMap:"
    maps = view(
        [
            MapRow("LAB|NORTH", "OBX-3", "L", target_system=url + "all-obr-4", equivalence="other-map"),
            MapRow("", "OBR-4", "L", target_system=url + "all-dg1-3", equivalence="other-map"),
            row("A", "1-8", field="OBR-4"),
            row("B", "2-6", field="DG1-3"),
        ]
    )
    assert [codes(maps.find("OBX-3", "L", code)) for code in "ABC"] == [("1-8",), ("2-6",), None]


@pytest.mark.parametrize(
    ("targets", "what"), [(("all-obr-4", "all-obx-3"), "lead in a circle"), (("gone", "gone"), "no map has the URL")]
)
def test_T22_circles_and_maps_that_are_not_there_are_refused(view: Views, targets: tuple[str, str], what: str) -> None:
    url = "urn:segue:ConceptMap:"
    rows = [
        MapRow("", field, "L", target_system=url + target, equivalence="other-map")
        for field, target in zip(("OBX-3", "OBR-4"), targets, strict=True)
    ]
    with pytest.raises(TerminologyError, match=what) as caught:
        view(rows)
    assert caught.value.line in (2, 3)


def test_T28_the_digest_names_the_maps_and_the_compiled_maps_do_not_depend_on_it(
    base: Terminology, tmp_path: Path
) -> None:
    (tmp_path / "maps").mkdir()
    (tmp_path / "maps" / "lab.csv").write_bytes(written([row("X", "1-8")]))
    one = base.overlaid(tmp_path)
    assert one.digest != base.digest
    assert one.compiled_from == base.compiled_from
