"""What the service says about itself: structured lines, never a value of a message (O-20, O-21).

Events are named by a constant word and carry bounded facts; control ids are hashed unless the settings say otherwise.
Exceptions are told by type and place, since their text may quote what they choked on. Records of foreign libraries pass
one handler that keeps their template and drops its arguments.
"""

from __future__ import annotations

import hashlib
import logging
import sys
import traceback
from collections.abc import MutableMapping
from typing import Any, TextIO

import structlog

_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


class Redacted(logging.Handler):
    """Hands records of other libraries to structlog without their arguments and without exception text."""

    def emit(self, record: logging.LogRecord) -> None:
        facts: dict[str, Any] = {"source": record.name}
        if record.exc_info and record.exc_info[1] is not None:
            facts |= fault(record.exc_info[1])
        structlog.get_logger().log(
            record.levelno, str(record.msg) if not record.exc_info else "library.exception", **facts
        )


def configure(form: str = "auto", level: str = "info", stream: TextIO | None = None) -> None:
    """Lines go to standard output unless a stream is given; in words on a terminal, as JSON elsewhere."""
    out = stream or sys.stdout
    console = form == "console" or (form == "auto" and out.isatty())
    renderer: Any = structlog.dev.ConsoleRenderer() if console else structlog.processors.JSONRenderer(sort_keys=False)
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="ts"),
            _without_text,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        logger_factory=structlog.WriteLoggerFactory(file=out),
        cache_logger_on_first_use=False,
    )
    logging.basicConfig(handlers=[Redacted()], level=logging.WARNING, force=True)


def get(**facts: Any) -> Any:
    """A logger that adds these facts to each line."""
    return structlog.get_logger(**facts)


def hashed(control_id: str) -> str:
    """A control id as it may stand in a log."""
    return hashlib.sha256(control_id.encode()).hexdigest()[:12] if control_id else ""


def fault(error: BaseException) -> dict[str, str]:
    """An exception as facts: its type and where it was raised, never its text."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f"{frames[-1].filename.rsplit('/', 1)[-1]}:{frames[-1].lineno}" if frames else ""
    return {"exception": type(error).__name__, "place": place}


def _without_text(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Second line of defence: no exception object or traceback is ever rendered."""
    event.pop("exc_info", None)
    event.pop("stack_info", None)
    return event
