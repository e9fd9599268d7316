"""What became of each message, in one process and in several (A-03)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from segue.cli.outcomes import Outcome, Result, Unreadable, each
from segue.cli.sources import sources
from segue.convert import Converter


def made(converter: Converter, feed: Path, **settings: Any) -> list[tuple[str, list[Result]]]:
    wanted = {"report": False, "jobs": 1} | settings
    found = each(converter, sources([str(feed)]), {}, report=wanted["report"], jobs=wanted["jobs"])
    return [(source.name, list(results)) for source, results in found]


def test_every_message_has_its_outcome_in_order(feed: Path, converter: Converter) -> None:
    found = {Path(name).name: results for name, results in made(converter, feed)}
    several = [(r.number, r.control_id, r.json is not None) for r in found["several.er7"] if isinstance(r, Outcome)]
    assert several == [(1, "S1", True), (2, "S2", False), (3, "S3", True)]


def test_A03_processes_give_the_same_results_in_the_same_order(feed: Path, converter: Converter) -> None:
    assert made(converter, feed, jobs=2) == made(converter, feed)


def test_the_ledger_comes_with_a_report_only(feed: Path, converter: Converter) -> None:
    for report in (False, True):
        (results,) = (r for name, r in made(converter, feed, report=report) if name.endswith("good.hl7"))
        assert isinstance(results[0], Outcome)
        assert bool(results[0].ledger) is report


def test_a_file_that_cannot_be_read_speaks(feed: Path, converter: Converter) -> None:
    found = sources([str(feed)])
    (feed / "good.hl7").unlink()
    (results,) = (list(r) for s, r in each(converter, found, {}, report=False, jobs=1) if s.name.endswith("good.hl7"))
    assert results == [Unreadable("No such file or directory")]


def test_A34_a_bug_is_told_without_its_text(feed: Path) -> None:
    class Broken:
        def convert_many(self, _raw: Any, **_options: Any) -> Any:
            raise RuntimeError("Marlow")

    broken: Any = Broken()
    results = [r for _, listed in each(broken, sources([str(feed)]), {}, report=False, jobs=1) for r in listed]
    assert all(isinstance(r, Unreadable) and "RuntimeError" in r.reason and "Marlow" not in r.reason for r in results)
