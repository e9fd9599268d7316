"""Files, folders and standard input on the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from segue.cli.sources import SourceError, sources


def named(*arguments: str) -> list[tuple[str, str]]:
    return [(source.name, str(source.stem)) for source in sources(arguments)]


def test_a_folder_is_walked_in_order_and_mirrored(feed: Path) -> None:
    assert named(str(feed)) == [
        (f"{feed}/bad.txt", "bad"),
        (f"{feed}/good.hl7", "good"),
        (f"{feed}/sub/several.er7", "sub/several"),
    ]


def test_arguments_keep_their_order(feed: Path) -> None:
    assert named(str(feed / "good.hl7"), "-") == [(f"{feed}/good.hl7", "good"), ("-", "stdin")]


def test_a_file_may_have_any_suffix(feed: Path) -> None:
    assert named(str(feed / "notes.md")) == [(f"{feed}/notes.md", "notes")]


def test_files_that_would_share_an_output_keep_their_suffix(feed: Path) -> None:
    (feed / "good.txt").write_text("")
    assert [stem for _, stem in named(str(feed))] == ["bad", "good.hl7", "good.txt", "sub/several"]


def test_outputs_that_cannot_both_be_written(feed: Path) -> None:
    (feed / "sub" / "good.hl7").write_text("")
    with pytest.raises(SourceError, match="same output"):
        sources([str(feed / "good.hl7"), str(feed / "sub" / "good.hl7")])


def test_a_source_named_twice(feed: Path) -> None:
    with pytest.raises(SourceError, match="named twice"):
        sources([str(feed / "good.hl7"), str(feed / "good.hl7")])


def test_standard_input_twice() -> None:
    with pytest.raises(SourceError, match="only once"):
        sources(["-", "-"])


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no such file"):
        sources([str(tmp_path / "none")])
    with pytest.raises(SourceError, match="no message file"):
        sources([str(tmp_path)])
