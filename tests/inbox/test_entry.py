"""The key of an entry (T-60)."""

from __future__ import annotations

import pytest

from segue.inbox.entry import Key

ONE = Key("LAB|NORTH", "OBX-3", "L", "GLU", "mg/dL")


def test_T60_the_id_is_the_same_everywhere() -> None:
    assert ONE.id == "e9368c062b3a87891da117c6"


@pytest.mark.parametrize("part", Key._fields)
def test_T60_each_part_makes_another_entry(part: str) -> None:
    assert ONE._replace(**{part: "other"}).id != ONE.id


def test_T60_parts_do_not_run_into_each_other() -> None:
    assert Key("a", "b", "", "", "").id != Key("ab", "", "", "", "").id
