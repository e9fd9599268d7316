"""What became of each message of a source, in order; in this process or in several, with the same result (A-03).

A process pool works file by file. Knows the converter and nothing of where results go.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from multiprocessing import get_all_start_methods, get_context
from typing import Any, NamedTuple

from segue.cli.sources import Source
from segue.conversion import Failure
from segue.convert import Converter
from segue.issues import Issue
from segue.log import fault
from segue.mapping.ledger import LedgerEntry
from segue.reloading import RuleFiles


class Outcome(NamedTuple):
    """One message: `json` is None where it failed."""

    number: int  # 1-based in its source
    control_id: str
    event: str
    json: bytes | None
    issues: tuple[Issue, ...]
    ledger: tuple[LedgerEntry, ...]  # only where a report is wanted


class Unreadable(NamedTuple):
    """The source could not be read (to its end)."""

    reason: str


Result = Outcome | Unreadable


def each(
    converter: Converter,
    sources: Sequence[Source],
    options: Mapping[str, Any],
    *,
    report: bool,
    jobs: int,
    files: RuleFiles | None = None,
) -> Iterator[tuple[Source, Iterator[Result]]]:
    """Sources in order, each with its messages in order."""
    if jobs == 1 or len(sources) == 1:
        for source in sources:
            yield source, _convert(converter, source, options, report)
        return
    # a forked process has the compiled maps at once; elsewhere each makes its own
    method, given = ("fork", converter) if "fork" in get_all_start_methods() else ("spawn", files or RuleFiles())
    with ProcessPoolExecutor(min(jobs, len(sources)), get_context(method), _prepare, (given,)) as pool:
        waiting: list[tuple[Source, Future[list[Result]]]] = []
        rest = iter(sources)
        try:
            while True:
                # a window instead of all at once: results of a large folder do not pile up in memory
                while len(waiting) < 4 * jobs and (source := next(rest, None)) is not None:
                    raw = source.read() if source.path is None else None
                    waiting.append((source, pool.submit(_work, source, raw, options, report)))
                if not waiting:
                    return
                source, future = waiting.pop(0)
                yield source, iter(future.result())
        finally:
            pool.shutdown(cancel_futures=True)  # waits for what runs: a pool that ends alone complains at exit


def _convert(
    converter: Converter, source: Source, options: Mapping[str, Any], report: bool, raw: bytes | None = None
) -> Iterator[Result]:
    try:
        content = source.content() if raw is None else raw
        for number, item in enumerate(converter.convert_many(content, **options), 1):
            if isinstance(item, Failure):
                yield Outcome(number, item.control_id, "", None, item.issues, ())
            else:
                ledger = item.ledger if report else ()
                yield Outcome(number, item.control_id, item.event, item.json(), item.issues, ledger)
    except OSError as error:
        yield Unreadable(error.strerror or type(error).__name__)
    except Exception as error:  # a bug: told by type and place, since its text may quote the message
        facts = fault(error)
        yield Unreadable(
            f"internal error {facts['exception']} at {facts['place']}; the rest of this source is not converted"
        )


_converter: Converter | None = None


def _prepare(given: Converter | RuleFiles) -> None:
    global _converter
    _converter = given if isinstance(given, Converter) else given.converter()


def _work(source: Source, raw: bytes | None, options: Mapping[str, Any], report: bool) -> list[Result]:
    converter = _converter
    if converter is None:
        raise RuntimeError("the process was not prepared")
    return list(_convert(converter, source, options, report, raw))
