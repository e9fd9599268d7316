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
    """Lines of one function, with indentation, fresh names, and what was read in the blocks that are open."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.depth = 1
        self.count = 0
        self.read: list[dict[str, str]] = [{}]  # a scope a block: what ▸ its variable

    def line(self, text: str) -> None:
        self.lines.append("    " * self.depth + text)

    @contextmanager
    def block(self, head: str) -> Generator[None]:
        self.line(head)
        before = len(self.lines)
        self.depth += 1
        self.read.append({})
        yield
        self.read.pop()
        if len(self.lines) == before:
            self.line("pass")
        self.depth -= 1

    def fresh(self, prefix: str = "v") -> str:
        self.count += 1
        return f"{prefix}{self.count}"

    def once(self, prefix: str, what: str, condition: str) -> str:
        """The variable that holds `what`, or None where the condition does not hold: read once, however often it is asked for."""
        code = f"{what} if {condition} else None"
        for scope in self.read:
            if code in scope:
                return scope[code]
        variable = self.read[-1][code] = self.fresh(prefix)
        self.line(f"{variable} = {code}")
        return variable

    def text(self, head: str) -> str:
        return head + "\n" + "\n".join(self.lines) + "\n"
