"""Writes the golden Bundles anew: `python -m tests.messages.rewrite`, then read the difference before it is committed."""

from __future__ import annotations

from pathlib import Path

import orjson

from segue.convert import Converter

ROOT = Path(__file__).parents[2]
EXAMPLES, GOLDEN = ROOT / "examples", ROOT / "tests" / "golden"


def render(path: Path, converter: Converter) -> bytes:
    """The Bundles of a file, indented, one after the other."""
    bundles = [orjson.loads(c.json()) for c in converter.convert_many(path)]  # type: ignore[union-attr]
    return b"".join(orjson.dumps(b, option=orjson.OPT_INDENT_2) + b"\n" for b in bundles)


if __name__ == "__main__":
    made = Converter()
    for example in sorted(EXAMPLES.glob("*.hl7")):
        (GOLDEN / f"{example.stem}.json").write_bytes(render(example, made))
