"""The messages that are measured: the admission of examples/, and laboratory reports of any length."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

EXAMPLES = Path(__file__).parents[1] / "examples"
ADT_FILE = EXAMPLES / "adt_a01_admission.hl7"  # 17 segments
ADT = ADT_FILE.read_bytes()

_HEAD = (
    "MSH|^~\\&|CORELAB|NORTHGATE|HUB|REGION|20260311094000-0500||ORU^R01^ORU_R01|BENCH-{count}|P|2.5.1",
    "PID|1||700412^^^NORTHGATE&2.999.10.1&ISO^MR||Ashgrove^Rowan^Ellis^^Ms^^L||19780314|F",
    "PV1|1|I|4WEST^412^A^NORTHGATE&2.999.10.1&ISO||||41877^Okonjo^Mira^^^Dr||||||||||||V-5500871",
    "ORC|RE|ORD-1^WARD|C-1^CORELAB",
    "OBR|1|ORD-1^WARD|C-1^CORELAB|24323-8^Comprehensive metabolic 2000 panel^LN|||20260311085500-0500"
    "|||||||||41877^Okonjo^Mira^^^Dr||||||20260311094000-0500||CH|F",
)
_TESTS = (
    ("2951-2^Sodium^LN", "139", "mmol/L^^UCUM", "136-145", "N"),
    ("2823-3^Potassium^LN", "5.60", "mmol/L^^UCUM", "3.5-5.1", "H"),
    ("2345-7^Glucose^LN", "112", "mg/dL^^UCUM", "70-99", "H"),
    ("17861-6^Calcium^LN", "9.4", "mg/dL^^UCUM", "8.6-10.2", "N"),
)


def report(count: int) -> bytes:
    """An ORU^R01 with so many OBX."""
    lines = [line.format(count=count) for line in _HEAD]
    for number in range(1, count + 1):
        code, value, unit, limits, flag = _TESTS[number % len(_TESTS)]
        lines.append(f"OBX|{number}|NM|{code}|{number}|{value}|{unit}|{limits}|{flag}|||F|||20260311085500-0500")
    return "\r".join([*lines, ""]).encode()


_SYLLABLES = [
    "ba",
    "be",
    "ca",
    "de",
    "do",
    "fa",
    "ga",
    "ha",
    "jo",
    "ka",
    "le",
    "mi",
    "no",
    "pe",
    "ra",
    "ro",
    "sa",
    "ti",
    "vu",
    "wo",
]
_SAID = re.compile(
    r"(?P<kept>8302-2|29463-7|2106-3)"
    r"|(?P<day>(?<=[|^~])(?:19|20)\d{6}(?=[\d|^~\r]))"
    r"|(?P<number>(?:(?<=[|^~&])|(?<=[A-Z]-)|(?<=\|A)|(?<=NG\d{8}-))\d{3,9}(?=[|^~&\r-]))"
    r"|(?P<word>Ashgrove|Rowan|Ellis|Birchwood|Tobias|Ines|Quillfeather|Petra|Okonjo|Mira|Halvorsen|Sven|Fennimore|Tess|Harbourton"
    r"|Ellery|Lantern|Cooper|Quay|Lighthouse|Harbour Mutual|Chest pain|Peanut|Penicillin|R07)"
)


def admissions(count: int, seed: int = 1) -> Iterator[bytes]:
    """ADT^A01 of the same shape, each with names, numbers, dates and codes that no other has."""
    chance = random.Random(seed)
    text = ADT.decode()
    for _ in range(count):
        shift, known = timedelta(days=chance.randrange(-9000, 0)), dict[str, str]()

        def other(match: re.Match[str], shift: timedelta = shift, known: dict[str, str] = known) -> str:
            said = match[0]
            match match.lastgroup:
                case "day":
                    return f"{datetime.strptime(said, '%Y%m%d') + shift:%Y%m%d}"
                case "number":
                    return known.setdefault(said, "".join(chance.choices("123456789", k=len(said))))
                case "word":
                    return known.setdefault(said, "".join(chance.choices(_SYLLABLES, k=4)).capitalize())
                case _:
                    return said

        yield _SAID.sub(other, text).encode()
