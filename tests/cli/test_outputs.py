"""Lines and files of converted messages."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path, PurePath

import pytest

from segue.cli.outcomes import Outcome
from segue.cli.outputs import Folder, Lines
from segue.cli.sources import Source
from segue.issues import issue

SOURCE = Source(Path("in/sub/a.hl7"), "in/sub/a.hl7", PurePath("sub/a"))
GOOD = Outcome(1, "M1", "ADT^A01", b'{"resourceType":"Bundle"}', (), ())
BAD = Outcome(2, "M2", "", None, (issue("message.event-unsupported"),), ())


def test_lines_leave_failures_out_unless_every_message_is_wanted() -> None:
    for every, kinds in ((False, ["Bundle"]), (True, ["Bundle", "OperationOutcome"])):
        stream = io.BytesIO()
        Lines(every=every, stream=stream).write(SOURCE, iter((GOOD, BAD)))
        assert [json.loads(line)["resourceType"] for line in stream.getvalue().splitlines()] == kinds


def test_one_message_is_a_json_file(tmp_path: Path) -> None:
    Folder(tmp_path).write(SOURCE, iter((GOOD,)))
    assert [str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*.*")] == ["sub/a.json"]


def test_several_messages_are_an_ndjson_file_with_one_line_each(tmp_path: Path) -> None:
    Folder(tmp_path).write(SOURCE, iter((GOOD, BAD, GOOD)))
    lines = (tmp_path / "sub" / "a.ndjson").read_text().splitlines()
    assert [json.loads(line)["resourceType"] for line in lines] == ["Bundle", "OperationOutcome", "Bundle"]


@pytest.mark.parametrize("outcomes", [(), (BAD,)])
def test_nothing_converted_makes_no_file(tmp_path: Path, outcomes: tuple[Outcome, ...]) -> None:
    Folder(tmp_path).write(SOURCE, iter(outcomes))
    assert list(tmp_path.rglob("*.*")) == []


def test_an_interrupted_file_does_not_appear(tmp_path: Path) -> None:
    def interrupted() -> Iterator[Outcome]:
        yield GOOD
        yield GOOD
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Folder(tmp_path).write(SOURCE, interrupted())
    assert list(tmp_path.rglob("*.*")) == []
