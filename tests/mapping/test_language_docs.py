"""The page about the mapping language: every example on it runs, its table of functions is that of the program.

Run as a script it writes that table anew.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from segue.convert import Converter
from segue.mapping.functions import FUNCTIONS
from segue.mapping.source import MappingError

PAGE = Path(__file__).parents[2] / "docs" / "mapping-language.md"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.M | re.S)
USE = {"call": "call", "segment": "segment", "leaf": "path", "node": "path", "text": "path", "message": "message"}


class Example(NamedTuple):
    """Files, a message, and the resource or the error that is to come of them."""

    line: int
    files: dict[str, str]
    message: str
    expected: str
    is_error: bool


def examples() -> Iterator[Example]:
    text = PAGE.read_text(encoding="utf-8")
    files: dict[str, str] = {}
    message = ""
    for block in BLOCK.finditer(text):
        kind, body = block.groups()
        if kind in ("yaml", "csv"):
            head, _, rest = body.partition("\n")
            files[head.removeprefix("# ")] = rest
        elif kind == "hl7":
            message = body
        else:
            yield Example(text[: block.start()].count("\n") + 1, files, message, body, kind == "text")
            files, message = {}, ""


EXAMPLES = list(examples())


def pack(files: dict[str, str]) -> dict[str, str]:
    """The files, with a message map where the example shows none."""
    if any(name.startswith("messages/") for name in files):
        return files
    maps = [Path(name).stem for name in files if name.startswith("segments/")]
    made = "".join(f"i{n}: {name}\n" for n, name in enumerate(maps))
    return {
        **files,
        "segments/MSH.Basic.yaml": '$key: []\ncode: {text: "{{ MSH.10 }}"}\n',
        "messages/ADT_A01.yaml": f"structure: ADT_A01\n{made}basic: MSH.Basic\n",
    }


@pytest.mark.parametrize("example", [e for e in EXAMPLES if not e.is_error], ids=lambda e: f"line {e.line}")
def test_an_example_gives_what_it_says(
    example: Example, packed: Callable[..., Converter], er7: Callable[..., bytes]
) -> None:
    lines = example.message.strip().split("\n")
    raw = "\r".join(lines).encode() if lines[0].startswith("MSH") else er7(*lines)
    expected = json.loads(example.expected)
    bundle = json.loads(packed(pack(example.files)).convert(raw).json())
    found = [e["resource"] for e in bundle["entry"] if e["resource"]["resourceType"] == expected["resourceType"]]
    assert [{k: v for k, v in resource.items() if k != "id"} for resource in found] == [expected]


@pytest.mark.parametrize("example", [e for e in EXAMPLES if e.is_error], ids=lambda e: f"line {e.line}")
def test_an_error_reads_as_it_says(example: Example, packed: Callable[..., Converter]) -> None:
    with pytest.raises(MappingError) as raised:
        packed(pack(example.files)).compiled()
    assert str(raised.value) == example.expected.strip()


def functions() -> str:
    """The table of the functions, in the order of their names."""
    rows = ["| function | applied to | gives | |", "|---|---|---|---|"]
    for name, listed in sorted(FUNCTIONS.items()):
        gives = " or ".join(t for t in listed.targets) + (" (several)" if listed.many else "")
        words = " ".join((listed.call.__doc__ or "").strip().split("\n")[0].split()).replace("|", "\\|")
        rows.append(f"| `{name}` | {USE[listed.kind]} | {gives} | {words} |")
    return "\n".join(rows)


def test_the_table_of_functions_is_that_of_the_program() -> None:
    shown = PAGE.read_text(encoding="utf-8").partition("<!-- functions -->\n")[2].partition("\n<!-- /functions -->")[0]
    assert shown == functions()


def test_every_control_key_and_filter_is_explained() -> None:
    from segue.mapping.compiler import CONTROL
    from segue.mapping.messages import KEYS, RESERVED
    from segue.mapping.sites import SETTINGS

    text = PAGE.read_text(encoding="utf-8")
    words = {*CONTROL, *RESERVED, *KEYS, *SETTINGS, "$each", "$first", "$case", "$when", "$keep", "$value", "$add"}
    assert {word for word in words if word not in text} == set()


if __name__ == "__main__":
    head, start, rest = PAGE.read_text(encoding="utf-8").partition("<!-- functions -->\n")
    PAGE.write_text(head + start + functions() + "\n" + rest[rest.index("<!-- /functions -->") :], encoding="utf-8")
