"""Mapping files as trees that know their lines, and overlays (mapping language §5)."""

from __future__ import annotations

from pathlib import Path

import pytest

from segue.mapping.source import Fields, Items, MappingError, Node, Place, Scalar, list_of, overlay, read, text_of


def tree(tmp_path: Path, text: str, name: str = "segments/PID.Patient.yaml") -> Fields:
    path = tmp_path / "map.yaml"
    path.write_text(text, encoding="utf-8")
    return read(path, name)


def plain(node: Node | None) -> object:
    match node:
        case Scalar():
            return node.value
        case Items():
            return [plain(item) for item in node.items]
        case Fields():
            return {key: plain(value) for key, value in node.entries.items()}
        case None:
            return None


def test_every_node_knows_its_line(tmp_path: Path) -> None:
    found = tree(tmp_path, "active: true\nname:\n  - family: x\n")
    name = found.entries["name"]
    assert isinstance(name, Items)
    assert str(name.items[0].place) == "segments/PID.Patient.yaml:3"
    assert str(found.at("name")) == "segments/PID.Patient.yaml:2"


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("true", True),
        ("12", 12),
        ("012", "012"),
        ("1.50", "1.50"),
        ("on", "on"),
        ("2024-01-01", "2024-01-01"),
        ("'12'", "12"),
        ("~", None),
    ],
)
def test_only_null_booleans_and_integers_are_typed(tmp_path: Path, written: str, value: object) -> None:
    assert plain(tree(tmp_path, f"a: {written}").entries["a"]) == value


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("a: 1\nb: 2\na: 3", "m.yaml:3: key 'a' stands twice"),
        ("a: [1", "m.yaml:1: not YAML: expected ',' or ']', but got '<stream end>'"),
        ("- a", "m.yaml:1: a map file holds keys and values"),
    ],
)
def test_faults_of_a_file_name_their_line(tmp_path: Path, text: str, error: str) -> None:
    with pytest.raises(MappingError) as raised:
        tree(tmp_path, text, "m.yaml")
    assert str(raised.value) == error


def test_empty_file_is_an_empty_map(tmp_path: Path) -> None:
    assert plain(tree(tmp_path, "")) == {}


@pytest.mark.parametrize(
    ("base", "over", "merged"),
    [
        ("a: 1\nb: 2", "b: 3", {"a": 1, "b": 3}),
        ("a: 1\nb: 2", "b: null", {"a": 1}),
        ("a: {x: 1, y: 2}", "a: {y: 3, z: 4}", {"a": {"x": 1, "y": 3, "z": 4}}),
        ("a: [1]", "a: [2]", {"a": [2]}),
        ("a: [1]", "a: {$add: [2, 3]}", {"a": [1, 2, 3]}),
        ("a: 1", "a: {$add: 2}", {"a": [1, 2]}),
        ("b: 1", "a: {$add: 2}", {"b": 1, "a": [2]}),
        ("a: {x: 1}", "a: {$add: {y: 2}}", {"a": {"x": 1, "y": 2}}),
    ],
)
def test_overlay_replaces_removes_and_adds(tmp_path: Path, base: str, over: str, merged: object) -> None:
    below, above = tree(tmp_path, base), tree(tmp_path, over)
    assert plain(overlay(below, above)) == merged
    assert plain(below) == plain(tree(tmp_path, base))


def test_an_overlaid_key_names_the_line_of_the_overlay(tmp_path: Path) -> None:
    merged = overlay(tree(tmp_path, "a: 1\nb: 2", "base.yaml"), tree(tmp_path, "\nb: 3", "site.yaml"))
    assert str(merged.at("a")) == "base.yaml:1"
    assert str(merged.at("b")) == "site.yaml:2"


def test_removing_what_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(MappingError, match=r"^site\.yaml:1: nothing to remove: the base has no 'b'$"):
        overlay(tree(tmp_path, "a: 1"), tree(tmp_path, "b: null", "site.yaml"))


def test_texts_and_lists() -> None:
    place = Place("m.yaml", 4)
    assert text_of(Scalar(5, place), "structure") == "5"
    assert list_of(None) == []
    assert list_of(Scalar("a", place)) == [Scalar("a", place)]
    with pytest.raises(MappingError, match=r"^m\.yaml:4: structure takes a text$"):
        text_of(Items([], place), "structure")
