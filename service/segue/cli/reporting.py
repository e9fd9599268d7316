"""What people read about a conversion on a terminal: issues, what became of every field, and how far the work is."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from segue.cli.outcomes import Outcome

STYLES = {
    "fatal": "bold red",
    "error": "red",
    "warning": "yellow",
    "information": "dim",
    "unmapped": "yellow",
    "ignored": "dim",
}


def show(name: str, outcome: Outcome, console: Console | None = None) -> None:
    """Two tables; no value of the message is in them."""
    out = console or Console(stderr=True, soft_wrap=False)
    title = " ".join(word for word in (f"{name}[{outcome.number}]", outcome.control_id, outcome.event) if word)
    out.print(Text(title, style="bold"))
    issues = Table(title="Issues", title_justify="left", box=None, pad_edge=False)
    for column in ("severity", "code", "0357", "place", "text"):
        issues.add_column(column, overflow="fold")
    for issue in outcome.issues:
        place = str(issue.v2) if issue.v2 else issue.fhirpath or ""
        text = issue.text + (f" – {issue.hint}" if issue.hint else "")
        cells = (issue.severity, issue.code, issue.hl7, place, text)
        issues.add_row(*map(Text, cells), style=STYLES.get(issue.severity, ""))
    if outcome.issues:
        out.print(issues)
    if not outcome.ledger:
        return
    fields = Table(title="Fields", title_justify="left", box=None, pad_edge=False)
    for column in ("field", "state", "FHIR", "rule"):
        fields.add_column(column, overflow="fold")
    for entry in outcome.ledger:
        cells = (str(entry.v2), entry.state, "\n".join(entry.fhir), entry.rule)
        fields.add_row(*map(Text, cells), style=STYLES.get(entry.state, ""))
    out.print(fields)


@contextmanager
def progress(total: int) -> Generator[Callable[[], None]]:
    """A bar on standard error; the yielded call says that one source is done."""
    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    # no thread of its own: processes are forked while it shows
    with Progress(*columns, console=Console(stderr=True), transient=True, auto_refresh=False) as bar:
        task = bar.add_task("converting", total=total)

        def advance() -> None:
            bar.advance(task)
            bar.refresh()

        yield advance
