"""Python text, line by line: the only module that writes code.

def PID_Patient(ctx, seg):                     one function a map; helpers are names of its module
    T = ctx.text; f = seg.cells                the leaf reader, the raw fields
    u = 0                                      bits of the fields that found a home
    …
    seg.used |= u
    return out
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager


class Body:
    """Lines of one function, with indentation and fresh names."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.depth = 1
        self.count = 0

    def line(self, text: str) -> None:
        self.lines.append("    " * self.depth + text)

    @contextmanager
    def block(self, head: str) -> Generator[None]:
        self.line(head)
        before = len(self.lines)
        self.depth += 1
        yield
        if len(self.lines) == before:
            self.line("pass")
        self.depth -= 1

    def fresh(self, prefix: str = "v") -> str:
        self.count += 1
        return f"{prefix}{self.count}"

    def text(self, head: str) -> str:
        return head + "\n" + "\n".join(self.lines) + "\n"
