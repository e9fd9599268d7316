"""Writes the golden Bundles anew: `python -m tests.messages.rewrite`, then read the difference before it is committed."""

from __future__ import annotations

import json
import re
from pathlib import Path

from segue.conversion import Conversion
from segue.convert import Converter

ROOT = Path(__file__).parents[2]
EXAMPLES, GOLDEN = ROOT / "examples", ROOT / "tests" / "golden"


def indented(text: str) -> str:
    """Indented JSON with every decimal as it was written."""
    marked = json.dumps(json.loads(text, parse_float="\0{}".format), indent=1, ensure_ascii=False)
    return re.sub(r'"\\u0000([^"]*)"', r"\1", marked) + "\n"


def render(path: Path, converter: Converter) -> str:
    """The Bundles of a file, one after the other."""
    return "".join(indented(c.json().decode()) for c in converter.convert_many(path) if isinstance(c, Conversion))


if __name__ == "__main__":
    made = Converter()
    for example in sorted(EXAMPLES.glob("*.hl7")):
        (GOLDEN / f"{example.stem}.json").write_text(render(example, made))
