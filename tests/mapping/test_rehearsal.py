"""Rehearsals: what is played is what the map would give, where all that it read is the same (R-NF-1)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from segue.conversion import Conversion
from segue.convert import Converter
from segue.mapping import messages, rehearsal

HEADER = "MSH|^~\\&|A|B|C|D|20260101120000+0000||ADT^A01^ADT_A01|{control}|P|2.5.1\r"
MESSAGE = """\
structure: [ADT_A01]
patient: {map: PID.Patient}
visit: {map: PV1.Encounter, subject: patient}
"""
PATIENT = """\
identifier: ["{{ PID.3 }}"]
name: ["{{ PID.5 }}"]
gender: "{{ PID.8 | table('AdministrativeSex') }}"
"""


@pytest.fixture
def load(packed: Callable[..., Converter]) -> Callable[..., Converter]:
    def files(**segments: str) -> Converter:
        found = {"messages/ADT_A01.yaml": MESSAGE, "segments/PID.Patient.yaml": PATIENT}
        for name, text in segments.items():
            found[f"segments/{name.replace('_', '.')}.yaml"] = text
        return packed(found)

    return files


class Forgetful(Converter):
    """Runs every map every time."""

    def _memory(self, key: Any) -> Any:
        return None


def known(converter: Converter) -> dict[str, Any]:
    """The maps that were rehearsed, the last one of each."""
    memories = converter._memories.values()  # pyright: ignore[reportPrivateUsage]
    return {name: given for one in memories for maps in one.segments.values() for name, given in maps.items()}


def told(made: Conversion) -> tuple[Any, ...]:
    return made.json(), made.issues


def both(converter: Converter, *messages: str) -> list[Conversion]:
    """Converts in order; each as by a converter that remembers nothing."""
    cold = Forgetful(converter.pack, converter.terminology)
    out: list[Conversion] = []
    for message in messages:
        made = converter.convert(message.encode())
        assert told(made) == told(cold.convert(message.encode()))
        out.append(made)
    return out


def adt(control: str, *segments: str) -> str:
    return HEADER.format(control=control) + "".join(f"{one}\r" for one in segments)


PID = "PID|1||7^^^&2.999.1&ISO^MR||Ash^Rowan|||X"
PV1 = "PV1|1|I|||||||||||||||||5^^^&2.999.1&ISO^VN"
ENCOUNTER = """\
identifier: ["{{ PV1.19 }}"]
status: in-progress
class: "v3-ActCode#IMP"
"""


def test_a_map_that_reads_its_segment_is_played_the_third_time(load: Callable[..., Converter]) -> None:
    converter = load(PV1_Encounter=ENCOUNTER)
    both(converter, *(adt(n, PID, PV1) for n in "123"))
    given = known(converter)["PID.Patient"]
    assert given is not None
    assert not given.fields
    assert not given.asked
    assert given.resource["name"] == [{"family": "Ash", "given": ["Rowan"]}]
    assert given.key == ("Patient", "urn:oid:2.999.1", "7")
    assert [effect.code for effect in given.effects] == ["code.unmapped"]


def test_an_issue_is_told_where_the_segment_stands_now(load: Callable[..., Converter]) -> None:
    second = PID.replace("|1||7^", "|2||8^")
    *_, made = both(load(PV1_Encounter=ENCOUNTER), adt("1", second), adt("2", second), adt("3", PID, second))
    assert [str(i.v2) for i in made.issues if i.code == "code.unmapped"] == ["PID[1]-8[1].1", "PID[2]-8[1].1"]


def test_what_is_told_once_a_message_is_told_once(load: Callable[..., Converter]) -> None:
    one, other = PID.replace("&2.999.1&ISO", "LOCAL"), PID.replace("||7^^^&2.999.1&ISO", "||8^^^LOCAL")
    *_, made = both(load(PV1_Encounter=ENCOUNTER), *(adt(n, one, other) for n in "123"), adt("4", other, one))
    assert [str(i.v2) for i in made.issues if i.code == "identifier.system-unknown"] == ["PID[1]-3[1]"]


def test_a_field_of_another_segment_is_read_again(load: Callable[..., Converter]) -> None:
    converter = load(PV1_Encounter=ENCOUNTER + 'reasonCode: [{text: "{{ PID.23 }}"}]\n')
    born = PID + "|" * 15 + "{}"
    *_, same, changed, none = both(
        converter,
        *(adt(n, born.format("Harbourton"), PV1) for n in "123"),
        adt("4", born.format("Ellery"), PV1),
        adt("5", PV1),
    )
    reasons = [
        entry["resource"].get("reasonCode")
        for made in (same, changed, none)
        for entry in made.bundle["entry"]
        if entry["resource"]["resourceType"] == "Encounter"
    ]
    assert reasons == [[{"text": "Harbourton"}], [{"text": "Ellery"}], None]
    ((name, cells),) = known(converter)["PV1.Encounter"].fields
    assert (name, [number for number, _ in cells]) == ("PID", [0, 23])


def test_a_mark_on_another_segment_is_made_again(load: Callable[..., Converter]) -> None:
    converter = load(PV1_Encounter=ENCOUNTER + 'reasonCode: [{text: "{{ PID.23 }}"}]\n')
    made = both(converter, *(adt(n, PID + "|" * 15 + "Harbourton", PV1) for n in "123"))
    assert not [i for i in made[-1].issues if i.v2 is not None and i.v2.field == 23]


def test_an_identity_by_place_is_worked_out_each_time(load: Callable[..., Converter]) -> None:
    converter = load(PV1_Encounter=ENCOUNTER.replace("identifier:", "$key: [[PV1.44]]\nidentifier:"))
    urls = {
        entry["fullUrl"]
        for made in both(converter, *(adt(n, PID, "PV1|1|I|||||||||||||||||5") for n in "123"))
        for entry in made.bundle["entry"]
        if entry["resource"]["resourceType"] == "Encounter"
    }
    given = known(converter)["PV1.Encounter"]
    assert given.uuid is None
    assert given.open
    assert len(urls) == 3


def test_occurrences_are_counted_in_each_message(load: Callable[..., Converter]) -> None:
    converter = load(PV1_Encounter="$key: [[PV1 | occurrence]]\n" + ENCOUNTER)
    two = [*(adt(n, PID, PV1, PV1) for n in "123"), adt("4", PID, PV1), adt("5", PID, PV1, PV1, PV1)]
    found = [
        [e["fullUrl"] for e in made.bundle["entry"] if e["resource"]["resourceType"] == "Encounter"]
        for made in both(converter, *two)
    ]
    assert [len(set(urls)) for urls in found] == [2, 2, 2, 1, 3]
    assert found[0] == found[2] == found[4][:2]
    assert found[3] == found[0][:1]
    assert known(converter)["PV1.Encounter"].counted


def test_a_map_that_takes_a_mark_away_is_run_each_time(base: Converter) -> None:
    """The mark may be another map's (R-UNIT-4: words beside a code that is no UCUM)."""
    obx = "OBX|1|NM|1-8^A^LN||5|MG/DL^per decilitre^L|||||F"
    both(base, *(adt(n, PID, PV1, obx) for n in "1234"))
    assert known(base)["OBX.Observation"] is None


def test_a_map_that_stumbles_over_a_stand_in_is_run_each_time(
    load: Callable[..., Converter], monkeypatch: pytest.MonkeyPatch
) -> None:
    converter = load(PV1_Encounter=ENCOUNTER)
    monkeypatch.setattr(rehearsal._StandIn, "report", None)  # pyright: ignore[reportPrivateUsage]
    both(converter, *(adt(n, PID + "|" * 22 + "x", PV1 + "|" * 25 + "2026AB01") for n in "123"))


def test_a_reference_follows_what_the_message_made(load: Callable[..., Converter]) -> None:
    converter = load(
        PV1_Encounter=ENCOUNTER + "extension: {'http://example.test/about': {Reference: \"{{ ref('patient') }}\"}}\n"
    )
    other = PID.replace("||7^", "||8^")
    both(converter, *(adt(n, PID, PV1) for n in "123"), adt("4", other, PV1), adt("5", PV1))
    assert {read.name for read in known(converter)["PV1.Encounter"].asked} == {"patient"}


def test_notes_are_read_each_time(base: Converter) -> None:
    note = "NTE|1||Prefers the evening"
    *_, last = both(base, *(adt(n, PID, PV1) for n in "123"), adt("4", PID, note, PV1))
    assert "Prefers the evening" in last.json().decode()


def test_P43_a_message_teaches_so_many_segments_and_no_more(base: Converter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(messages, "LEARNT", 5)
    allergies = [f"AL1|{n}|DA|{n}^Pollen {n}^L" for n in range(1, 31)]
    both(base, *(adt(n, PID, PV1, *allergies) for n in "123"))
    memories = base._memories.values()  # pyright: ignore[reportPrivateUsage]
    assert 0 < len([key for one in memories for key in one.segments if "Pollen" in key[0]]) <= 10
