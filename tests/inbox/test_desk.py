"""Accept, ignore, reopen, undo (T-64 to T-66, T-68)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from segue.convert import Converter
from segue.inbox.desk import Desk, DeskError
from segue.inbox.entry import Key
from segue.inbox.store import ConflictError, Inbox
from segue.terminology import Terminology, TerminologyError
from segue.terminology.maprows import MapRow

GLUCOSE = MapRow(target_system="LN", target_code="2345-7", target_display="Glucose")
MESSAGE = (
    b"MSH|^~\\&|LAB|NORTH|||20240310101500-0500||ORU^R01^ORU_R01|M1|P|2.5.1\rPID|1||7^^^&2.999.1&ISO^MR||Novak^Ada||1980|F\r"
    b"OBR|1|P1|F1|24331-1^Lipids^LN|||20240310|||||||||||||||||||F\rOBX|1|NM|GLU^Glucose^L||5.5|mg/dL|||||F\r"
)


class Queue:
    """Three messages wait for each code."""

    def count(self, key: Key) -> int:
        return 3


@pytest.fixture
def queue() -> Queue:
    return Queue()


@pytest.fixture
def busy(inbox: Inbox, tmp_path: Path, terminology: Terminology, queue: Queue) -> Desk:
    return Desk(inbox, tmp_path / "terminology", lambda: terminology, queue)


def test_T64_an_accepted_row_translates_the_next_message(busy: Desk, seen: Any, tmp_path: Path) -> None:
    one = busy.entry(seen(times=4))
    effect = busy.accept(one, GLUCOSE, by="ada")
    assert (effect.seen, effect.waiting, effect.row.comment) == (4, 3, "accepted by ada")
    after = busy.entry(one.id)
    assert (after.state, after.decided_by) == ("mapped", "ada")
    made = Converter(terminology=busy.terminology.overlaid(tmp_path / "terminology")).convert(MESSAGE)
    assert made.unmapped == ()
    assert b'"2345-7"' in made.json()


def test_T64_a_dry_run_says_what_would_happen_and_does_nothing(busy: Desk, seen: Any, tmp_path: Path) -> None:
    effect = busy.accept(busy.entry(seen()), GLUCOSE, by="ada", dry_run=True)
    assert (effect.seen, effect.waiting, Path(effect.file).name) == (1, 3, "lab-north.csv")
    assert not (tmp_path / "terminology").exists()


def test_T64_undo_takes_the_row_out_and_opens_the_entry(desk: Desk, seen: Any) -> None:
    id = seen()
    effect = desk.accept(desk.entry(id), GLUCOSE, by="ada")
    one, gone = desk.undo(desk.entry(id), by="bob", reason="wrong unit")
    assert gone
    assert (one.state, one.decided_by, one.reason) == ("open", "bob", "wrong unit")
    assert "GLU" not in Path(effect.file).read_text()
    with pytest.raises(DeskError, match="nothing was accepted"):
        desk.undo(one, by="bob")


@pytest.mark.parametrize(
    ("target", "words"),
    [
        (MapRow(), "no target code"),
        (MapRow(target_system="NOPE", target_code="1"), "neither a URI nor a known name"),
        (GLUCOSE._replace(equivalence="same"), "no equivalence"),
        (GLUCOSE._replace(valid_from="2026-13-01"), "no day"),
    ],
)
def test_T64_a_row_that_cannot_be_used_is_refused_before_the_file(
    desk: Desk, seen: Any, tmp_path: Path, target: MapRow, words: str
) -> None:
    with pytest.raises(DeskError, match=words):
        desk.accept(desk.entry(seen()), target, by="ada")
    assert not (tmp_path / "terminology").exists()


def test_T64_a_unit_a_mapped_entry_and_a_missing_folder(inbox: Inbox, desk: Desk, seen: Any) -> None:
    with pytest.raises(DeskError, match=r"units\.csv"):
        desk.accept(desk.entry(seen("blorps", field="OBX-6", table="UCUM", unit="")), GLUCOSE, by="ada")
    id = seen()
    desk.accept(desk.entry(id), GLUCOSE, by="ada")
    with pytest.raises(DeskError, match="mapped already"):
        desk.accept(desk.entry(id), GLUCOSE, by="ada")
    with pytest.raises(DeskError, match=r"set terminology\.folder"):
        Desk(inbox, None, lambda: desk.terminology).accept(desk.entry(seen("NA")), GLUCOSE, by="ada")
    with pytest.raises(DeskError, match="no entry"):
        desk.entry("none")


def test_T67_a_sheet_is_taken_whole_or_not_at_all(desk: Desk, seen: Any, tmp_path: Path) -> None:
    north, south = seen(), seen("NA", sender="LAB|SOUTH")
    broken = tmp_path / "terminology" / "maps" / "lab-south.csv"
    broken.parent.mkdir(parents=True)
    broken.write_text("no map\n")
    sodium = MapRow(target_system="LN", target_code="2951-2")
    with pytest.raises(TerminologyError):
        desk.accept_all([(desk.entry(north), GLUCOSE), (desk.entry(south), sodium)], by="ada")
    assert [desk.entry(id).state for id in (north, south)] == ["open", "open"]
    assert "GLU" not in (broken.parent / "lab-north.csv").read_text()
    broken.unlink()
    effects = desk.accept_all([(desk.entry(north), GLUCOSE), (desk.entry(south), sodium)], by="ada")
    assert [Path(effect.file).name for effect in effects] == ["lab-north.csv", "lab-south.csv"]


def test_T26_several_targets_of_one_entry_are_undone_together(desk: Desk, seen: Any) -> None:
    id = seen()
    both = [(desk.entry(id), GLUCOSE), (desk.entry(id), GLUCOSE._replace(target_code="2339-0"))]
    effects = desk.accept_all(both, by="ada")
    assert Path(effects[0].file).read_text().count("GLU") == 2
    assert desk.undo(desk.entry(id), by="ada")[1]
    assert Path(effects[0].file).read_text().count("GLU") == 0


def test_T66_who_decides_on_an_older_version_changes_nothing(desk: Desk, seen: Any, tmp_path: Path) -> None:
    id = seen()
    old = desk.entry(id)
    desk.ignore(old, by="bob")
    with pytest.raises(ConflictError):
        desk.accept(old, GLUCOSE, by="ada")
    assert desk.entry(id).state == "ignored"
    assert "GLU" not in (tmp_path / "terminology" / "maps" / "lab-north.csv").read_text()


def test_T65_ignore_and_reopen(desk: Desk, seen: Any) -> None:
    id = seen()
    assert desk.ignore(desk.entry(id), by="ada", reason="noise").state == "ignored"
    assert desk.reopen(desk.entry(id), by="ada").state == "open"
    with pytest.raises(DeskError, match="open already"):
        desk.reopen(desk.entry(id), by="ada")


def test_T68_a_value_with_a_required_binding_takes_its_own_list(desk: Desk, seen: Any) -> None:
    gender = "http://hl7.org/fhir/administrative-gender"
    v2 = "http://terminology.hl7.org/CodeSystem/v2-0001"
    id = seen("W", "woman", field="PID-8", system=v2, table="AdministrativeSex", unit="")
    assert (gender, "female", "Female") in desk.choices(desk.entry(id))
    with pytest.raises(DeskError, match="no code that the element takes"):
        desk.accept(desk.entry(id), GLUCOSE, by="ada")
    desk.accept(desk.entry(id), MapRow(target_system=gender, target_code="female"), by="ada")
    assert desk.entry(id).state == "mapped"
