"""`segue convert`: sources through the converter into an output, with everything that went wrong told on standard
error.

A refusal is one line: `FILE[n] control id, code, HL7 code, place, text – hint`; no value of a message is ever in
it. One failed message or unreadable file never stops the rest.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, Protocol

import typer

from segue.catalogue import SEVERITIES
from segue.cli.collector import let_young_be
from segue.cli.outcomes import Outcome, Result, Unreadable, each
from segue.cli.outputs import Folder, Lines, Output
from segue.cli.rules import RulesError, converter_for
from segue.cli.sources import Source, SourceError, sources
from segue.issues import Issue
from segue.reloading import RuleFiles


class _Progress(Protocol):
    def __call__(self) -> None: ...


def run(
    paths: Sequence[str],
    *,
    out: Path | None,
    ndjson: bool,
    options: Mapping[str, Any],
    report: bool,
    jobs: int,
    files: RuleFiles | None = None,
) -> int:
    """Exit code: 0 all converted, 1 some failed, 2 nothing to read or no usable rules."""
    if not paths and sys.stdin.isatty():
        typer.echo("Nothing to convert – name files or folders, or - for standard input.", err=True)
        return 2
    try:
        found = sources(paths or ["-"])
    except SourceError as error:
        typer.echo(str(error), err=True)
        return 2
    try:
        converter = converter_for([options.get("site")], files=files)
    except RulesError as error:
        typer.echo(str(error), err=True)
        return 2
    let_young_be()
    output: Output = Lines(every=ndjson) if out is None else Folder(out)
    tally = _Tally()
    with _progress(len(found)) as advance:
        for source, results in each(converter, found, options, report=report, jobs=jobs, files=files):
            try:
                output.write(source, _told(source, results, tally, report))
            except BrokenPipeError:
                raise
            except OSError as error:
                tally.broken += 1
                typer.echo(f"{source.name}: cannot write: {error.strerror or type(error).__name__}", err=True)
            advance()
    tally.tell()
    return 1 if tally.failed or tally.broken else 0


class _Tally:
    """What is said at the end, so that no issue passes unseen."""

    def __init__(self) -> None:
        self.converted = 0
        self.failed = 0
        self.broken = 0
        self.issues: Counter[str] = Counter()

    def tell(self) -> None:
        total = self.converted + self.failed
        if total == 1 and not self.failed and not self.issues["error"] and not self.issues["warning"]:
            return
        counts = ", ".join(f"{name} {self.issues[name]}" for name in SEVERITIES if self.issues[name]) or "none"
        typer.echo(f"{total} messages: {self.converted} converted, {self.failed} failed. Issues: {counts}.", err=True)


def _told(source: Source, results: Iterator[Result], tally: _Tally, report: bool) -> Iterator[Outcome]:
    seen = 0
    for result in results:
        if isinstance(result, Unreadable):
            tally.broken += 1
            typer.echo(f"{source.name}: cannot read: {result.reason}", err=True)
            continue
        seen += 1
        tally.issues.update(issue.severity for issue in result.issues)
        if result.json is None:
            tally.failed += 1
            for issue in result.issues:
                if issue.severity in ("fatal", "error"):
                    typer.echo(refusal(source.name, result.number, result.control_id, issue), err=True)
        else:
            tally.converted += 1
        if report:
            from segue.cli.reporting import show

            show(source.name, result)
        yield result
    if not seen and not tally.broken:
        tally.broken += 1
        typer.echo(f"{source.name}: no message in it", err=True)


def refusal(name: str, index: int, control_id: str, issue: Issue) -> str:
    """One coded line, no data of the message but its control id."""
    words = [f"{name}[{index}]", control_id, issue.code, issue.hl7, str(issue.v2) if issue.v2 else "", issue.text]
    return " ".join(word for word in words if word) + (f" – {issue.hint}" if issue.hint else "")


def _progress(total: int) -> AbstractContextManager[_Progress]:
    if total < 20 or not sys.stderr.isatty():
        return nullcontext(lambda: None)
    from segue.cli.reporting import progress

    return progress(total)
