"""Messages for the tests of the reader: built here, of invented persons."""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest

Build = Callable[..., bytes]


@pytest.fixture(scope="session")
def er7() -> Build:
    """Builds a message: segments as text, the header from its parts."""

    def build(
        *segments: str, kind: str = "ADT^A01^ADT_A01", version: str = "2.5.1", charset: str = "", codec: str = "utf-8"
    ) -> bytes:
        header = f"MSH|^~\\&|WARD|NORTH|HUB|NORTH|20240310101500+0100||{kind}|M1|P|{version}||||||{charset}"
        return "".join(f"{segment}\r" for segment in (header, *segments)).encode(codec)

    return build


@pytest.fixture(scope="session")
def work() -> Callable[[Callable[[], object]], int]:
    """Counts the calls, of Python and C functions, that running something takes."""

    def count(run: Callable[[], object]) -> int:
        calls = 0

        def tally(_frame: object, event: str, _arg: object) -> None:
            nonlocal calls
            if event in ("call", "c_call"):
                calls += 1

        before = sys.getprofile()
        sys.setprofile(tally)
        try:
            run()
        finally:
            sys.setprofile(before)
        return calls

    return count
