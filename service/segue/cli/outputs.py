"""Where converted messages go on the command line: lines to standard output, or files that mirror the sources.

One message is `NAME.json`, several are `NAME.ndjson` with one line each. A file appears whole or not at all.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Protocol

import orjson

from segue.cli.outcomes import Outcome
from segue.cli.sources import Source
from segue.fhir.outcome import operation_outcome


class Output(Protocol):
    """Takes all messages of one source, in order."""

    def write(self, source: Source, outcomes: Iterator[Outcome]) -> None: ...


class Lines:
    """One line for each Bundle; with `every`, one for each message, so that line n is message n."""

    def __init__(self, *, every: bool, stream: BinaryIO | None = None) -> None:
        self.every = every
        self.stream = stream or sys.stdout.buffer

    def write(self, source: Source, outcomes: Iterator[Outcome]) -> None:
        for outcome in outcomes:
            if outcome.json is not None or self.every:
                self.stream.write(line(outcome))
        self.stream.flush()


class Folder:
    """Files under a folder, named after their sources."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write(self, source: Source, outcomes: Iterator[Outcome]) -> None:
        first = next(outcomes, None)
        if first is None:
            return
        second = next(outcomes, None)
        if second is None:
            if first.json is not None:
                self._file(source, ".json", iter((first,)))
            return
        self._file(source, ".ndjson", _chain(first, second, outcomes))

    def _file(self, source: Source, suffix: str, outcomes: Iterator[Outcome]) -> None:
        target = self.folder / source.stem
        target = target.with_name(target.name + suffix)
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = target.with_name(target.name + ".part")
        try:
            with partial.open("wb") as stream:
                for outcome in outcomes:
                    stream.write(line(outcome))
            partial.replace(target)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise


def line(outcome: Outcome) -> bytes:
    """The Bundle, or the OperationOutcome of a message that failed."""
    return (outcome.json or orjson.dumps(operation_outcome(outcome.issues))) + b"\n"


def _chain(first: Outcome, second: Outcome, rest: Iterator[Outcome]) -> Iterator[Outcome]:
    yield first
    yield second
    yield from rest
