"""Memory: what came twice is learnt, within bounds, and never changed."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from segue.convert import Converter
from segue.fhir import proof
from segue.fhir.proof import exact
from segue.mapping import ledger, memory
from segue.mapping.given import Given
from segue.mapping.memory import Memory

ADT = (Path(__file__).parents[2] / "examples" / "adt_a01_admission.hl7").read_bytes()


def memories(converter: Converter) -> list[Memory]:
    return list(converter._memories.values())  # pyright: ignore[reportPrivateUsage]


def kept(converter: Converter) -> dict[tuple[object, ...], Given]:
    return {
        (*key, name): given
        for one in memories(converter)
        for key, maps in one.segments.items()
        for name, given in maps.items()
        if given is not None
    }


def test_nothing_is_learnt_from_what_came_once() -> None:
    found = Memory()
    assert found.of_segment(("PID|1", ())) is None
    assert found.of_segment(("PID|2", ())) is None
    assert not found.segments
    assert found.of_segment(("PID|1", ())) == {}
    assert list(found.segments) == [("PID|1", ())]


def test_a_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "SEGMENTS", 4)
    monkeypatch.setattr(memory, "SIGHTINGS", 8)
    found = Memory()
    for number in range(50):
        for _ in range(2):
            found.of_segment((f"PID|{number}", ()))
        assert len(found.segments) <= 4
        assert len(found.seen) <= 8


def test_a_feed_of_ever_new_patients_takes_no_more_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a converter holds of messages starts anew when it is full, each part of it."""
    for module, name in (
        (memory, "LIMIT"),
        (memory, "SIGHTINGS"),
        (ledger, "LIMIT"),
        (proof, "LIMIT"),
        (proof, "FINISHED"),
    ):
        monkeypatch.setattr(module, name, 64)
    monkeypatch.setattr(memory, "SEGMENTS", 8)
    converter = Converter()
    for number in range(80):
        for _ in range(2):
            converter.convert(ADT.replace(b"700412", b"7%05d" % number).replace(b"V-5500871", b"V-%d" % number)).issues  # noqa: B018
    (one,) = memories(converter)
    sizes = {name: len(getattr(one, name)) for name in Memory.__slots__}
    proofs = converter._proofs  # pyright: ignore[reportPrivateUsage]
    sizes |= {"proven": len(proofs.known), "proofs seen": len(proofs.seen), "finished": len(proofs.finished)}
    assert {name: size for name, size in sizes.items() if size > 150} == {}  # the bound, and what one message adds


def test_nobody_changes_what_is_remembered() -> None:
    converter = Converter()

    def written() -> dict[tuple[object, ...], bytes]:
        return {key: orjson.dumps(given.resource, default=exact) for key, given in kept(converter).items()}

    converter.convert(ADT)
    converter.convert(ADT)
    learnt = written()
    assert len(learnt) > 15
    for kind in ("transaction", "message", "collection"):
        made = converter.convert(ADT, bundle=kind, residue="extension")  # pyright: ignore[reportArgumentType]
        assert made.json()
        made.bundle.clear()
    assert {key: written()[key] for key in learnt} == learnt


def test_a_line_that_is_continued_or_repaired_is_not_remembered() -> None:
    converter = Converter()
    for _ in range(3):
        converter.convert(
            ADT.replace(b"\rPD1|", b"\rand more\rPD1|").replace(b"Quay Street", b"Quay \xff\x81 Street"),
            charset="utf-8",
        )
    lines = {str(key[0])[:3] for one in memories(converter) for key in one.segments}
    assert {"MSH", "PD1"} <= lines
    assert not {"PID", "IN1"} & lines
