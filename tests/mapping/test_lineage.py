"""Lineage: FHIR path, v2 leaves, line of the mapping (P-15)."""

from __future__ import annotations

import re
from collections.abc import Callable

from segue.conversion import Conversion
from segue.convert import Converter
from segue.mapping.lineage import paths


def test_every_element_names_its_leaf_and_its_line(mapped: Callable[..., Conversion]) -> None:
    made = mapped('\nbirthDate: "{{ PID.7 }}"\nname:\n  - {family: "{{ PID.5.1.1 }}"}', "PID|||||Novak^Ada||1980")
    found = {line.fhir.partition("resource.")[2]: ([str(at) for at in line.v2], line.rule) for line in made.lineage}
    assert found["birthDate"] == (["PID[1]-7"], "segments/PID.Patient.yaml:2")
    assert found["name[0].family"] == (["PID[1]-5[1].1.1"], "segments/PID.Patient.yaml:4")


def test_every_path_of_the_lineage_stands_in_the_bundle(base: Converter, er7: Callable[..., bytes]) -> None:
    made = base.convert(er7("EVN|A01|20240310", "PID|1||7^^^&2.999.1&ISO^MR||Novak^Ada||1980|F", "PV1|1|I|W^1^2"))
    assert len(made.lineage) > 10
    for line in made.lineage:
        node = made.bundle
        for key, index in re.findall(r"(\w+)(?:\[(\d+)\])?", line.fhir.removeprefix("Bundle.")):
            assert key in node or f"_{key}" in node, line.fhir
            node = node.get(key, node.get(f"_{key}"))  # pyright: ignore[reportUnknownMemberType]
            node = node[int(index)] if index else node
        assert re.fullmatch(r"(segments|datatypes)/[\w.-]+\.yaml:\d+", line.rule), line.rule


def test_paths_are_those_of_the_entries() -> None:
    name: dict[str, object] = {"family": "x"}
    bundle = {"entry": [{"resource": {"name": [name]}}]}
    assert paths(bundle)[id(name)] == "Bundle.entry[0].resource.name[0]"


def test_mapped_leaves_of_the_ledger_name_where_they_went(mapped: Callable[..., Conversion]) -> None:
    made = mapped('birthDate: "{{ PID.7 }}"', "PID|||||||1980|F")
    found = {str(e.v2): e.fhir for e in made.ledger if e.v2.segment == "PID"}
    assert [p.partition("resource.")[2] for p in found["PID[1]-7[1]"] or found["PID[1]-7"]] == ["birthDate"]
