"""Messages as lines, and lines added up (T-60, T-61)."""

from __future__ import annotations

from segue.inbox.entry import Key
from segue.inbox.sighting import added_up, line
from segue.terminology import Unmapped

GLU = Unmapped("LAB|NORTH", "OBX-3", "L", "GLU", "mg/dL", "Glucose")


def test_T60_a_message_counts_once_for_an_entry() -> None:
    tallies = added_up([line([GLU, GLU._replace(text="GLUCOSE")], [], "M1", 5.0)])
    (tally,) = tallies.values()
    assert (tally.count, dict(tally.texts)) == (1, {"Glucose": 1})


def test_T61_times_texts_samples_and_what_is_pending() -> None:
    lines = [line([GLU._replace(text=f"t{n % 2}")], [], f"M{n}", float(n)) for n in range(7)]
    lines.append(line([GLU], [GLU], "M7", 7.0))
    tally = added_up(lines)[Key("LAB|NORTH", "OBX-3", "L", "GLU", "mg/dL")]
    assert (tally.count, tally.first, tally.last, tally.pending) == (8, 0.0, 7.0, True)
    assert dict(tally.texts) == {"t0": 4, "t1": 3, "Glucose": 1}
    assert list(tally.samples) == ["M3", "M4", "M5", "M6", "M7"]


def test_T61_texts_are_one_line_and_bounded() -> None:
    (tally,) = added_up([line([GLU._replace(text="a\n b " + "x" * 900)], [], "M1", 1.0)]).values()
    (text,) = tally.texts
    assert text.startswith("a b xxx")
    assert len(text) == 200


def test_T62_a_line_that_cannot_be_read_costs_itself() -> None:
    assert len(added_up([b"{", b"", line([GLU], [], "M1", 1.0), b"[1]"])) == 1
