"""Logs: structured, and without a value of a message (O-20, O-21)."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from segue import log


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    yield io.StringIO()
    structlog.reset_defaults()
    logging.basicConfig(handlers=[logging.NullHandler()], force=True)


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_O20_lines_are_JSON_off_a_terminal(stream: io.StringIO) -> None:
    log.configure("auto", "info", stream)
    log.get(listener="adt").info("message", code="AA")
    (line,) = lines(stream)
    assert (line["event"], line["level"], line["listener"], line["code"]) == ("message", "info", "adt", "AA")
    assert "ts" in line


def test_O20_lines_are_for_people_when_asked(stream: io.StringIO) -> None:
    log.configure("console", "info", stream)
    log.get().info("message", code="AA")
    assert "message" in stream.getvalue()
    assert not stream.getvalue().startswith("{")


def test_O20_below_the_level_nothing_is_written(stream: io.StringIO) -> None:
    log.configure("json", "warning", stream)
    log.get().info("message")
    assert stream.getvalue() == ""


def test_O21_control_ids_are_hashed() -> None:
    assert log.hashed("M1") == log.hashed("M1") != log.hashed("M2")
    assert "M1" not in log.hashed("M1")
    assert log.hashed("") == ""


def test_O21_an_exception_is_told_by_type_and_place(stream: io.StringIO) -> None:
    log.configure("json", "info", stream)
    try:
        raise ValueError("Marlow")
    except ValueError as error:
        log.get().error("bug", exc_info=error, **log.fault(error))
    (line,) = lines(stream)
    assert line["exception"] == "ValueError"
    assert line["place"].startswith("test_log.py:")
    assert "Marlow" not in json.dumps(line)


def test_O21_other_libraries_lose_their_arguments_and_exceptions(stream: io.StringIO) -> None:
    log.configure("json", "info", stream)
    logger = logging.getLogger("some.library")
    logger.warning("could not read %s", "Marlow")
    try:
        raise KeyError("Marlow")
    except KeyError:
        logger.exception("failed with %s", "Marlow")
    first, second = lines(stream)
    assert (first["event"], first["source"]) == ("could not read %s", "some.library")
    assert (second["event"], second["exception"]) == ("library.exception", "KeyError")
    assert "Marlow" not in stream.getvalue()
